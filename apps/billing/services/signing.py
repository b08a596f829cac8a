"""The signature of ledger records and archives: HMAC-SHA256 under a key of its own.

The chain alone shows that nothing was changed by somebody who could not change everything; the signature shows it of
somebody who could write the whole database anew, but does not hold the key.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from django.conf import settings

from apps.billing.archive.verifier import mac
from apps.core.crypto import KeyRing

UNSIGNED: Final = ("", "")


def sign(*parts: object) -> tuple[str, str]:
    """Return the id of the active key and the signature of `parts`; two empty texts where there is no key."""
    ring = keyring()
    return (ring.active, mac(ring.keys[ring.active], *parts)) if ring is not None else UNSIGNED


def signing_keys() -> Mapping[str, bytes]:
    """Return the keys signatures are checked with, by id; none where no key is set."""
    ring = keyring()
    return ring.keys if ring is not None else {}


def keyring() -> KeyRing | None:
    """Return the keys of the current settings; parsed once per value of the setting."""
    return _parsed(settings.LEDGER_SIGNING_KEY) if settings.LEDGER_SIGNING_KEY else None


@lru_cache(maxsize=8)
def _parsed(text: str) -> KeyRing:
    return KeyRing.parse(text, setting="LEDGER_SIGNING_KEY")
