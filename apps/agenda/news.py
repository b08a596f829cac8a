"""What becomes known of a reminder."""

from __future__ import annotations

from datetime import datetime

from apps.agenda.lifecycle import CONFIRMATION, OPEN
from apps.agenda.models import Appointment
from apps.agenda.services.reminders import CAUSE, LAST_CALL
from apps.agenda.services.visits import change_appointment
from apps.core.scope import SystemActor
from apps.notifications.models import NotificationJob

POSTMAN = SystemActor("agenda-postman")
REACHED = frozenset({"sent", "delivered"})


def note_reminder(job: NotificationJob, status: str, at: datetime) -> None:
    """Mark a visit as reminded once a reminder has left; an answer the patient gave stays."""
    if job.cause_type not in {CAUSE, LAST_CALL} or job.cause_id is None or status not in REACHED:
        return
    visit = Appointment.objects.filter(pk=job.cause_id, status__in=OPEN).first()
    if visit is not None and "remind" in CONFIRMATION.verbs_from(visit.confirmation):
        change_appointment(actor=POSTMAN, appointment=visit, verb="remind", at=at)
