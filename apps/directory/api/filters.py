"""Filters of the directory's lists."""

from __future__ import annotations

from django_filters import rest_framework as filters

from apps.directory.models import Insurer, Practitioner, Room


class OfPractice(filters.FilterSet):
    """`practice` matters to the platform's administrator, who sees several."""

    practice = filters.UUIDFilter(field_name="practice_id")
    is_active = filters.BooleanFilter()


class PractitionerFilter(OfPractice):
    """Practitioners by kind."""

    kind = filters.ChoiceFilter(choices=Practitioner.Kind.choices)

    class Meta:
        model = Practitioner
        fields = ("practice", "kind", "is_active")


class RoomFilter(OfPractice):
    """Rooms by kind."""

    kind = filters.ChoiceFilter(choices=Room.Kind.choices)

    class Meta:
        model = Room
        fields = ("practice", "kind", "is_active")


class InsurerFilter(filters.FilterSet):
    """Insurers by name."""

    search = filters.CharFilter(field_name="name", lookup_expr="icontains")
    kind = filters.ChoiceFilter(choices=Insurer.Kind.choices)

    class Meta:
        model = Insurer
        fields = ("search", "kind")
