"""The two state machines of a visit: where it stands, and what the patient answered."""

from __future__ import annotations

from typing import Final

from apps.agenda.models import Appointment
from apps.core.transitions import Table, Transition

Status = Appointment.Status
Confirmation = Appointment.Confirmation
CHANGE: Final = "agenda.change_appointment"
CHANGE_COMPLETED: Final = "agenda.change_completed_appointment"

# Every live status holds its time; a finished visit holds what it really took.
HOLDING: Final = (Status.REQUESTED, Status.BOOKED, Status.ARRIVED, Status.IN_CHAIR, Status.DONE)
# The patient's answer matters until the patient is there.
OPEN: Final = (Status.REQUESTED, Status.BOOKED)

LIFECYCLE: Final = Table(
    "agenda.appointment.status",
    [
        Transition((Status.REQUESTED,), "confirm", Status.BOOKED, CHANGE),
        Transition((Status.BOOKED,), "arrive", Status.ARRIVED, CHANGE),
        Transition((Status.ARRIVED,), "seat", Status.IN_CHAIR, CHANGE),
        Transition((Status.IN_CHAIR,), "complete", Status.DONE, CHANGE),
        Transition((Status.REQUESTED, Status.BOOKED), "no-show", Status.NO_SHOW, CHANGE),
        Transition(
            (Status.REQUESTED, Status.BOOKED, Status.ARRIVED),
            "cancel-by-patient",
            Status.CANCELLED_BY_PATIENT,
            CHANGE,
        ),
        Transition(
            (Status.REQUESTED, Status.BOOKED, Status.ARRIVED),
            "cancel-by-practice",
            Status.CANCELLED_BY_PRACTICE,
            CHANGE,
        ),
        Transition((Status.ARRIVED,), "undo", Status.BOOKED, CHANGE),
        Transition((Status.IN_CHAIR,), "undo", Status.ARRIVED, CHANGE),
        Transition((Status.DONE,), "undo", Status.IN_CHAIR, CHANGE_COMPLETED),
        Transition(
            (Status.CANCELLED_BY_PATIENT, Status.CANCELLED_BY_PRACTICE, Status.NO_SHOW),
            "undo",
            Status.BOOKED,
            CHANGE,
        ),
    ],
    states=Status.values,
)

CONFIRMATION: Final = Table(
    "agenda.appointment.confirmation",
    [
        Transition((Confirmation.UNCONFIRMED,), "remind", Confirmation.REMINDED, CHANGE),
        Transition(
            (Confirmation.UNCONFIRMED, Confirmation.REMINDED, Confirmation.DECLINED),
            "confirm",
            Confirmation.CONFIRMED,
            CHANGE,
        ),
        Transition(
            (Confirmation.UNCONFIRMED, Confirmation.REMINDED, Confirmation.CONFIRMED),
            "decline",
            Confirmation.DECLINED,
            CHANGE,
        ),
        Transition((Confirmation.CONFIRMED, Confirmation.DECLINED), "undo", Confirmation.UNCONFIRMED, CHANGE),
    ],
    states=Confirmation.values,
)

CANCEL_VERBS: Final = {"patient": "cancel-by-patient", "practice": "cancel-by-practice"}


def allowed_verbs(status: str, confirmation: str) -> list[str]:
    """Return the verbs of the API that a visit in this state allows, in the order of the tables."""
    verbs = ["cancel" if verb in CANCEL_VERBS.values() else verb for verb in LIFECYCLE.verbs_from(status)]
    if status in OPEN:
        verbs += [verb for verb in CONFIRMATION.verbs_from(confirmation) if verb != "remind"]
    return list(dict.fromkeys(verbs))
