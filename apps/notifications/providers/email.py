"""Emails through Django's mail: files in development, Postmark through anymail when configured."""

from __future__ import annotations

import re
import smtplib
from datetime import datetime, timedelta
from email.utils import formataddr, parseaddr
from pathlib import Path
from typing import Any, Final

import requests
from anymail.exceptions import AnymailError, AnymailRecipientsRefused, AnymailRequestsAPIError
from django.conf import settings
from django.core import mail
from django.core.mail import EmailMultiAlternatives

from apps.notifications.models import Delivery, Suppression
from apps.notifications.providers.base import CannotAsk, Outgoing, Receipt, Refused, Unclear
from apps.notifications.providers.failures import never_left

POSTMARK_API: Final = "https://api.postmarkapp.com/"
FILE_BACKEND: Final = "django.core.mail.backends.filebased.EmailBackend"
MEMORY_BACKEND: Final = "django.core.mail.backends.locmem.EmailBackend"
POSTMARK_BACKEND: Final = "anymail.backends.postmark.EmailBackend"
# What the file backend writes after each message: without it the message was cut short.
_FILE_END: Final = b"\n" + b"-" * 79 + b"\n"


class EmailProvider:
    """Sends through `EMAIL_BACKEND`; Message-ID and metadata carry the job's id, to find it again by."""

    name = "email"

    @property
    def settles_after(self) -> timedelta:
        """Postmark's search lags a little behind; files and memory do not."""
        return timedelta(minutes=5) if settings.EMAIL_BACKEND == POSTMARK_BACKEND else timedelta(0)

    def send(self, message: Outgoing) -> Receipt:
        """Send once, text and HTML."""
        email = compose(message)
        try:
            email.send()
        except AnymailRecipientsRefused as error:
            raise Refused("EMAIL_RECIPIENT_REFUSED", suppress=Suppression.Reason.HARD_BOUNCE) from error
        except AnymailRequestsAPIError as error:
            raise _api_failure(error) from error
        except AnymailError as error:
            raise Refused("EMAIL_NOT_ACCEPTABLE") from error
        except smtplib.SMTPRecipientsRefused as error:
            raise Refused("EMAIL_RECIPIENT_REFUSED") from error
        except smtplib.SMTPConnectError as error:
            raise Refused("EMAIL_UNREACHABLE", retry=True) from error
        except ConnectionRefusedError as error:
            raise Refused("EMAIL_UNREACHABLE", retry=True) from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unclear(f"EMAIL_{type(error).__name__.upper()}") from error
        status = getattr(email, "anymail_status", None)
        if status is None:
            return Receipt(message_id_of(message), Delivery.SENT)
        if not status.message_id:
            raise Unclear("EMAIL_NO_RECEIPT")
        return Receipt(str(status.message_id), Delivery.SENT)

    def find(self, message: Outgoing, *, since: datetime, known: frozenset[str]) -> Receipt | None:
        """Ask where the message would be: the folder, the memory, or Postmark; plain SMTP cannot be asked."""
        backend = settings.EMAIL_BACKEND
        if backend == FILE_BACKEND:
            return _in_folder(message, since)
        if backend == MEMORY_BACKEND:
            outbox: list[Any] = getattr(mail, "outbox", [])
            sent = any(each.extra_headers.get("Message-ID") == message_id_of(message) for each in outbox)
            return Receipt(message_id_of(message), Delivery.SENT) if sent else None
        if backend == POSTMARK_BACKEND:
            return _at_postmark(message)
        raise CannotAsk


def compose(message: Outgoing) -> EmailMultiAlternatives:
    """Build the email: from the practice's name at the house's address, answers to the practice."""
    _name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    sender = " ".join(message.sender_name.split())
    email = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        from_email=formataddr((sender, address)) if sender else settings.DEFAULT_FROM_EMAIL,
        to=[message.recipient],
        reply_to=[message.reply_to] if message.reply_to else None,
        headers={"Message-ID": message_id_of(message), "Auto-Submitted": "auto-generated"},
    )
    if message.html:
        email.attach_alternative(message.html, "text/html")
    for attachment in message.attachments:
        email.attach(attachment.filename, attachment.content, attachment.content_type)
    email.metadata = {"job": str(message.job_id)}  # type: ignore[attr-defined]  # read by anymail
    return email


def message_id_of(message: Outgoing) -> str:
    """Return the Message-ID, the same for every attempt of a job."""
    _name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    return f"<{message.job_id}@{address.rpartition('@')[2]}>"


def _api_failure(error: AnymailRequestsAPIError) -> Refused | Unclear:
    if isinstance(error, requests.RequestException) and never_left(error):
        return Refused("EMAIL_UNREACHABLE", retry=True)
    status = error.status_code
    if status is None or status >= 500:
        return Unclear(f"EMAIL_{status or 'NO_ANSWER'}")
    return Refused(f"EMAIL_{status}", retry=status in {401, 408, 429})


def _in_folder(message: Outgoing, since: datetime) -> Receipt | None:
    wanted = message_id_of(message).encode()
    begun = since.timestamp() - 60
    try:
        for path in Path(settings.EMAIL_FILE_PATH).glob("*.log"):
            if path.stat().st_mtime < begun:
                continue
            whole = path.read_bytes().split(_FILE_END)[:-1]
            if any(wanted in part for part in whole):
                return Receipt(message_id_of(message), Delivery.SENT)
    except OSError as error:
        raise CannotAsk from error
    return None


def _at_postmark(message: Outgoing) -> Receipt | None:
    answer = _ask_postmark("messages/outbound", count="1", offset="0", metadata_job=str(message.job_id))
    try:
        found = (answer or {})["Messages"]
        return Receipt(str(found[0]["MessageID"]), Delivery.SENT) if found else None
    except (KeyError, IndexError, TypeError) as error:
        raise CannotAsk from error


def postmark_details(message_id: str) -> dict[str, Any] | None:
    """Return what Postmark itself says of a message, None when it has none; raise `CannotAsk`."""
    if not re.fullmatch(r"[0-9A-Za-z-]{8,64}", message_id):
        return None
    return _ask_postmark(f"messages/outbound/{message_id}/details")


def _ask_postmark(path: str, **params: str) -> dict[str, Any] | None:
    options: dict[str, Any] = getattr(settings, "ANYMAIL", {})
    base = str(options.get("POSTMARK_API_URL", POSTMARK_API)).rstrip("/")
    headers = {
        "X-Postmark-Server-Token": str(options.get("POSTMARK_SERVER_TOKEN", "")),
        "Accept": "application/json",
    }
    try:
        answer = requests.get(f"{base}/{path}", params=params, headers=headers, timeout=(5, 20))
        if answer.status_code in {404, 422}:
            return None
        answer.raise_for_status()
        body = answer.json()
    except (requests.RequestException, ValueError) as error:
        raise CannotAsk from error
    if not isinstance(body, dict):
        raise CannotAsk
    return body
