"""Text messages through Twilio."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import requests
from django.conf import settings
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from apps.notifications.models import Delivery, Suppression
from apps.notifications.providers.base import CannotAsk, Outgoing, Receipt, Refused, Unclear
from apps.notifications.providers.failures import never_left

TIMEOUT_SECONDS: Final = 20
OPTED_OUT: Final = 21610
UNUSABLE_NUMBER: Final = frozenset({21211, 21614})

# Twilio's words, in the order they can follow each other: callbacks arrive in any order.
DELIVERY_BY_STATUS: Final[dict[str, Delivery]] = {
    "accepted": Delivery.ACCEPTED,
    "scheduled": Delivery.ACCEPTED,
    "queued": Delivery.ACCEPTED,
    "sending": Delivery.ACCEPTED,
    "sent": Delivery.SENT,
    "delivered": Delivery.DELIVERED,
    "read": Delivery.DELIVERED,
    "undelivered": Delivery.UNDELIVERED,
    "failed": Delivery.UNDELIVERED,
    "canceled": Delivery.UNDELIVERED,
}


class _HttpClient(TwilioHttpClient):  # type: ignore[misc]  # twilio ships no types
    """Sends calls to `TWILIO_API_BASE` when that is set (a proxy, a regional edge, a test server)."""

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        base = settings.TWILIO_API_BASE.rstrip("/")
        if base:
            url = url.replace("https://api.twilio.com", base, 1)
        return super().request(method, url, *args, **kwargs)


class TwilioSms:
    """Creates messages at Twilio; the callback names our job, so that a lost answer finds its way back."""

    name = "twilio"
    settles_after = timedelta(minutes=5)

    def send(self, message: Outgoing) -> Receipt:
        """Create the message once; the library does not repeat a call by itself."""
        try:
            created = self._client().messages.create(
                to=message.recipient,
                from_=settings.TWILIO_FROM,
                body=message.text,
                status_callback=callback_url(message.job_id),
            )
        except TwilioRestException as error:
            raise _refusal(error) from error
        except requests.RequestException as error:
            if never_left(error):
                raise Refused("TWILIO_UNREACHABLE", retry=True) from error
            raise Unclear(f"TWILIO_{type(error).__name__.upper()}") from error
        except (TwilioException, ValueError) as error:
            raise Unclear("TWILIO_UNREADABLE_ANSWER") from error
        if not created.sid:
            raise Unclear("TWILIO_UNREADABLE_ANSWER")
        return Receipt(created.sid, DELIVERY_BY_STATUS.get(str(created.status), Delivery.ACCEPTED))

    def find(self, message: Outgoing, *, since: datetime, known: frozenset[str]) -> Receipt | None:
        """Look for the same words to the same number: Twilio has no room for a key of ours."""
        try:
            listed = self._client().messages.list(
                to=message.recipient, date_sent_after=since - timedelta(days=1), limit=200
            )
        except (TwilioException, requests.RequestException, ValueError) as error:
            raise CannotAsk from error
        earliest = since - timedelta(minutes=1)
        for sent in listed:
            created = sent.date_created
            if (
                sent.sid
                and sent.sid not in known
                and sent.body == message.text
                and (not created or created >= earliest)
            ):
                return Receipt(sent.sid, DELIVERY_BY_STATUS.get(str(sent.status), Delivery.ACCEPTED))
        return None

    def _client(self) -> Client:
        http = _HttpClient(timeout=TIMEOUT_SECONDS, pool_connections=False)
        return Client(settings.TWILIO_ACCOUNT_SID, settings.TWILIO_AUTH_TOKEN, http_client=http)


def callback_url(job_id: UUID) -> str:
    """Return where Twilio reports about a message; signed by Twilio over this exact address."""
    return f"{settings.PUBLIC_URL}/api/v1/webhooks/twilio?job={job_id}"


def _refusal(error: TwilioRestException) -> Refused | Unclear:
    code = f"TWILIO_{error.code or error.status}"
    if error.status >= 500:
        return Unclear(code)
    if error.code == OPTED_OUT:
        return Refused(code, suppress=Suppression.Reason.OPT_OUT)
    if error.code in UNUSABLE_NUMBER:
        return Refused(code, suppress=Suppression.Reason.INVALID)
    # Too many calls, or credentials being rotated: nothing was sent and a later call may pass.
    return Refused(code, retry=error.status in {401, 408, 429})
