"""Filters of the agenda: a window of local days, people, rooms, patients, statuses."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from rest_framework.exceptions import ValidationError

from apps.agenda.models import Absence, Appointment, AppointmentType
from apps.core.api.fields import zone_of
from apps.core.clock import start_of_day

MOST_DAYS = 42


class KeysFilter(filters.BaseInFilter, filters.UUIDFilter):
    """Several keys, separated by commas."""


class ChoicesFilter(filters.BaseInFilter, filters.ChoiceFilter):
    """Several values of a choice, separated by commas."""


class WindowFilter(filters.FilterSet):
    """`date` is one local day; `from` and `to` are local days, both inclusive, 42 at most."""

    date = filters.DateFilter(method="remember", label="One local day.")
    vars()["from"] = filters.DateFilter(method="remember", label="First local day.")
    to = filters.DateFilter(method="remember", label="Last local day, inclusive.")

    def remember(self, rows: QuerySet[Any], name: str, value: dt.date) -> QuerySet[Any]:
        """Leave the window to `filter_queryset`, which knows both ends."""
        return rows

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Apply the filters and the window."""
        rows: QuerySet[Any] = super().filter_queryset(queryset)
        window = self.window()
        if window is None:
            return rows
        zone = zone_of({"request": self.request})
        since, until = start_of_day(window[0], zone), start_of_day(window[1] + dt.timedelta(days=1), zone)
        within: QuerySet[Any] = rows.filter(starts_at__lt=until, ends_at__gt=since)
        return within

    def window(self) -> tuple[dt.date, dt.date] | None:
        """Return the first and last day asked for; refuse half a window and one that is too wide."""
        day, first, last = (self.form.cleaned_data.get(name) for name in ("date", "from", "to"))
        if day is not None:
            if first or last:
                raise ValidationError({"date": [_("Either one day or a period, not both.")]})
            return day, day
        if first is None and last is None:
            return self.without_window()
        if first is None or last is None:
            raise ValidationError({"to" if first else "from": [_("A period has a first and a last day.")]})
        if last < first:
            raise ValidationError({"to": [_("The last day must not come before the first.")]})
        if (last - first).days >= MOST_DAYS:
            raise ValidationError({"to": [_("At most %(most)d days at once.") % {"most": MOST_DAYS}]})
        return first, last

    def without_window(self) -> tuple[dt.date, dt.date] | None:
        """Return the days shown when none are asked for."""
        return None


class AppointmentFilter(WindowFilter):
    """The agenda; without a period it shows today, or everything of the patients asked for."""

    practitioner = KeysFilter(field_name="practitioner_id", label="Keys, comma-separated.")
    room = KeysFilter(field_name="room_id", label="Keys, comma-separated.")
    patient = KeysFilter(field_name="patient_id", label="Keys, comma-separated.")
    status = ChoicesFilter(choices=Appointment.Status.choices, label="Statuses, comma-separated.")

    class Meta:
        model = Appointment
        fields = ("date", "to", "practitioner", "room", "patient", "status")

    def without_window(self) -> tuple[dt.date, dt.date] | None:
        """Show today, unless a patient is asked for."""
        if self.form.cleaned_data.get("patient"):
            return None
        today = timezone.now().astimezone(zone_of({"request": self.request})).date()
        return today, today


class AbsenceFilter(WindowFilter):
    """Absences by person."""

    practitioner = KeysFilter(field_name="practitioner_id", label="Keys, comma-separated.")

    class Meta:
        model = Absence
        fields = ("date", "to", "practitioner")


class TypeFilter(filters.FilterSet):
    """`practice` matters to the platform's administrator, who sees several."""

    practice = filters.UUIDFilter(field_name="practice_id")
    is_active = filters.BooleanFilter()
    is_online_bookable = filters.BooleanFilter()

    class Meta:
        model = AppointmentType
        fields = ("practice", "is_active", "is_online_bookable")
