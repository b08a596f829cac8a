"""Filters of the list of accounts."""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from apps.accounts.models import User
from apps.accounts.roles import Role


class UserFilter(filters.FilterSet):
    """`practice` and `insurer` matter to the platform's administrator, who sees several."""

    practice = filters.UUIDFilter(field_name="practice_id")
    insurer = filters.UUIDFilter(field_name="insurer_id")
    role = filters.ChoiceFilter(choices=Role.choices)
    is_active = filters.BooleanFilter()
    search = filters.CharFilter(method="by_words")

    class Meta:
        model = User
        fields = ("practice", "insurer", "role", "is_active")

    def by_words(self, rows: QuerySet[User], name: str, value: str) -> QuerySet[User]:
        """Return the accounts in whose name or address every word is found."""
        for word in value.split():
            rows = rows.filter(
                Q(first_name__icontains=word) | Q(last_name__icontains=word) | Q(email__icontains=word)
            )
        return rows
