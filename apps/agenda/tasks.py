"""Unattended work of the agenda."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from celery import shared_task
from django.utils import timezone

from apps.agenda.models import AgendaChange
from apps.agenda.services.offers import tend_waitlist
from apps.agenda.services.recalls import send_due_recalls
from apps.agenda.services.reminders import plan_unplanned
from apps.core.scope import SystemActor

PLANNER = SystemActor("agenda-planner")
RECALLS = SystemActor("agenda-recalls")
WAITLIST = SystemActor("agenda-waitlist")
CHANGES_KEPT = timedelta(days=7)


@shared_task(name="agenda.plan_reminders", time_limit=120, soft_time_limit=110, ignore_result=True)
def plan_reminders(**_later: Any) -> int:
    """Plan reminders of visits that have come near enough; safe to run twice."""
    return plan_unplanned(actor=PLANNER, at=timezone.now())


@shared_task(name="agenda.tend", time_limit=120, soft_time_limit=110, ignore_result=True)
def tend(**_later: Any) -> int:
    """End offers that ran out, make the next ones, forget old changes; safe to run twice."""
    at = timezone.now()
    AgendaChange.objects.filter(committed_at__lt=at - CHANGES_KEPT).delete()
    return tend_waitlist(actor=WAITLIST, at=at)


@shared_task(name="agenda.send_recalls", time_limit=280, soft_time_limit=270, ignore_result=True)
def send_recalls(**_later: Any) -> int:
    """Write to patients who are to come again; safe to run twice."""
    return send_due_recalls(actor=RECALLS, at=timezone.now())
