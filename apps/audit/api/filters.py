"""Filters of the trail."""

from __future__ import annotations

from datetime import date
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError

from apps.audit.models import AuditEntry
from apps.audit.recorder import audited_kinds
from apps.core.api.fields import zone_of
from apps.core.clock import day_bounds


class TextInFilter(django_filters.BaseInFilter, django_filters.CharFilter):
    """Several words, comma-separated."""


class AuditEntryFilter(django_filters.FilterSet):
    """By object, actor, action and local days, both ends included (`from` and `to` are added below)."""

    object_type = django_filters.CharFilter(
        method="by_type", help_text="Kind of object, as `billing.invoice`."
    )
    object_id = django_filters.CharFilter(method="by_object", help_text="Key of the object.")
    actor = django_filters.UUIDFilter(field_name="actor_id", help_text="Key of the acting user.")
    action = TextInFilter(field_name="event", help_text="Dotted action names, comma-separated.")

    class Meta:
        model = AuditEntry
        fields: list[str] = []

    def by_type(self, rows: QuerySet[AuditEntry], name: str, value: str) -> QuerySet[AuditEntry]:
        """Keep one kind of object; an unknown kind is an error."""
        kind = next((k for k in audited_kinds() if f"{k.app_label}.{k.model}" == value.lower()), None)
        if kind is None:
            raise ValidationError({name: [_("This kind of object is not known.")]})
        return rows.filter(content_type=kind)

    def by_object(self, rows: QuerySet[AuditEntry], name: str, value: str) -> QuerySet[AuditEntry]:
        """Keep one object; naming the kinds lets the index on (kind, object) serve."""
        return rows.filter(content_type__in=audited_kinds(), object_pk=value)

    def since(self, rows: QuerySet[AuditEntry], name: str, value: date) -> QuerySet[AuditEntry]:
        """Keep entries of that day and later."""
        return rows.filter(timestamp__gte=self.day(value)[0])

    def until(self, rows: QuerySet[AuditEntry], name: str, value: date) -> QuerySet[AuditEntry]:
        """Keep entries of that day and earlier."""
        return rows.filter(timestamp__lt=self.day(value)[1])

    def day(self, value: date) -> Any:
        """Return the bounds of a day on the caller's wall clock."""
        return day_bounds(value, zone_of({"request": self.request}))


# `from` is a keyword of the language and cannot stand in the class's body.
AuditEntryFilter.base_filters["from"] = django_filters.DateFilter(
    method="since", help_text="First local day."
)
AuditEntryFilter.base_filters["to"] = django_filters.DateFilter(method="until", help_text="Last local day.")
