"""Messages: putting them in the queue, taking them out, and what becomes known of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from apps.core import jobs
from apps.core.models import new_id
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice
from apps.notifications.catalogue import MESSAGES
from apps.notifications.errors import MessageExpired, NotCancellable, NotRetryable
from apps.notifications.history import Step, tell, write_step
from apps.notifications.models import Delivery, Language, NotificationJob, Suppression
from apps.notifications.recipients import fingerprint, mask, normalise
from apps.notifications.rendering import check_context, message_of
from apps.notifications.texts import choose_text

logger = logging.getLogger(__name__)

OPEN: Final = (
    NotificationJob.State.PENDING,
    NotificationJob.State.CLAIMED,
    NotificationJob.State.SENDING,
    NotificationJob.State.UNKNOWN,
)
# Callbacks arrive in any order: a message's delivery only climbs. The last two are both final.
RANK: Final = {
    Delivery.NONE: 0,
    Delivery.ACCEPTED: 1,
    Delivery.SENT: 2,
    Delivery.UNDELIVERED: 3,
    Delivery.DELIVERED: 3,
}


@service("notifications.message.enqueue")
def enqueue(
    *,
    actor: Viewer,
    practice: Practice | None,
    template: str,
    channel: str,
    recipient: str,
    language: str,
    context: Mapping[str, Any],
    due_at: datetime,
    unique_key: str,
    cause_type: str,
    cause_id: UUID | None,
    at: datetime,
    attachments: Sequence[Mapping[str, str]] = (),
    expires_at: datetime | None = None,
) -> NotificationJob:
    """Queue a message in the transaction of its cause; the same `unique_key` returns the row it already has.

    `context` holds the variables `catalogue.py` names (a moment given as `starts_at` fills `date` and
    `time`); `attachments` are `{"key", "filename", "content_type"}` of private files. After `expires_at` it
    is not sent any more. Raises `UnknownMessage`, `NoTemplate`, `InvalidRecipient` and `MissingVariable`.
    """
    language = language[:2] if language[:2] in Language.values else Language.FR
    check_context(message_of(template), context)
    choose_text(
        practice_id=practice.pk if practice else None, key=template, channel=channel, language=language
    )
    address = normalise(channel, recipient, region=practice.country if practice else "FR")
    wanted = new_id()
    job = jobs.enqueue(
        NotificationJob,
        id=wanted,
        kind=channel,
        unique_key=unique_key,
        due_at=due_at,
        practice=practice,
        template_key=template,
        channel=channel,
        language=language,
        recipient=address,
        recipient_hash=fingerprint(channel, address),
        recipient_masked=mask(channel, address),
        context=_plain(context),
        attachments=[dict(attachment) for attachment in attachments],
        cause_type=cause_type,
        cause_id=cause_id,
        expires_at=expires_at,
    )
    if job.pk == wanted:
        write_step(job, Step.QUEUED, at=at)
        if due_at <= at:
            transaction.on_commit(wake_dispatcher, robust=True)
    return job


@service("notifications.message.test")
def send_test(
    *,
    actor: Viewer,
    practice: Practice,
    channel: str,
    recipient: str,
    template: str,
    language: str,
    at: datetime,
) -> NotificationJob:
    """Queue a message filled with sample values; refuse as `enqueue` does."""
    return enqueue(
        actor=actor,
        practice=practice,
        template=template,
        channel=channel,
        recipient=recipient,
        language=language,
        context=message_of(template).sample,
        due_at=at,
        unique_key=f"test:{uuid4()}",
        cause_type="notifications.test",
        cause_id=actor.id,
        at=at,
    )


@service("notifications.message.cancel")
def cancel_for(*, actor: Viewer, cause_type: str, cause_id: UUID, at: datetime) -> int:
    """Cancel what a cause has queued and what has not begun to leave; return how many."""
    waiting = NotificationJob.objects.filter(
        cause_type=cause_type, cause_id=cause_id, state__in=[jobs.State.PENDING, jobs.State.CLAIMED]
    )
    return _cancel(list(waiting.order_by("pk").select_for_update(of=("self",))), at=at)


@service("notifications.message.cancel")
def cancel_message(*, actor: Viewer, job: NotificationJob, at: datetime) -> NotificationJob:
    """Cancel one message; refuse when it has begun to leave."""
    locked: NotificationJob = NotificationJob.objects.select_for_update(of=("self",)).get(pk=job.pk)
    if not _cancel([locked], at=at):
        raise NotCancellable(status=locked.status)
    locked.refresh_from_db()
    return locked


@service("notifications.message.retry")
def retry_message(*, actor: Viewer, job: NotificationJob, at: datetime) -> NotificationJob:
    """Start a failed message over; refuse any other state, and one whose moment has passed.

    A message of unknown outcome is not retried: the provider is asked first.
    """
    locked: NotificationJob = NotificationJob.objects.select_for_update(of=("self",)).get(pk=job.pk)
    if locked.expires_at and locked.expires_at <= at:
        raise MessageExpired
    if locked.context is None or not jobs.requeue(NotificationJob.objects.filter(pk=locked.pk), at=at):
        raise NotRetryable(status=locked.status)
    locked.refresh_from_db()
    write_step(locked, Step.REQUEUED, at=at)
    transaction.on_commit(wake_dispatcher, robust=True)
    return locked


@service("notifications.message.delivery")
def record_delivery(
    *, actor: Viewer, job_id: UUID, delivery: Delivery, at: datetime, message_id: str = "", code: str = ""
) -> NotificationJob:
    """Record what the provider says of a message: forward only, the same news twice is no news.

    It also ends the doubt about a message whose worker died: whoever held or was to repeat it finds it done.
    """
    job: NotificationJob = NotificationJob.objects.select_for_update(of=("self",)).get(pk=job_id)
    changes: dict[str, Any] = {}
    if RANK[delivery] > RANK[Delivery(job.delivery)]:
        changes["delivery"] = delivery
    if message_id and not job.provider_message_id:
        changes["provider_message_id"] = message_id[:200]
    if job.state in OPEN:
        changes |= {"state": jobs.State.DONE, "lease_owner": None, "lease_until": None, "finished_at": at}
        changes["last_error"] = ""
        if _is_secret(job):
            changes["context"] = None
    if code and delivery == Delivery.UNDELIVERED:
        changes["last_error"] = code[:60]
    was_open = job.state in OPEN
    if changes:
        NotificationJob.objects.filter(pk=job.pk).update(**changes)
        job.refresh_from_db()
    if was_open and delivery != Delivery.UNDELIVERED:
        write_step(job, Step.SENT, at=at, code=code)
        tell(job, "sent", at=at)
    if "delivery" in changes and delivery in {Delivery.DELIVERED, Delivery.UNDELIVERED}:
        write_step(job, Step(delivery.value), at=at, code=code)
        tell(job, delivery.value, at=at)
    return job


@service("notifications.suppression.add")
def suppress(
    *,
    actor: Viewer,
    practice_id: UUID | None,
    channel: str,
    recipient: str,
    reason: Suppression.Reason,
    at: datetime,
) -> Suppression:
    """Write to a recipient no more on a channel; without a practice nobody does. Twice is one row."""
    address = normalise(channel, recipient)
    key = {"practice_id": practice_id, "channel": channel, "recipient_hash": fingerprint(channel, address)}
    known: Suppression | None = Suppression.objects.active().filter(**key).first()
    if known is not None:
        return known
    row = Suppression(**key, recipient_masked=mask(channel, address), reason=reason, since=at)
    row.save()
    return row


@service("notifications.suppression.lift")
def lift_suppression(*, actor: Viewer, suppression: Suppression, at: datetime) -> Suppression:
    """Write to a recipient again."""
    if suppression.lifted_at is None:
        suppression.lifted_at = at
        suppression.save(update_fields=["lifted_at", "updated_at"])
    return suppression


def wake_dispatcher() -> None:
    """Wake a worker now; when the broker does not answer, beat does so in a few seconds."""
    try:
        current_app.send_task("notifications.dispatch_due", queue="messages", retry=False, expires=60)
    except (OperationalError, OSError):
        logger.warning("broker down: the next beat dispatches")


def _cancel(rows: list[NotificationJob], *, at: datetime) -> int:
    count = jobs.cancel(NotificationJob.objects.filter(pk__in=[row.pk for row in rows]), at=at)
    if count:
        for row in rows:
            row.refresh_from_db()
            if row.state == jobs.State.CANCELLED:
                write_step(row, Step.CANCELLED, at=at)
    return count


def _is_secret(job: NotificationJob) -> bool:
    message = MESSAGES.get(job.template_key)
    return message is not None and message.secret


def _plain(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return values JSON can hold; moments as ISO 8601, the rest as text."""
    plain: dict[str, Any] = {}
    for name, value in context.items():
        if isinstance(value, datetime):
            plain[name] = value.isoformat()
        elif value is not None:
            plain[name] = str(value)
    return plain
