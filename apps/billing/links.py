"""The signed link of a quote: it speaks for one issued version; the patient's birth date opens it."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from apps.billing.models import Quote

SALT = "billing.quote"
MAC_BYTES = 16  # 128 bits: far beyond guessing at 20 tries a minute


def link_of(quote: Quote) -> str:
    """Return the address at which the patient reads, accepts or refuses."""
    return f"{settings.PUBLIC_URL}/q/{token_of(quote)}"


def token_of(quote: Quote) -> str:
    """Return the token of an issued quote."""
    return urlsafe_b64encode(quote.pk.bytes + mac(quote)).decode().rstrip("=")


def quote_of(token: str) -> Quote | None:
    """Return the quote a token speaks for; None when it is forged, broken, or the quote is a draft."""
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        key, signature = UUID(bytes=raw[:16]), raw[16:]
    except ValueError:
        return None
    rows = Quote.objects.select_related("practice", "patient", "practitioner").exclude(status="draft")
    quote: Quote | None = rows.filter(pk=key).first()
    if quote is None or not constant_time_compare(signature, mac(quote)):
        return None
    return quote


def mac(quote: Quote) -> bytes:
    """Sign a quote as it was issued."""
    moment = quote.issued_at.timestamp() if quote.issued_at else 0
    digest = salted_hmac(SALT, f"{quote.pk}|{moment}", secret=settings.LINK_SIGNING_KEY, algorithm="sha256")
    return digest.digest()[:MAC_BYTES]
