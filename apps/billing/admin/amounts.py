"""Amounts as people read and write them."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.core.errors import InvalidInput
from apps.core.money import format_money, parse_money

RATE = re.compile(r"[0-9]{1,4}(?:[.,][0-9]{1,2})?")


def shown(amount: int | None, currency: str) -> str:
    """Write an amount in the reader's language; nothing for nothing."""
    return "" if amount is None else format_money(amount, currency, get_language() or "fr")


def read(text: str, currency: str) -> int | None:
    """Read what somebody typed; None for nothing. Raises the refusals of `parse_money`."""
    return parse_money(text, currency) if text.strip() else None


def read_rate(text: str) -> int | None:
    """Read a percentage as basis points: `300`, `62,5 %`; nothing for nothing."""
    bare = text.replace("%", "").replace("\u00a0", "").replace("\u202f", "").strip()
    if not bare:
        return None
    if not RATE.fullmatch(bare):
        raise InvalidInput(shares=[str(_("This is not a percentage."))])
    whole, _point, fraction = bare.replace(",", ".").partition(".")
    return int(whole) * 100 + int(fraction.ljust(2, "0") or "0")


def shown_rate(rate_bp: int | None) -> str:
    """Write basis points as a percentage without its sign, in French notation; nothing for nothing."""
    if rate_bp is None:
        return ""
    return f"{rate_bp // 100},{rate_bp % 100:02d}".rstrip("0").rstrip(",")


class MoneyText(forms.CharField):
    """An amount in either notation; it is read once the currency is known."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "size": 10})
        super().__init__(**{"max_length": 24, "widget": widget, **kwargs})
