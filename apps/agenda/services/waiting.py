"""The waiting list: who would come sooner."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.agenda.models import AppointmentType, WaitlistEntry, WaitlistOffer
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice
from apps.patients.models import Patient

CHANGEABLE = frozenset(
    "type practitioner duration_minutes weekdays earliest latest valid_from valid_until priority note".split()
)


class NotWaiting(DomainError):
    """The patient was booked meanwhile, or waits no more."""

    code = "NOT_WAITING"
    message = gettext_lazy("This patient is not on the waiting list any more.")


@service("agenda.waitlist.add")
def add_to_waitlist(
    *,
    actor: Viewer,
    practice: Practice,
    patient: Patient,
    type: AppointmentType,  # noqa: A002 - the contract's word
    at: datetime,
    **wishes: Any,
) -> WaitlistEntry:
    """Put a patient on the waiting list; refuses anything of another practice, a closed file and wishes that cannot be."""
    entry = WaitlistEntry(practice=practice, patient=patient, type=type, requested_at=at)
    apply_wishes(entry, wishes)
    if patient.practice_id != practice.pk or patient.merged_into_id:
        raise InvalidInput(patient=[_("This does not exist.")])
    if patient.status in {Patient.Status.ARCHIVED, Patient.Status.DECEASED}:
        raise InvalidInput(patient=[_("This patient's file is closed; open it again before booking.")])
    entry.full_clean(exclude=["practice"])
    entry.save()
    return entry


@service("agenda.waitlist.change")
def change_waitlist(*, actor: Viewer, entry: WaitlistEntry, **wishes: Any) -> WaitlistEntry:
    """Change what a patient waits for; refuses one who was booked or withdrew (NotWaiting)."""
    row = waiting(entry)
    apply_wishes(row, wishes)
    row.full_clean(exclude=["practice", "patient"])
    row.save()
    return row


@service("agenda.waitlist.withdraw")
def withdraw_from_waitlist(*, actor: Viewer, entry: WaitlistEntry, at: datetime) -> WaitlistEntry:
    """Take a patient off the list, and back what they were offered; refuses one who was booked (NotWaiting)."""
    row = waiting(entry)
    row.status = WaitlistEntry.Status.WITHDRAWN
    row.save(update_fields=["status", "updated_at"])
    offers = WaitlistOffer.objects.filter(entry=row, state=WaitlistOffer.State.OPEN)
    offers.update(state=WaitlistOffer.State.WITHDRAWN, answered_at=at)
    return row


def waiting(entry: WaitlistEntry) -> WaitlistEntry:
    """Lock an entry that still waits."""
    rows = WaitlistEntry.objects.select_for_update(of=("self",)).select_related("practice", "patient", "type")
    row: WaitlistEntry = rows.get(pk=entry.pk)
    if row.status != WaitlistEntry.Status.WAITING:
        raise NotWaiting(status=row.status)
    return row


def apply_wishes(entry: WaitlistEntry, wishes: dict[str, Any]) -> None:
    """Set wishes; refuse references of another practice, worded as what does not exist."""
    if unknown := set(wishes) - CHANGEABLE:
        raise TypeError(f"not a wish: {sorted(unknown)}")
    for name, value in wishes.items():
        setattr(entry, name, value)
    entry.weekdays = sorted(set(entry.weekdays))
    if entry.type.practice_id != entry.practice_id or entry.type.is_deleted:
        raise InvalidInput(type=[_("This does not exist.")])
    if entry.practitioner is not None and entry.practitioner.practice_id != entry.practice_id:
        raise InvalidInput(practitioner=[_("This does not exist.")])
