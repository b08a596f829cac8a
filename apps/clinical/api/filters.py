"""Filters of treatments."""

from __future__ import annotations

from django_filters import rest_framework as filters

from apps.clinical.models import Treatment


class TreatmentFilter(filters.FilterSet):
    """By status and practitioner."""

    status = filters.ChoiceFilter(choices=Treatment.Status.choices)
    practitioner = filters.UUIDFilter(field_name="practitioner_id")

    class Meta:
        model = Treatment
        fields: tuple[str, ...] = ()
