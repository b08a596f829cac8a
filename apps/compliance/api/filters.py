"""Filters of the data requests."""

from __future__ import annotations

from django_filters import rest_framework as filters

from apps.compliance.models import DataRequest


class DataRequestFilter(filters.FilterSet):
    """By kind, status or patient."""

    kind = filters.ChoiceFilter(choices=DataRequest.Kind.choices)
    status = filters.ChoiceFilter(choices=DataRequest.Status.choices)
    patient = filters.UUIDFilter(field_name="patient_id")

    class Meta:
        model = DataRequest
        fields: tuple[str, ...] = ()
