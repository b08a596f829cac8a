"""The pinboard: visits that are wanted and have no time yet."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.agenda.models import Appointment, AppointmentNote, AppointmentType, PinnedVisit
from apps.agenda.services.booking import book_appointment
from apps.agenda.services.visits import cancel_appointment
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice, Practitioner, Room
from apps.patients.models import Patient

CHANGEABLE: Final = frozenset("type practitioner duration_minutes priority reason note".split())
Status = PinnedVisit.Status


class NotPinned(DomainError):
    """It was put on the agenda meanwhile, or removed."""

    code = "NOT_PINNED"
    message = gettext_lazy("This visit is not on the pinboard any more.")


@service("agenda.pinned_visit.pin")
def pin_visit(
    *,
    actor: Viewer,
    practice: Practice,
    patient: Patient,
    type: AppointmentType,  # noqa: A002 - the contract's word
    at: datetime,
    **wishes: Any,
) -> PinnedVisit:
    """Put a visit aside until a time is found; refuses anything of another practice and a closed file."""
    pin = PinnedVisit(practice=practice, patient=patient, type=type, pinned_at=at)
    if patient.practice_id != practice.pk or patient.merged_into_id:
        raise InvalidInput(patient=[_("This does not exist.")])
    if patient.status in {Patient.Status.ARCHIVED, Patient.Status.DECEASED}:
        raise InvalidInput(patient=[_("This patient's file is closed; open it again before booking.")])
    return write(pin, wishes)


@service("agenda.pinned_visit.unschedule")
def unschedule(
    *,
    actor: Viewer,
    appointment: Appointment,
    at: datetime,
    reason: str = "",
    cancelled_by: str = "practice",
    **wishes: Any,
) -> PinnedVisit:
    """Take a visit off the agenda and keep it on the pinboard: who, what for, how long, with whom.

    Its time is free, its reminders are dropped and it stays in the agenda as cancelled. Refuses one that has begun or
    already ended (IllegalTransition).
    """
    visit = cancel_appointment(
        actor=actor, appointment=appointment, at=at, reason=reason, cancelled_by=cancelled_by
    )
    pin = PinnedVisit(
        practice=visit.practice, patient=visit.patient, type=visit.type, pinned_at=at, former=visit
    )
    kept = {
        "practitioner": visit.practitioner,
        "duration_minutes": visit.duration_minutes,
        "reason": reason.strip()[:200],
    }
    return write(pin, {**kept, **wishes})


@service("agenda.pinned_visit.change")
def change_pinned(*, actor: Viewer, pin: PinnedVisit, **wishes: Any) -> PinnedVisit:
    """Change what is wanted; refuses one that is not on the pinboard any more (NotPinned)."""
    return write(locked(pin), wishes)


@service("agenda.pinned_visit.place")
def place_pinned(
    *,
    actor: Viewer,
    pin: PinnedVisit,
    room: Room,
    starts_at: datetime,
    at: datetime,
    practitioner: Practitioner | None = None,
    assistant: Practitioner | None = None,
    duration_minutes: int | None = None,
    override_reason: str = "",
) -> Appointment:
    """Put it on the agenda, with its remarks and those of the visit it was; of two who try, the first does.

    Refuses what booking refuses, a visit without a practitioner, and one that is not on the pinboard any more (NotPinned).
    """
    row = locked(pin)
    who = practitioner or row.practitioner
    if who is None:
        raise InvalidInput(practitioner=[_("Say with whom.")])
    booked = book_appointment(
        actor=actor,
        practice=row.practice,
        patient=row.patient,
        practitioner=who,
        assistant=assistant,
        room=room,
        type=row.type,
        starts_at=starts_at,
        duration_minutes=duration_minutes or row.minutes,
        acts=list(row.former.acts.all()) if row.former else (),
        note=row.note,
        override_reason=override_reason,
        at=at,
    )
    if row.former is not None:
        carry_remarks(row.former, booked)
    row.status, row.appointment, row.closed_at = Status.PLACED, booked, at
    row.save(update_fields=["status", "appointment", "closed_at", "updated_at"])
    return booked


@service("agenda.pinned_visit.remove")
def remove_pinned(*, actor: Viewer, pin: PinnedVisit, reason: str, at: datetime) -> PinnedVisit:
    """Take it down for a reason: nobody looks for a time any more. Refuses as changing does, and without a reason."""
    row = locked(pin)
    text = reason.strip()[:200]
    if not text:
        raise InvalidInput(reason=[_("Please give a reason.")])
    row.status, row.closed_reason, row.closed_at = Status.REMOVED, text, at
    row.save(update_fields=["status", "closed_reason", "closed_at", "updated_at"])
    return row


def locked(pin: PinnedVisit) -> PinnedVisit:
    """Lock a visit that still has no time."""
    rows = PinnedVisit.objects.select_for_update(no_key=True, of=("self",)).select_related(
        "practice", "patient", "type", "practitioner", "former"
    )
    row: PinnedVisit = rows.get(pk=pin.pk)
    if row.status != Status.PINNED:
        raise NotPinned(status=row.status)
    return row


def write(pin: PinnedVisit, wishes: dict[str, Any]) -> PinnedVisit:
    """Set what is wanted, check and save; references of another practice read as what does not exist."""
    if unknown := set(wishes) - CHANGEABLE:
        raise TypeError(f"not fields of the pinboard: {sorted(unknown)}")
    for name, value in wishes.items():
        setattr(pin, name, value.strip() if isinstance(value, str) else value)
    if pin.type.practice_id != pin.practice_id or pin.type.is_deleted:
        raise InvalidInput(type=[_("This does not exist.")])
    if pin.practitioner is not None and pin.practitioner.practice_id != pin.practice_id:
        raise InvalidInput(practitioner=[_("This does not exist.")])
    pin.full_clean(exclude=["practice", "patient"])
    pin.save()
    return pin


def carry_remarks(former: Appointment, booked: Appointment) -> None:
    """Write the remarks of the former visit beside the new one, under their authors and times."""
    for note in former.notes.order_by("noted_at", "pk"):
        AppointmentNote(
            practice_id=booked.practice_id,
            appointment=booked,
            author_id=note.author_id,
            body=note.body,
            noted_at=note.noted_at,
        ).save()
