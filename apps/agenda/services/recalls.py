"""Recalls: when a patient is to come again, who was called, and how visits answer them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, Final

from dateutil.relativedelta import relativedelta
from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

from apps.agenda.lifecycle import HOLDING
from apps.agenda.models import Appointment, Recall, RecallAttempt, RecallType
from apps.agenda.services.reminders import due_moment
from apps.core.errors import InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice
from apps.directory.services import lock_settings
from apps.notifications.errors import InvalidRecipient, NoTemplate
from apps.notifications.services import enqueue
from apps.patients.models import Patient

TEMPLATE: Final = "patient.recall"
CAUSE: Final = "agenda.recall"
CHANGEABLE: Final = frozenset("practitioner previous_on override_on snoozed_until status note".split())
Status, Outcome = Recall.Status, RecallAttempt.Outcome


def due_date(kind: RecallType, previous_on: date | None, today: date) -> date:
    """Return when a patient is to come again: so many months after the last time, from today without one.

    The one place where it is computed. The end of a month stays the end of a month.
    """
    return (previous_on or today) + relativedelta(months=kind.interval_months)


@service("agenda.recall_type.create")
def create_recall_type(*, actor: Viewer, practice: Practice, **fields: Any) -> RecallType:
    """Add a reason to come again; refuses a name in use."""
    kind = RecallType(practice=practice)
    return write_type(kind, fields)


@service("agenda.recall_type.change")
def change_recall_type(*, actor: Viewer, recall_type: RecallType, at: datetime, **changes: Any) -> RecallType:
    """Change it; open recalls take the new interval, dates somebody set themselves stay."""
    kind = write_type(recall_type, changes)
    today = today_at(kind.practice, at)
    rows = Recall.objects.filter(type=kind, status=Status.ACTIVE, previous_on__isnull=False)
    for recall in rows.select_for_update(of=("self",)).order_by("pk"):
        recall.computed_on = due_date(kind, recall.previous_on, today)
        recall.save(update_fields=["computed_on", "updated_at"])
    return kind


@service("agenda.recall_type.remove")
def remove_recall_type(*, actor: Viewer, recall_type: RecallType, at: datetime) -> None:
    """Take it out of use; recalls keep it."""
    recall_type.is_active, recall_type.deleted_at = False, at
    recall_type.save(update_fields=["is_active", "deleted_at", "updated_at"])


def write_type(kind: RecallType, fields: dict[str, Any]) -> RecallType:
    """Check and save a reason to come again, one at a time."""
    lock_settings(kind.practice)
    for name, value in fields.items():
        setattr(kind, name, value)
    visit = kind.appointment_type
    if visit is not None and visit.practice_id != kind.practice_id:
        raise InvalidInput(appointment_type=[_("This does not exist.")])
    # With the practice: a name is taken within it.
    kind.full_clean()
    kind.save()
    return kind


@service("agenda.recall.create")
def create_recall(
    *,
    actor: Viewer,
    practice: Practice,
    patient: Patient,
    type: RecallType,  # noqa: A002 - the contract's word
    at: datetime,
    **fields: Any,
) -> Recall:
    """Note that a patient is to come again; refuses a second recall of the type and anything of another practice."""
    if patient.practice_id != practice.pk or patient.merged_into_id:
        raise InvalidInput(patient=[_("This does not exist.")])
    if type.practice_id != practice.pk or type.is_deleted:
        raise InvalidInput(type=[_("This does not exist.")])
    recall = Recall(practice=practice, patient=patient, type=type)
    assign(recall, fields, at)
    recall.full_clean(exclude=["practice", "due_on"])
    recall.save()
    return recall


@service("agenda.recall.change")
def change_recall(*, actor: Viewer, recall: Recall, at: datetime, **fields: Any) -> Recall:
    """Change dates, put it off (`snoozed_until`), close or open it again.

    An own date (`override_on`) stays until it is taken back; refuses to call a recall booked that no visit answers.
    """
    row = locked_recall(recall)
    if fields.get("status") == Status.BOOKED and row.status != Status.BOOKED:
        raise InvalidInput(status=[_("A recall is booked by booking a visit.")])
    assign(row, fields, at)
    if row.status == Status.CLOSED:
        row.appointment = None
    row.full_clean(exclude=["practice", "patient", "due_on"])
    row.save()
    return row


@service("agenda.recall.attempt")
def note_attempt(
    *, actor: Viewer, recall: Recall, at: datetime, channel: str, outcome: str, note: str = ""
) -> RecallAttempt:
    """Note a try to reach the patient; one who does not want to come is not called again for this interval."""
    row = locked_recall(recall)
    author = actor if isinstance(actor, get_user_model()) else None
    attempt = RecallAttempt(
        practice_id=row.practice_id,
        recall=row,
        author=author,
        attempted_at=at,
        channel=channel,
        outcome=outcome,
        note=note.strip(),
    )
    attempt.full_clean(exclude=["practice", "author"])
    attempt.save()
    if outcome == Outcome.REFUSED and row.status == Status.ACTIVE:
        row.status = Status.CLOSED
        row.save(update_fields=["status", "updated_at"])
    return attempt


def locked_recall(recall: Recall) -> Recall:
    """Re-read a recall under its lock."""
    rows = Recall.objects.select_for_update(of=("self",)).select_related("practice", "patient", "type")
    row: Recall = rows.get(pk=recall.pk)
    return row


def assign(recall: Recall, fields: dict[str, Any], at: datetime) -> None:
    """Set fields and compute the date they lead to."""
    if unknown := set(fields) - CHANGEABLE:
        raise TypeError(f"not fields of a recall: {sorted(unknown)}")
    for name, value in fields.items():
        setattr(recall, name, value)
    who = recall.practitioner
    if who is not None and who.practice_id != recall.practice_id:
        raise InvalidInput(practitioner=[_("This does not exist.")])
    if recall._state.adding or "previous_on" in fields:
        recall.computed_on = due_date(recall.type, recall.previous_on, today_at(recall.practice, at))


def today_at(practice: Practice, at: datetime) -> date:
    """Return the practice's day."""
    return at.astimezone(practice.zone).date()


