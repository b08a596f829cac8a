"""Filters of the catalogue, which is the same for every practice; only fees belong to one."""

from __future__ import annotations

from datetime import date
from typing import Any, Self

from django.db.models import Q

from apps.core.querysets import BaseQuerySet


class CatalogueQuerySet(BaseQuerySet[Any]):
    """Rows every practice reads; the role's permission decides who."""

    scope = "everyone"


class ActQuerySet(CatalogueQuerySet):
    """Acts of the catalogue."""

    def active(self) -> Self:
        """Return the acts in use."""
        return self.filter(is_active=True)


class TariffQuerySet(CatalogueQuerySet):
    """Dated prices."""

    def valid_on(self, day: date) -> Self:
        """Return the prices in force on `day`."""
        return self.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=day), valid_from__lte=day)
