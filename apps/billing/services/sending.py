"""Sending a patient the link at which a quote is read and answered."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from apps.billing.links import link_of
from apps.billing.models import Quote
from apps.billing.services.quotes import is_valid_on
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.notifications.models import NotificationJob
from apps.notifications.services import enqueue

TEMPLATE = "billing.quote"


class QuoteNotOpen(DomainError):
    """Nobody is asked to answer what is no longer offered, or was never meant."""

    code = "QUOTE_NOT_OPEN"
    message = _("Only an issued quote that is still valid is sent for an answer.")


class ContactUnwanted(DomainError):
    """The patient asked not to be written to."""

    code = "CONTACT_UNWANTED"
    message = _("This patient wants no contact.")


@service("billing.quote.send")
def send_quote(*, actor: Viewer, quote: Quote, channel: str, at: datetime) -> NotificationJob:
    """Queue the message with the quote's link; twice within one minute is one message.

    The message names no care: the patient's birth date opens the page. Refuses QUOTE_NOT_OPEN, CONTACT_UNWANTED, a
    channel without an address, and what the outbox refuses.
    """
    patient = quote.patient
    valid = is_valid_on(quote, at.astimezone(quote.practice.zone).date())
    if quote.status != Quote.Status.ISSUED or quote.is_training or not valid:
        raise QuoteNotOpen(status=quote.status)
    if patient.do_not_contact:
        raise ContactUnwanted
    recipient = str(patient.phone or "") if channel == "sms" else patient.email
    if not recipient:
        raise InvalidInput(channel=[str(_("This patient has no address for this channel."))])
    return enqueue(
        actor=actor,
        practice=quote.practice,
        template=TEMPLATE,
        channel=channel,
        recipient=recipient,
        language=quote.language,
        context={
            "number": quote.number,
            "link": link_of(quote),
            "valid_until": f"{quote.valid_until:%d/%m/%Y}",
        },
        due_at=at,
        unique_key=f"{TEMPLATE}:{quote.pk}:{channel}:{at:%Y%m%d%H%M}",
        cause_type="billing.quote",
        cause_id=quote.pk,
        at=at,
    )
