"""Housekeeping of the ground."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from apps.core import idempotency
from apps.core.jobs import job_models, sweep_expired


@shared_task(name="core.sweep_jobs", queue="events", soft_time_limit=50, time_limit=60)
def sweep_jobs(**_: Any) -> int:
    """Give back what a crashed worker held, in every table of jobs; returns how many rows moved."""
    now = timezone.now()
    swept = [sweep_expired(model, at=now) for model in job_models()]
    return sum(each.requeued + each.dead + each.unknown for each in swept)


@shared_task(name="core.purge_idempotency", queue="events", time_limit=300)
def purge_idempotency(**_: Any) -> int:
    """Drop stored answers after 24 hours."""
    return idempotency.purge(at=timezone.now())
