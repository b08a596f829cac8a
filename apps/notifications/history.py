"""Writing the log of a message and telling the apps above."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.core.context import current
from apps.notifications.hooks import message_status
from apps.notifications.models import NotificationJob, NotificationLog

logger = logging.getLogger(__name__)
Step = NotificationLog.Step


def write_step(
    job: NotificationJob, step: NotificationLog.Step, *, at: datetime, **more: Any
) -> NotificationLog:
    """Append one step of a message to its log, in the caller's transaction."""
    bound = current()
    return NotificationLog.objects.create(
        job_id=job.pk,
        practice_id=job.practice_id,
        at=at,
        step=step,
        attempt=job.attempts,
        channel=job.channel,
        template_key=job.template_key,
        recipient_masked=job.recipient_masked,
        provider=job.provider,
        provider_message_id=job.provider_message_id,
        actor_id=bound.actor_id,
        actor_role=bound.actor_role,
        **more,
    )


def tell(job: NotificationJob, status: str, *, at: datetime) -> None:
    """Tell whoever asked for the message; their trouble must not undo what is known of it."""
    try:
        with transaction.atomic():
            message_status.send(job, status, at)
    except Exception:
        logger.exception("message status hook failed", extra={"job": str(job.pk)})
