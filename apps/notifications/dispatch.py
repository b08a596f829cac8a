"""Sending what is due: claimed, `sending` committed, the provider called once, the outcome marked.

A worker may die anywhere. Before `sending` is committed nothing has left and the lease gives the message
back. After it, the message is of unknown outcome: the provider is asked, or its callback answers, and only a
message that it has never seen is sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Q

from apps.core import jobs
from apps.core.context import bind
from apps.core.crypto import DecryptionFailed
from apps.core.errors import DependencyDown, DomainError
from apps.core.scope import SystemActor, Viewer
from apps.core.storage import private_store
from apps.notifications.history import Step, tell, write_step
from apps.notifications.models import NotificationJob, NotificationLog, NotificationTemplate, Suppression
from apps.notifications.providers import provider_for
from apps.notifications.providers.base import (
    Attachment,
    CannotAsk,
    Outgoing,
    Provider,
    Receipt,
    Refused,
    Unclear,
)
from apps.notifications.rendering import Rendered, message_of, render
from apps.notifications.services import record_delivery, suppress
from apps.notifications.texts import choose_text

logger = logging.getLogger(__name__)
Clock = Callable[[], datetime]
State = jobs.State

DISPATCHER: Final = SystemActor("dispatcher")
ASK_EVERY: Final = timedelta(minutes=1)
ASK_FOR: Final = timedelta(hours=24)
# A round ends well before the task's time limit; the next one goes on.
ROUND: Final = timedelta(seconds=90)


@dataclass(slots=True)
class Dispatched:
    """What one round did."""

    sent: int = 0
    failed: int = 0
    retried: int = 0
    unknown: int = 0
    expired: int = 0
    reconciled: int = 0
    lost: int = 0

    def count(self, outcome: str) -> None:
        """Add one outcome."""
        setattr(self, outcome, getattr(self, outcome) + 1)


def dispatch_due(*, actor: Viewer = DISPATCHER, clock: Clock, limit: int = 100) -> Dispatched:
    """Send up to `limit` due messages and ask after those of unknown outcome; any number may run at once.

    Not one transaction but many: each step must be committed before the next may happen.
    """
    done = Dispatched()
    began = clock()
    with bind(actor_id=actor.id, actor_role=actor.role, action="notifications.message.dispatch"):
        jobs.sweep_expired(NotificationJob, at=began)
        reconcile_unknown(clock=clock, done=done)
        for _ in range(limit):
            at = clock()
            if at - began > ROUND:
                break
            claimed = jobs.claim_due(NotificationJob, at=at, limit=1)
            if not claimed:
                break
            done.count(_deliver(claimed[0], clock=clock))
    return done


def _deliver(job: NotificationJob, *, clock: Clock) -> str:
    try:
        return _send(job, clock=clock)
    except jobs.LeaseLost:
        # Cancelled, settled by a callback or swept meanwhile: somebody else answers for it.
        return "lost"


def _send(job: NotificationJob, *, clock: Clock) -> str:
    at = clock()
    if job.expires_at and job.expires_at <= at:
        return _expire(job, at=at)
    blocked = Suppression.objects.covering(
        practice_id=job.practice_id, channel=job.channel, recipient_hash=job.recipient_hash
    )
    if blocked.exists():
        return _fail(job, "SUPPRESSED", at=at, retry=False)
    try:
        outgoing, log = _prepare(job)
    except DependencyDown as error:
        return _fail(job, error.code, at=at, retry=True)
    except DomainError as error:
        return _fail(job, error.code, at=at, retry=False)
    except DecryptionFailed:
        return _fail(job, "UNREADABLE", at=at, retry=False)
    provider = provider_for(job.channel)
    held = NotificationJob.objects.filter(pk=job.pk, lease_owner=job.lease_owner)
    held.update(provider=provider.name, sending_at=at, asked_at=None)
    job.provider, job.sending_at = provider.name, at
    jobs.mark_sending(job, at=at)
    write_step(job, Step.SENDING, at=at, **log)
    return _hand_over(job, provider, outgoing, clock=clock)


def _hand_over(job: NotificationJob, provider: Provider, outgoing: Outgoing, *, clock: Clock) -> str:
    """Call the provider, outside any transaction, and mark what came of it."""
    try:
        receipt = provider.send(outgoing)
    except Refused as refused:
        if refused.suppress:
            suppress(
                actor=DISPATCHER,
                practice_id=job.practice_id,
                channel=job.channel,
                recipient=outgoing.recipient,
                reason=refused.suppress,
                at=clock(),
            )
        return _fail(job, refused.code, at=clock(), retry=refused.retry)
    except Unclear as unclear:
        return _doubt(job, unclear.code, at=clock())
    except Exception:
        # Anything unforeseen may have happened after the message left.
        logger.exception("provider failed unexpectedly", extra={"job": str(job.pk)})
        return _doubt(job, "UNEXPECTED", at=clock())
    record_sent(job, receipt, at=clock())
    return "sent"


def record_sent(job: NotificationJob, receipt: Receipt, *, at: datetime) -> None:
    """Mark a message as sent, whatever happened to our lease: the provider has it."""
    record_delivery(
        actor=DISPATCHER, job_id=job.pk, delivery=receipt.delivery, at=at, message_id=receipt.message_id
    )


def reconcile_unknown(*, clock: Clock, done: Dispatched, limit: int = 50) -> None:
    """Ask the providers after messages of unknown outcome; what one has never seen goes back to the queue."""
    at = clock()
    asked = Q(asked_at__isnull=True) | Q(asked_at__lte=at - ASK_EVERY)
    waiting = NotificationJob.objects.filter(asked, state=State.UNKNOWN).order_by("sending_at", "pk")
    for job in waiting[:limit]:
        provider = provider_for(job.channel)
        begun = job.sending_at or job.created_at
        if at < begun + provider.settles_after:
            continue
        # One asker at a time: the other's update finds the row changed.
        if not NotificationJob.objects.filter(asked, pk=job.pk, state=State.UNKNOWN).update(asked_at=at):
            continue
        try:
            receipt = _ask(job, provider, begun)
        except (CannotAsk, DecryptionFailed, DomainError):
            if at > begun + ASK_FOR:
                _give_up(job, at=at)
            continue
        if receipt:
            record_sent(job, receipt, at=at)
        else:
            _send_again(job, at=at)
        done.count("reconciled")


def _ask(job: NotificationJob, provider: Provider, begun: datetime) -> Receipt | None:
    if job.provider != provider.name:
        raise CannotAsk  # another provider has been configured since
    last = NotificationLog.objects.filter(job=job, step=Step.SENDING).order_by("-id").first()
    if last is None or not last.rendered:
        # `sending` was committed, the log was not: the provider is called after the log only.
        return None
    others = NotificationJob.objects.filter(recipient_hash=job.recipient_hash).exclude(provider_message_id="")
    known = frozenset(others.exclude(pk=job.pk).values_list("provider_message_id", flat=True))
    # The text as it left; the log has it, but for the links and codes it must not hold.
    text = _prepare(job)[0].text if message_of(job.template_key).secret else last.rendered["text"]
    outgoing = Outgoing(job_id=job.pk, recipient=str(job.recipient), text=text)
    return provider.find(outgoing, since=begun, known=known)


def _send_again(job: NotificationJob, *, at: datetime) -> None:
    with transaction.atomic():
        try:
            settled = jobs.settle(NotificationJob, job.pk, state=State.PENDING, at=at, error="NEVER_ARRIVED")
        except jobs.JobNotSettled:
            return  # a callback was faster
        write_step(settled, Step.RECONCILED, at=at, code="NEVER_ARRIVED")
        if settled.state == State.DEAD:
            write_step(settled, Step.FAILED, at=at, code="NEVER_ARRIVED")
            tell(settled, "failed", at=at)


def _give_up(job: NotificationJob, *, at: datetime) -> None:
    with transaction.atomic():
        try:
            settled = jobs.settle(NotificationJob, job.pk, state=State.FAILED, at=at, error="OUTCOME_UNKNOWN")
        except jobs.JobNotSettled:
            return
        write_step(settled, Step.FAILED, at=at, code="OUTCOME_UNKNOWN")
        tell(settled, "failed", at=at)


def _prepare(job: NotificationJob) -> tuple[Outgoing, dict[str, Any]]:
    """Render the text and fetch the files before anything is promised; return message and log values."""
    practice = job.practice
    template = choose_text(
        practice_id=job.practice_id, key=job.template_key, channel=job.channel, language=job.language
    )
    rendered = render(template, job.context or {}, practice=practice)
    outgoing = Outgoing(
        job_id=job.pk,
        recipient=str(job.recipient),
        text=rendered.text,
        subject=rendered.subject,
        html=rendered.html,
        sender_name=practice.name if practice else "",
        reply_to=practice.email if practice else "",
        attachments=tuple(_attachment(each) for each in job.attachments),
    )
    return outgoing, _shown(job, template, rendered)


def _attachment(described: dict[str, str]) -> Attachment:
    content = private_store().read(described["key"])
    return Attachment(described["filename"], content, described["content_type"])


def _shown(job: NotificationJob, template: NotificationTemplate, rendered: Rendered) -> dict[str, Any]:
    """Return what the log keeps of a text: all of it, but for links that log in."""
    public = render(template, job.context or {}, practice=job.practice, hide_secrets=True)
    shown = {"subject": public.subject, "text": public.text}
    if job.attachments:
        shown["attachments"] = ", ".join(each["filename"] for each in job.attachments)
    return {"rendered": shown, "encoding": rendered.encoding, "parts": rendered.parts}


def _expire(job: NotificationJob, *, at: datetime) -> str:
    with transaction.atomic():
        if not jobs.cancel(NotificationJob.objects.filter(pk=job.pk, lease_owner=job.lease_owner), at=at):
            return "lost"
        write_step(job, Step.EXPIRED, at=at)
        tell(job, "expired", at=at)
    return "expired"


def _fail(job: NotificationJob, code: str, *, at: datetime, retry: bool) -> str:
    with transaction.atomic():
        jobs.mark_failed(job, at=at, error=code, retry=retry)
        again = job.state == State.PENDING
        write_step(job, Step.RETRY if again else Step.FAILED, at=at, code=code)
        if not again:
            tell(job, "suppressed" if code == "SUPPRESSED" else "failed", at=at)
    return "retried" if again else "failed"


def _doubt(job: NotificationJob, code: str, *, at: datetime) -> str:
    with transaction.atomic():
        jobs.mark_unknown(job, error=code)
        write_step(job, Step.UNKNOWN, at=at, code=code)
    return "unknown"
