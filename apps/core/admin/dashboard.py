"""The admin's first page: the day's figures, each given by the app that knows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from apps.core.hooks import Hook
from apps.core.scope import Viewer


@dataclass(frozen=True, slots=True)
class CardRow:
    """One line of a card: when or how much, what, and where a click leads."""

    lead: str
    text: str
    url: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One figure of the first page, with the few rows behind it and the list of all of them."""

    title: str
    figure: str
    icon: str
    url: str
    rows: Sequence[CardRow] = ()
    empty: str = ""
    order: int = 100
    alarming: bool = False


# Answers the cards a viewer may see at a moment; an app without any answers an empty list.
index_cards: Hook[[Viewer, datetime], Sequence[Card]] = Hook("admin_index_cards")


def admin_page(name: str, *args: Any) -> str:
    """Return the address of an admin page, or nothing where the page is not installed."""
    try:
        return reverse(f"admin:{name}", args=args)
    except NoReverseMatch:
        return ""


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the cards to the index page's context."""
    gathered = index_cards.gather(request.user, timezone.now())  # type: ignore[arg-type]  # logged in here
    context["cards"] = sorted((card for cards in gathered for card in cards), key=lambda card: card.order)
    context["greeting_name"] = request.user.get_short_name() if request.user.is_authenticated else ""
    return context
