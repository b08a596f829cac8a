"""The day of a visit: confirmed, arrived, in the chair, done, missed, cancelled; and taken back."""

from __future__ import annotations

from datetime import datetime

from apps.agenda.lifecycle import (
    CANCEL_VERBS,
    CONFIRMATION,
    HOLDING,
    LIFECYCLE,
    OPEN,
    allowed_verbs,
)
from apps.agenda.live import announce
from apps.agenda.models import Appointment
from apps.agenda.services import reminders
from apps.agenda.services.freed import note_freed
from apps.agenda.services.pins import lock_pins, take_down
from apps.agenda.services.recalls import follow_visit
from apps.agenda.services.resources import claims_of, hold, lock_resources, refuse_conflicts
from apps.core.errors import InvalidInput, PermissionRefused
from apps.core.scope import Viewer
from apps.core.service import service
from apps.core.transitions import IllegalTransition

Status = Appointment.Status
STAMPS = {
    Status.ARRIVED: "arrived_at",
    Status.IN_CHAIR: "seated_at",
    Status.DONE: "dismissed_at",
    Status.CANCELLED_BY_PATIENT: "cancelled_at",
    Status.CANCELLED_BY_PRACTICE: "cancelled_at",
}
WRITTEN = [
    "status",
    "confirmation",
    "arrived_at",
    "seated_at",
    "dismissed_at",
    "cancelled_at",
    "cancel_reason",
    "scheduled_at",
    "reminders_planned_at",
    "version",
    "updated_at",
]


@service("agenda.appointment.change")
def change_appointment(*, actor: Viewer, appointment: Appointment, verb: str, at: datetime) -> Appointment:
    """Apply one verb: confirm, decline, arrive, seat, complete, no-show or undo.

    Refuses a verb the visit's state does not allow (IllegalTransition, with those it does), one the role may
    not use, and an undo whose time was given away meanwhile (SlotTaken, RoomTaken, PatientBusy).
    """
    return step(actor, appointment, verb, at)


@service("agenda.appointment.cancel")
def cancel_appointment(
    *, actor: Viewer, appointment: Appointment, at: datetime, reason: str = "", cancelled_by: str = "practice"
) -> Appointment:
    """Cancel a visit for the patient or for the practice; its time is free again, its reminders are dropped.

    Refuses a visit that has begun or already ended (IllegalTransition).
    """
    if cancelled_by not in CANCEL_VERBS:
        raise InvalidInput(cancelled_by=["patient, practice"])
    return step(actor, appointment, CANCEL_VERBS[cancelled_by], at, reason=reason.strip()[:200])


def step(
    actor: Viewer, appointment: Appointment, verb: str, at: datetime, *, reason: str = ""
) -> Appointment:
    """Lock, decide by the two tables, write what follows."""
    seen = Appointment.objects.with_people().select_related("practice").get(pk=appointment.pk)
    # Taking back may need the time again: people and rooms are locked before the visit, as in booking.
    pins = lock_pins(seen) if verb == "undo" else []
    rows = lock_resources(seen) if verb == "undo" else None
    visit: Appointment = (
        Appointment.objects.with_people()
        .select_related("practice")
        .select_for_update(no_key=True, of=("self",))
        .get(pk=appointment.pk)
    )
    former = visit.status
    advance(actor, visit, verb)
    stamp(visit, former, at)
    visit.cancel_reason = reason
    if verb != "remind":
        visit.version += 1
    if former not in HOLDING:
        visit.scheduled_at = at
        visit.reminders_planned_at = reminders.planning_moment(visit, at)
    if rows is not None and former != visit.status:
        refuse_conflicts(visit, claims_of(visit), rows=rows)
    visit.save(update_fields=WRITTEN)
    if former not in HOLDING:
        take_down(pins, at)
    follow(actor, visit, former, at)
    announce(visit, "appointment.cancelled" if visit.cancelled_at else "appointment.updated")
    return visit


def advance(actor: Viewer, visit: Appointment, verb: str) -> None:
    """Set the next state on the axes the verb moves."""
    moves = []
    if verb in LIFECYCLE.verbs_from(visit.status):
        moves.append((LIFECYCLE, "status"))
    answered = verb in CONFIRMATION.verbs_from(visit.confirmation) and visit.status in OPEN
    if answered and not (verb == "undo" and moves):
        moves.append((CONFIRMATION, "confirmation"))
    if not moves:
        raise IllegalTransition(
            status=visit.status,
            confirmation=visit.confirmation,
            allowed=allowed_verbs(visit.status, visit.confirmation),
        )
    for table, axis in moves:
        transition = table.find(getattr(visit, axis), verb)
        if not actor.has_perm(transition.permission):
            raise PermissionRefused
        setattr(visit, axis, table.next_state(getattr(visit, axis), verb, visit))


def stamp(visit: Appointment, former: str, at: datetime) -> None:
    """Note when the visit reached its state; taking back clears what is taken back."""
    if visit.status == former:
        return
    left, reached = STAMPS.get(Status(former)), STAMPS.get(Status(visit.status))
    order = [Status.BOOKED, Status.ARRIVED, Status.IN_CHAIR, Status.DONE]
    going_back = former not in order or (
        visit.status in order and order.index(Status(visit.status)) < order.index(Status(former))
    )
    if left and going_back:
        setattr(visit, left, None)
    if reached and not (going_back and getattr(visit, reached)):
        setattr(visit, reached, at)


def follow(actor: Viewer, visit: Appointment, former: str, at: datetime) -> None:
    """Bring held time and reminders in line with the new state."""
    if former != visit.status and (
        former not in HOLDING or visit.status not in HOLDING or Status.DONE in {former, visit.status}
    ):
        hold(visit, claims_of(visit))
    if former in OPEN and visit.status not in HOLDING:
        note_freed(visit, at)
    if former != visit.status:
        follow_visit(visit, at)
    if visit.status not in OPEN or visit.confirmation == Appointment.Confirmation.DECLINED:
        reminders.drop(actor=actor, appointment=visit, at=at)
    elif former not in HOLDING:
        reminders.plan(actor=actor, appointment=visit, at=at)
    elif visit.confirmation == Appointment.Confirmation.CONFIRMED:
        reminders.drop_last_call(actor=actor, appointment=visit, at=at)
