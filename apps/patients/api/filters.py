"""Filters of the patient list."""

from __future__ import annotations

from typing import Any

from django_filters import rest_framework as filters

from apps.patients.models import Patient
from apps.patients.search import find_patients, in_order

YES_OR_NO = [("true", "true"), ("false", "false")]


class ChoicesFilter(filters.BaseInFilter, filters.ChoiceFilter):
    """One of several words, comma-separated."""


class PatientFilter(filters.FilterSet):
    """By words and keys, status, birth date, tag, household or practitioner."""

    status = ChoicesFilter(choices=Patient.Status.choices, label="One or several, comma-separated.")
    birth_date = filters.DateFilter()
    tag = filters.CharFilter(method="by_tag")
    household = filters.UUIDFilter(field_name="household_id")
    practitioner = filters.UUIDFilter(field_name="practitioner_id")
    # BooleanFilter takes anything it does not understand for no filter at all.
    do_not_contact = filters.TypedChoiceFilter(choices=YES_OR_NO, coerce=lambda value: value == "true")
    # Last, because it picks its candidates among what the others leave.
    search = filters.CharFilter(
        method="by_search",
        max_length=120,
        label="Words of the name in any order, slips and accents forgiven; a phone, birth date, file number, email or "
        "national id.",
    )

    class Meta:
        model = Patient
        fields: tuple[str, ...] = ()

    def by_tag(self, rows: Any, name: str, value: str) -> Any:
        """Keep those who bear a tag."""
        return rows.filter(tags__contains=[value])

    def by_search(self, rows: Any, name: str, value: str) -> Any:
        """Find and rank."""
        caller: Any = self.request and self.request.user
        practice = caller.practice
        return in_order(rows, find_patients(rows, value, practice=practice)) if practice else rows.none()
