"""Amounts as people read and write them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import get_language
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.core.money import format_money, parse_money


def shown(amount: int | None, currency: str) -> str:
    """Write an amount in the reader's language; nothing for nothing."""
    return "" if amount is None else format_money(amount, currency, get_language() or "fr")


def read(text: str, currency: str) -> int | None:
    """Read what somebody typed; None for nothing. Raises the refusals of `parse_money`."""
    return parse_money(text, currency) if text.strip() else None


class MoneyText(forms.CharField):
    """An amount in either notation; it is read once the currency is known."""

    def __init__(self, **kwargs: Any) -> None:
        widget = UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "size": 10})
        super().__init__(**{"max_length": 24, "widget": widget, **kwargs})
