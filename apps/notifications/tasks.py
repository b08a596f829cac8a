"""Sending what is due."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from celery import shared_task
from django.utils import timezone

from apps.notifications.dispatch import dispatch_due


@shared_task(name="notifications.dispatch_due", queue="messages", soft_time_limit=150, time_limit=180)
def dispatch_due_messages(**_: Any) -> dict[str, int]:
    """Send what is due; woken by beat and by whoever queues something, safe to run many times at once."""
    return asdict(dispatch_due(clock=timezone.now))
