"""Unattended work of billing."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from apps.billing.services.deciding import expire_quotes
from apps.billing.services.documents import RENDER_TASK, render_documents
from apps.billing.services.network_jobs import TASK as SETTLE_TASK
from apps.billing.services.network_jobs import settle_round
from apps.billing.services.reminders import send_reminders
from apps.billing.services.settlement import CLOCK


@shared_task(name=RENDER_TASK, queue="documents", time_limit=600, soft_time_limit=570)
def render_due(**_: Any) -> int:
    """Render the documents that are due."""
    return render_documents(at=timezone.now())


@shared_task(name="billing.expire_quotes", queue="documents", time_limit=300)
def expire_due_quotes(**_: Any) -> int:
    """Close the quotes whose validity ended."""
    return expire_quotes(actor=CLOCK, at=timezone.now())


@shared_task(name=SETTLE_TASK, queue="reconciliation", time_limit=3550, soft_time_limit=3500)
def settle_due_reconciliations(**_: Any) -> int:
    """Settle the invoices of large reconciliations, round by round, each with its own time."""
    rounds = 0
    while settle_round(at=timezone.now()):
        rounds += 1
    return rounds


@shared_task(name="billing.send_reminders", queue="events", time_limit=900, soft_time_limit=870)
def send_due_reminders(**_: Any) -> int:
    """Remind patients of what they owe."""
    return send_reminders(actor=CLOCK, at=timezone.now())
