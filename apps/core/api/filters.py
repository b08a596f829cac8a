"""Filters of lists; a parameter nobody knows is an error, not silence."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

ALWAYS_KNOWN = frozenset({"page", "page_size", "cursor", "format"})


def refuse_unknown_parameters(request: Request, known: frozenset[str]) -> None:
    """Raise a 400 that names each query parameter outside `known`."""
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise ValidationError({name: [_("This parameter is not known here.")] for name in unknown})


class StrictFilterBackend(DjangoFilterBackend):
    """django-filter over the view's `filterset_class`, refusing unknown parameters."""

    def filter_queryset(self, request: Any, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        """Return the filtered rows."""
        filterset_class = getattr(view, "filterset_class", None)
        known = set(filterset_class.base_filters) if filterset_class else set()
        extra: frozenset[str] = getattr(view, "query_parameters", frozenset())
        refuse_unknown_parameters(request, ALWAYS_KNOWN | known | extra)
        return super().filter_queryset(request, queryset, view)
