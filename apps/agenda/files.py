"""What the agenda adds to a patient's file: their visits in its timeline, moved when two files become one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.agenda.live import announce
from apps.agenda.models import (
    Appointment,
    Occupancy,
    PinnedVisit,
    Recall,
    Series,
    WaitlistEntry,
    WaitlistOffer,
)
from apps.agenda.services.offers import CAUSE as OFFER
from apps.agenda.services.recalls import CAUSE as RECALL
from apps.agenda.services.reminders import CAUSE, LAST_CALL, follow_patient
from apps.core.scope import Viewer
from apps.notifications.models import NotificationLog
from apps.patients.hooks import TimelineEvent
from apps.patients.models import Patient
from apps.patients.querysets import closed_to


def timeline_of(
    patient: Patient, viewer: Viewer, before: datetime | None, limit: int
) -> Sequence[TimelineEvent]:
    """Return the visits that were due, those that were cancelled, and the reminders that left."""
    if not viewer.has_perm("agenda.view_appointment"):
        return []
    until = before or timezone.now()
    visits = (
        Appointment.objects.visible_to(viewer)
        .filter(patient=patient)
        .with_people()
        .select_related("practice")
    )
    due = visits.filter(starts_at__lt=until, cancelled_at__isnull=True).order_by("-starts_at", "-pk")
    cancelled = visits.filter(cancelled_at__lt=until).order_by("-cancelled_at", "-pk")
    return [
        *(visit_event(visit) for visit in due[:limit]),
        *(cancellation_event(visit) for visit in cancelled[:limit]),
        *reminder_events(visits, until, limit),
    ]


def visit_event(visit: Appointment) -> TimelineEvent:
    """Tell of a visit at the time it was booked for."""
    missed = visit.status == Appointment.Status.NO_SHOW
    title = _("Missed visit: %(type)s") if missed else _("Visit: %(type)s")
    return TimelineEvent(
        visit.starts_at, "agenda.appointment", visit.pk, title % {"type": visit.type.name}, facts_of(visit)
    )


def cancellation_event(visit: Appointment) -> TimelineEvent:
    """Tell of a cancellation at the moment it was made."""
    title = _("Visit cancelled: %(type)s") % {"type": visit.type.name}
    moment = visit.cancelled_at or visit.starts_at
    return TimelineEvent(moment, "agenda.cancellation", visit.pk, title, facts_of(visit))


def facts_of(visit: Appointment) -> dict[str, Any]:
    """Return what a screen shows beside a visit."""
    return {
        "status": str(visit.status),
        "starts_at": visit.starts_at.astimezone(visit.practice.zone).isoformat(),
        "duration_minutes": visit.duration_minutes,
        "practitioner": visit.practitioner.display_name,
        "room": visit.room.name,
    }


def reminder_events(visits: Any, until: datetime, limit: int) -> Iterable[TimelineEvent]:
    """Tell of each reminder at the moment it left the house."""
    sent = NotificationLog.objects.filter(
        job__cause_type__in=(CAUSE, LAST_CALL),
        job__cause_id__in=visits.order_by().values("pk"),
        step=NotificationLog.Step.SENT,
        at__lt=until,
    )
    for step in sent.select_related("job").order_by("-at", "-pk")[:limit]:
        title = _("Reminder sent: %(channel)s") % {"channel": step.get_channel_display()}
        facts = {"channel": step.channel, "recipient": step.recipient_masked}
        yield TimelineEvent(step.at, "agenda.reminder", step.job.cause_id or step.pk, title, facts)


def move_to_patient(actor: Viewer, kept: Patient, merged: Patient, at: datetime) -> None:
    """Give a merged file's visits, and the time they hold, to the one that is kept.

    Both files may have had a visit at one time: such time is then shared, as if it had been booked over on purpose;
    whoever moves one of the visits next is told of the other.
    """
    held = Occupancy.objects.filter(resource_id=merged.pk)
    others = Occupancy.objects.filter(resource_id=kept.pk, period__overlap=OuterRef("period"))
    held.filter(Exists(others)).update(blocking=False)
    held.update(resource_id=kept.pk)
    # Of two open recalls of one kind the kept file's counts.
    doubled = Recall.objects.filter(patient=kept).exclude(status="closed").values("type")
    Recall.objects.filter(patient=merged, type__in=doubled).exclude(status="closed").update(status="closed")
    Recall.objects.filter(patient=merged).update(patient=kept)
    Series.objects.filter(patient=merged).update(patient=kept)
    WaitlistEntry.objects.filter(patient=merged).update(patient=kept)
    PinnedVisit.objects.filter(patient=merged).update(patient=kept)
    moved = list(Appointment.objects.filter(patient=merged).order_by("pk").values_list("pk", flat=True))
    Appointment.objects.filter(pk__in=moved).update(patient=kept, version=F("version") + 1)
    for visit in Appointment.objects.filter(pk__in=moved).upcoming(at):
        announce(visit, "appointment.updated")


def hidden_from(viewer: Viewer) -> Mapping[str, Any]:
    """Return, by cause type, the visits, recalls and offers whose messages a viewer must not know of."""
    visits = closed_to(viewer, Appointment.objects)
    if visits is None:
        return {}
    return {
        CAUSE: visits,
        LAST_CALL: visits,
        RECALL: closed_to(viewer, Recall.objects),
        OFFER: closed_to(viewer, WaitlistOffer.objects, "entry__patient__"),
    }


def follow_reach(actor: Viewer, patient: Patient, at: datetime) -> None:
    """Send reminders where the patient is reached now."""
    follow_patient(actor=actor, patient=patient, at=at)
