"""Unattended work of billing."""

from __future__ import annotations

from typing import Any, Final

from celery import shared_task
from django.utils import timezone

from apps.billing.models import RenderJob
from apps.billing.services.documents import RENDER_TASK, render_job
from apps.core.jobs import claim_due

# One round renders at most this many, so that a long queue is shared between workers.
ROUND: Final = 20


@shared_task(name=RENDER_TASK, queue="documents", time_limit=600, soft_time_limit=570)
def render_due(**_: Any) -> int:
    """Render the documents that are due, one claim at a time: a crash costs one lease, not twenty."""
    done = 0
    while done < ROUND and (jobs := claim_due(RenderJob, at=timezone.now(), limit=1)):
        render_job(job=jobs[0], at=timezone.now())
        done += 1
    return done
