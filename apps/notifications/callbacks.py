"""What providers report: forward only, by message, never taken at their word where they do not sign."""

from __future__ import annotations

import logging
from contextlib import suppress as suppress_error
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from apps.core.errors import DependencyDown
from apps.core.scope import SystemActor
from apps.notifications.models import Channel, Delivery, NotificationJob, Suppression
from apps.notifications.providers.base import CannotAsk
from apps.notifications.providers.email import postmark_details
from apps.notifications.providers.twilio_sms import DELIVERY_BY_STATUS, OPTED_OUT
from apps.notifications.recipients import fingerprint, normalise
from apps.notifications.services import lift_suppression, record_delivery, suppress

logger = logging.getLogger(__name__)
TWILIO: Final = SystemActor("twilio")
POSTMARK: Final = SystemActor("postmark")

# 30005: the number does not exist; 30006: a landline or a carrier out of reach.
_DEAD_NUMBERS: Final = frozenset({"30005", "30006"})


def hear_twilio(
    *, job: str, sid: str, status: str, error_code: str, sender: str, opt_out: str, at: datetime
) -> None:
    """Record a status, or an answer that asks for no more messages; news of unknown messages is dropped."""
    if opt_out and sender:
        _hear_opt_out(sender, opt_out.upper(), at=at)
        return
    row = _message(job, sid)
    delivery = DELIVERY_BY_STATUS.get(status)
    if row is None or delivery is None:
        logger.info("callback about no message of ours", extra={"provider": "twilio"})
        return
    code = f"TWILIO_{error_code}" if error_code else ""
    record_delivery(actor=TWILIO, job_id=row.pk, delivery=delivery, at=at, message_id=sid, code=code)
    if error_code == str(OPTED_OUT):
        _suppress(TWILIO, row, Suppression.Reason.OPT_OUT, at=at)
    elif error_code in _DEAD_NUMBERS:
        _suppress(TWILIO, row, Suppression.Reason.INVALID, at=at)


def hear_postmark(*, message_id: str, record: str, kind: str, at: datetime) -> None:
    """Record a message's events as Postmark has them; raise `DependencyDown`, so that it calls again."""
    try:
        details = postmark_details(message_id)
    except CannotAsk as error:
        raise DependencyDown from error
    job = details.get("Metadata", {}).get("job", "") if details else ""
    row = _message(str(job), message_id)
    if row is None or not details:
        logger.info("callback about no message of ours", extra={"provider": "postmark"})
        return
    events = {str(event.get("Type", "")).lower() for event in details.get("MessageEvents", [])}
    if "bounced" in events:
        record_delivery(
            actor=POSTMARK, job_id=row.pk, delivery=Delivery.UNDELIVERED, at=at, message_id=message_id,
            code=f"EMAIL_{kind.upper()[:30] or 'BOUNCED'}",
        )  # fmt: skip
        if record == "Bounce" and kind == "HardBounce":
            _suppress(POSTMARK, row, Suppression.Reason.HARD_BOUNCE, at=at)
    elif "delivered" in events:
        record_delivery(
            actor=POSTMARK, job_id=row.pk, delivery=Delivery.DELIVERED, at=at, message_id=message_id
        )
    if record == "SpamComplaint":
        _suppress(POSTMARK, row, Suppression.Reason.COMPLAINT, at=at)
    elif record == "SubscriptionChange" and "subscriptionchanged" in events:
        _suppress(POSTMARK, row, Suppression.Reason.OPT_OUT, at=at)


def _message(job: str, message_id: str) -> NotificationJob | None:
    """Find a message by the key it travelled with, else by the provider's identifier."""
    found: NotificationJob | None = None
    with suppress_error(ValueError):
        found = NotificationJob.objects.filter(pk=UUID(job)).first()
    if (found is None or found.provider_message_id not in {"", message_id}) and message_id:
        found = NotificationJob.objects.filter(provider_message_id=message_id).first()
    return found


def _hear_opt_out(sender: str, kind: str, *, at: datetime) -> None:
    """Obey STOP and START for the whole house: they were said to its number, not to one practice."""
    if kind == "STOP":
        suppress(
            actor=TWILIO,
            practice_id=None,
            channel=Channel.SMS,
            recipient=sender,
            reason=Suppression.Reason.OPT_OUT,
            at=at,
        )
    elif kind == "START":
        hashed = fingerprint(Channel.SMS, normalise(Channel.SMS, sender))
        opted_out: Any = Suppression.objects.active().filter(
            channel=Channel.SMS, recipient_hash=hashed, reason=Suppression.Reason.OPT_OUT
        )
        for row in opted_out:
            lift_suppression(actor=TWILIO, suppression=row, at=at)


def _suppress(actor: SystemActor, job: NotificationJob, reason: Suppression.Reason, *, at: datetime) -> None:
    if job.recipient:
        suppress(
            actor=actor,
            practice_id=job.practice_id,
            channel=job.channel,
            recipient=job.recipient,
            reason=reason,
            at=at,
        )
