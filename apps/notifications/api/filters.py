"""Filters of messages and their log."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters

from apps.core.api.fields import zone_of
from apps.core.clock import day_bounds
from apps.core.jobs import State
from apps.notifications.models import (
    Channel,
    Delivery,
    Language,
    NotificationJob,
    NotificationLog,
    NotificationTemplate,
)

DELIVERED_STATES = {Delivery.DELIVERED.value, Delivery.UNDELIVERED.value}
STATUSES = [*(state.value for state in State if state != State.DONE), "sent", *sorted(DELIVERED_STATES)]


class ChoicesFilter(filters.BaseInFilter, filters.ChoiceFilter):
    """One of several words, comma-separated."""


class TemplateFilter(filters.FilterSet):
    """By message, channel and language."""

    key = filters.CharFilter()
    channel = filters.ChoiceFilter(choices=Channel.choices)
    language = filters.ChoiceFilter(choices=Language.choices)

    class Meta:
        model = NotificationTemplate
        fields: tuple[str, ...] = ()


class OnDays(filters.FilterSet):
    """Local days, both ends included (`from` and `to` are added below)."""

    day_field = ""

    def since(self, rows: QuerySet[Any], name: str, value: date) -> QuerySet[Any]:
        """Keep rows of that day and later."""
        return rows.filter(**{f"{self.day_field}__gte": self.bounds(value)[0]})

    def until(self, rows: QuerySet[Any], name: str, value: date) -> QuerySet[Any]:
        """Keep rows of that day and earlier."""
        return rows.filter(**{f"{self.day_field}__lt": self.bounds(value)[1]})

    def bounds(self, value: date) -> Any:
        """Return the bounds of a day on the caller's wall clock."""
        return day_bounds(value, zone_of({"request": self.request}))


class JobFilter(OnDays):
    """By status, channel, message and cause; `from` and `to` are days the message is due."""

    day_field = "due_at"

    status = ChoicesFilter(choices=[(status, status) for status in STATUSES], method="by_status")
    channel = filters.ChoiceFilter(choices=Channel.choices)
    template = filters.CharFilter(field_name="template_key")
    cause_type = filters.CharFilter()
    cause_id = filters.UUIDFilter()

    class Meta:
        model = NotificationJob
        fields: tuple[str, ...] = ()

    def by_status(self, rows: QuerySet[Any], name: str, value: list[str]) -> QuerySet[Any]:
        """Keep one or several statuses; `sent` is done without news of delivery."""
        wanted = Q(
            state__in=[status for status in value if status != "sent" and status not in DELIVERED_STATES]
        )
        wanted |= Q(state=State.DONE, delivery__in=[status for status in value if status in DELIVERED_STATES])
        if "sent" in value:
            wanted |= Q(state=State.DONE) & ~Q(delivery__in=DELIVERED_STATES)
        return rows.filter(wanted)


class LogFilter(OnDays):
    """By message, step, channel and day."""

    day_field = "at"

    job = filters.UUIDFilter(field_name="job_id")
    step = ChoicesFilter(choices=NotificationLog.Step.choices)
    channel = filters.ChoiceFilter(choices=Channel.choices)
    template = filters.CharFilter(field_name="template_key")

    class Meta:
        model = NotificationLog
        fields: tuple[str, ...] = ()


# `from` is a keyword of the language and cannot stand in a class's body.
for _filters in (JobFilter, LogFilter):
    _filters.base_filters["from"] = filters.DateFilter(method="since", help_text="First local day.")
    _filters.base_filters["to"] = filters.DateFilter(method="until", help_text="Last local day.")
