"""Unattended work of billing."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from apps.billing.services.documents import RENDER_TASK, render_documents


@shared_task(name=RENDER_TASK, queue="documents", time_limit=600, soft_time_limit=570)
def render_due(**_: Any) -> int:
    """Render the documents that are due."""
    return render_documents(at=timezone.now())
