"""The short signed links of messages: one speaks for a visit at the time agreed, the other for an offered time."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from apps.agenda.models import Appointment, WaitlistOffer

SALT = "agenda.answer"
OFFER_SALT = "agenda.waitlist_offer"
MAC_BYTES = 16  # 128 bits: short enough for a text message, far beyond guessing at 20 tries a minute


def link_of(appointment: Appointment) -> str:
    """Return the address at which the patient confirms or declines."""
    return f"{settings.PUBLIC_URL}/r/{token_of(appointment)}"


def token_of(appointment: Appointment) -> str:
    """Return the token of a visit; a move makes it worthless, because the agreed time is part of it."""
    return urlsafe_b64encode(appointment.pk.bytes + mac(appointment)).decode().rstrip("=")


def appointment_of(token: str) -> Appointment | None:
    """Return the visit a token speaks for; None when it is forged, broken or overtaken by a move."""
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        key, signature = UUID(bytes=raw[:16]), raw[16:]
    except ValueError:
        return None
    rows = Appointment.objects.select_related("practice", "patient", "practitioner", "type", "room")
    appointment: Appointment | None = rows.filter(pk=key).first()
    if appointment is None or not constant_time_compare(signature, mac(appointment)):
        return None
    return appointment


def mac(appointment: Appointment) -> bytes:
    """Sign a visit and the time that was agreed."""
    said = f"{appointment.pk}|{appointment.starts_at.timestamp()}|{appointment.scheduled_at.timestamp()}"
    return signed(SALT, said)


def offer_link_of(offer: WaitlistOffer) -> str:
    """Return the address at which a waiting patient takes what is offered."""
    return f"{settings.PUBLIC_URL}/w/{offer_token_of(offer)}"


def offer_token_of(offer: WaitlistOffer) -> str:
    """Return the token of an offer."""
    return urlsafe_b64encode(offer.pk.bytes + signed(OFFER_SALT, str(offer.pk))).decode().rstrip("=")


def offer_of(token: str) -> WaitlistOffer | None:
    """Return the offer a token speaks for; None when it is forged or broken."""
    key = key_of(token, lambda key: signed(OFFER_SALT, str(key)))
    rows = WaitlistOffer.objects.select_related("practice", "entry__patient")
    offer: WaitlistOffer | None = rows.filter(pk=key).first() if key else None
    return offer


def key_of(token: str, sign: Callable[[UUID], bytes]) -> UUID | None:
    """Return the key in a token whose signature holds."""
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        key, signature = UUID(bytes=raw[:16]), raw[16:]
    except ValueError:
        return None
    return key if constant_time_compare(signature, sign(key)) else None


def signed(salt: str, said: str) -> bytes:
    """Sign a sentence."""
    return salted_hmac(salt, said, secret=settings.LINK_SIGNING_KEY, algorithm="sha256").digest()[:MAC_BYTES]
