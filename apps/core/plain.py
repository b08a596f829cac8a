"""Plain values: what JSON can say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils.encoding import force_str
from django.utils.functional import Promise


def plain(value: Any) -> Any:
    """Return a JSON value for what orjson does not know."""
    if isinstance(value, Promise):
        return force_str(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return str(value)