def follow_visit(visit: Appointment, at: datetime) -> None:
    """Bring a patient's recalls in line with a visit, within the service that changes it.

    A booked visit answers the recall of its kind (one for any visit, when it is the patient's only open one); a
    finished one starts the next interval; one that is cancelled or missed puts the patient back on the list.
    """
    rows = Recall.objects.filter(patient=visit.patient_id).exclude(status=Status.CLOSED)
    rows = rows.select_related("type", "practice").select_for_update(of=("self",)).order_by("pk")
    recalls = list(rows)
    mine = [recall for recall in recalls if recall.appointment_id == visit.pk]
    if not mine and visit.status in HOLDING:
        open_ones = [recall for recall in recalls if recall.status == Status.ACTIVE]
        mine = [recall for recall in open_ones if recall.type.appointment_type_id == visit.type_id]
        if not mine and len(open_ones) == 1 and open_ones[0].type.appointment_type_id is None:
            mine = open_ones
    for recall in mine:
        answer(recall, visit, at)


def answer(recall: Recall, visit: Appointment, at: datetime) -> None:
    """Write what a visit means for one recall."""
    if visit.status == Appointment.Status.DONE:
        today = today_at(recall.practice, at)
        recall.status, recall.appointment = Status.ACTIVE, None
        recall.previous_on = visit.starts_at.astimezone(recall.practice.zone).date()
        recall.computed_on = due_date(recall.type, recall.previous_on, today)
        recall.override_on = recall.snoozed_until = recall.messaged_for = None
    elif visit.status in HOLDING:
        recall.status, recall.appointment = Status.BOOKED, visit
    else:
        recall.status, recall.appointment = Status.ACTIVE, None
    recall.save()


@service("agenda.recall.send_due")
def send_due_recalls(*, actor: Viewer, at: datetime, limit: int = 200) -> int:
    """Write to the patients whose date is near, once per date; return to how many. Safe to run twice, or by two."""
    rows = Recall.objects.to_write_to(at.date()).select_related("practice", "patient", "type")
    locked = rows.select_for_update(skip_locked=True, of=("self",)).order_by("due_on", "pk")
    return sum(write_to(actor, recall, at) for recall in locked[:limit])


def write_to(actor: Viewer, recall: Recall, at: datetime) -> bool:
    """Queue one message and note it as an attempt; who cannot be written to is left to be called."""
    patient, practice, due_on = recall.patient, recall.practice, recall.is_due_on
    recall.messaged_for = due_on
    recall.save(update_fields=["messaged_for", "updated_at"])
    for channel in reversed(patient.reminder_channels):
        try:
            enqueue(
                actor=actor,
                practice=practice,
                template=TEMPLATE,
                channel=channel,
                recipient=patient.phone if channel == "sms" else patient.email,
                language=patient.language,
                context={"first_name": patient.first_name} if channel == "email" else {},
                due_at=max(at, due_moment(at, timedelta(), practice.zone)),
                unique_key=f"recall:{recall.pk}:{due_on:%Y-%m-%d}",
                cause_type=CAUSE,
                cause_id=recall.pk,
                at=at,
            )
        except (InvalidRecipient, NoTemplate):
            continue
        note_attempt(actor=actor, recall=recall, at=at, channel=channel, outcome=Outcome.SENT)
        return True
    return False
