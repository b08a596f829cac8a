"""Filters of the catalogue."""

from __future__ import annotations

from typing import Any

from django_filters import rest_framework as filters

from apps.catalog.models import Act
from apps.catalog.selectors import search_acts


class ChoicesFilter(filters.BaseInFilter, filters.ChoiceFilter):
    """One of several words, comma-separated."""


class ActFilter(filters.FilterSet):
    """By words, category, nomenclature or code."""

    search = filters.CharFilter(
        method="by_words", label="Words of the label, or a code; accents do not count."
    )
    category = ChoicesFilter(choices=Act.Category.choices, label="One or several, comma-separated.")
    code = filters.CharFilter(lookup_expr="iexact")
    code_system = filters.ChoiceFilter(choices=Act.System.choices)
    # BooleanFilter takes anything it does not understand for no filter at all.
    is_active = filters.TypedChoiceFilter(
        choices=[("true", "true"), ("false", "false")], coerce=lambda value: value == "true"
    )

    favourite = filters.TypedChoiceFilter(
        choices=[("true", "true")],
        method="of_mine",
        label="`true`: the caller's favourites and the practice's.",
    )

    class Meta:
        model = Act
        fields: tuple[str, ...] = ()

    def of_mine(self, rows: Any, name: str, value: Any) -> Any:
        """Keep the favourites."""
        user: Any = getattr(self.request, "user", None)
        return rows.favourites_of(user.practice_id, user.practitioner_id)

    def by_words(self, rows: Any, name: str, value: str) -> Any:
        """Search and rank."""
        return search_acts(rows, value)
