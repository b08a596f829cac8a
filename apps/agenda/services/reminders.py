"""Reminders of visits: rows of the message queue, written with the visit, dropped with it, never doubled.

An email a week before, an SMS two days before, and a last SMS the day before to whoever has not confirmed.
What the patient does not want, or cannot receive, goes on the other channel. Nothing says why they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from apps.agenda.lifecycle import OPEN
from apps.agenda.links import link_of
from apps.agenda.models import Appointment
from apps.core.scope import Viewer
from apps.core.service import service
from apps.notifications.errors import InvalidRecipient, NoTemplate
from apps.notifications.services import cancel_for, enqueue
from apps.patients.models import Patient

TEMPLATE: Final = "appointment.reminder"
CAUSE: Final = "agenda.appointment"
LAST_CALL: Final = "agenda.appointment.last_call"
# Later visits are planned by the task: by then the patient may have another phone number.
BOOKING_HORIZON: Final = timedelta(days=60)
TASK_HORIZON: Final = timedelta(days=9)
EARLIEST: Final = time(8, 0)
LATEST: Final = time(19, 45)  # queues take a moment; nothing is to arrive after 20:00


@dataclass(frozen=True, slots=True)
class Rule:
    """One reminder: how long before, on which channel, whether a confirmation spares it."""

    key: str
    before: timedelta
    channel: str
    cause: str


RULES: Final = (
    Rule("d7", timedelta(days=7), "email", CAUSE),
    Rule("d2", timedelta(days=2), "sms", CAUSE),
    Rule("h24", timedelta(hours=24), "sms", LAST_CALL),
)


def planning_moment(appointment: Appointment, at: datetime) -> datetime | None:
    """Return `at` when the visit is near enough to plan its reminders now, else None: the task will."""
    return at if appointment.starts_at <= at + BOOKING_HORIZON else None


@service("agenda.reminder.plan")
def plan(*, actor: Viewer, appointment: Appointment, at: datetime) -> int:
    """Queue the reminders still to come; those whose moment has passed are left out. Return how many.

    A visit in the far future is left to the task.
    """
    if appointment.status not in OPEN or planning_moment(appointment, at) is None:
        return 0
    patient, zone = appointment.patient, appointment.practice.zone
    planned = 0
    for rule in RULES:
        due_at = due_moment(appointment.starts_at, rule.before, zone)
        spared = rule.cause == LAST_CALL and appointment.confirmation == Appointment.Confirmation.CONFIRMED
        channels = patient.reminder_channels
        if not channels or spared or not at <= due_at < appointment.starts_at:
            continue
        channel = rule.channel if rule.channel in channels else channels[0]
        try:
            enqueue(
                actor=actor,
                practice=appointment.practice,
                template=TEMPLATE,
                channel=channel,
                recipient=patient.phone if channel == "sms" else patient.email,
                language=patient.language,
                context={"starts_at": appointment.starts_at, "link": link_of(appointment)},
                due_at=due_at,
                unique_key=unique_key(appointment, rule),
                cause_type=rule.cause,
                cause_id=appointment.pk,
                at=at,
                expires_at=appointment.starts_at,
            )
        except (InvalidRecipient, NoTemplate):
            # A number nobody can write to must not stand in the way of a booking.
            continue
        planned += 1
    return planned


def unique_key(appointment: Appointment, rule: Rule) -> str:
    """Name a reminder by visit, rule, time and when its reminders were planned.

    Planning twice is planning once; a visit moved away and back, or a patient with another phone and then the
    former one, starts afresh, as the former rows are void.
    """
    times = (appointment.starts_at, appointment.reminders_planned_at or appointment.scheduled_at)
    return ":".join(["reminder", str(appointment.pk), rule.key, *(f"{t.timestamp():.6f}" for t in times)])


@service("agenda.reminder.replan")
def replan(*, actor: Viewer, appointment: Appointment, at: datetime) -> int:
    """Drop the reminders of the former time and queue those of the new one."""
    drop(actor=actor, appointment=appointment, at=at)
    return plan(actor=actor, appointment=appointment, at=at)


@service("agenda.reminder.drop")
def drop(*, actor: Viewer, appointment: Appointment, at: datetime) -> None:
    """Drop what has not begun to leave."""
    for cause in (CAUSE, LAST_CALL):
        cancel_for(actor=actor, cause_type=cause, cause_id=appointment.pk, at=at)


@service("agenda.reminder.drop")
def drop_last_call(*, actor: Viewer, appointment: Appointment, at: datetime) -> None:
    """Drop the last reminder: the patient has confirmed."""
    cancel_for(actor=actor, cause_type=LAST_CALL, cause_id=appointment.pk, at=at)


@service("agenda.reminder.plan_due")
def plan_unplanned(*, actor: Viewer, at: datetime, limit: int = 500) -> int:
    """Plan the reminders of visits that have come near enough; return how many visits were planned."""
    waiting = Appointment.objects.filter(
        status__in=OPEN,
        reminders_planned_at__isnull=True,
        starts_at__gt=at,
        starts_at__lte=at + TASK_HORIZON,
    )
    rows = waiting.select_related("patient", "practice").order_by("starts_at", "pk")
    visits = list(rows.select_for_update(skip_locked=True, no_key=True, of=("self",))[:limit])
    for visit in visits:
        visit.reminders_planned_at = at
        visit.save(update_fields=["reminders_planned_at", "updated_at"])
        plan(actor=actor, appointment=visit, at=at)
    return len(visits)


@service("agenda.reminder.follow_patient")
def follow_patient(*, actor: Viewer, patient: Patient, at: datetime) -> int:
    """Plan anew what was planned for a patient's former phone, address or wishes; return for how many visits."""
    planned = Appointment.objects.filter(patient=patient, reminders_planned_at__isnull=False).upcoming(at)
    rows = planned.select_related("practice").order_by("pk")
    visits = list(rows.select_for_update(no_key=True, of=("self",)))
    for visit in visits:
        visit.patient = patient
        # Always another moment than before: it is part of the rows' keys, and former rows are void.
        moment = max(at, visit.reminders_planned_at + timedelta.resolution)
        visit.reminders_planned_at = planning_moment(visit, moment)
        visit.save(update_fields=["reminders_planned_at", "updated_at"])
        replan(actor=actor, appointment=visit, at=at)
    return len(visits)


def due_moment(starts_at: datetime, before: timedelta, zone: ZoneInfo) -> datetime:
    """Return when a reminder is due: so long before on the wall clock, moved into 08:00-20:00."""
    local = starts_at.astimezone(zone).replace(tzinfo=None) - before
    if local.time() < EARLIEST:
        local = datetime.combine(local.date(), EARLIEST)
    elif local.time() > LATEST:
        local = datetime.combine(local.date(), LATEST)
    return local.replace(tzinfo=zone).astimezone(UTC)
