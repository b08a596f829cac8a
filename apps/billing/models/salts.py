"""Salts of the digests that stand for personal values in the ledger."""

from __future__ import annotations

import secrets


def new_salt() -> str:
    """Return 128 random bits; a row keeps its own, so that equal values have different digests."""
    return secrets.token_hex(16)
