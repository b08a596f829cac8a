"""The signature of calls that start a dispatch round from outside (a platform's cron)."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

TIMESTAMP_HEADER: Final = "X-Dispatch-Timestamp"
SIGNATURE_HEADER: Final = "X-Dispatch-Signature"
# A call older than this is refused; one repeated within it finds nothing left to send.
TOLERANCE: Final = timedelta(minutes=5)


def sign(timestamp: int, body: bytes) -> str:
    """Return `sha256=` and the hex HMAC-SHA256, under DISPATCH_KEY, of `<timestamp>.<body>`."""
    message = str(timestamp).encode() + b"." + body
    return "sha256=" + hmac.new(settings.DISPATCH_KEY.encode(), message, hashlib.sha256).hexdigest()


def is_signed(timestamp: str, signature: str, body: bytes, *, at: datetime) -> bool:
    """Say whether a call carries a fresh signature of its body; `timestamp` is in Unix seconds."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    if abs(at.timestamp() - int(timestamp)) > TOLERANCE.total_seconds():
        return False
    return hmac.compare_digest(sign(int(timestamp), body).encode(), signature.encode())
