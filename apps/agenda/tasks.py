"""Unattended work of the agenda."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from apps.agenda.services.reminders import plan_unplanned
from apps.core.scope import SystemActor

PLANNER = SystemActor("agenda-planner")


@shared_task(name="agenda.plan_reminders", time_limit=120, soft_time_limit=110, ignore_result=True)
def plan_reminders(**_later: Any) -> int:
    """Plan reminders of visits that have come near enough; safe to run twice."""
    return plan_unplanned(actor=PLANNER, at=timezone.now())
