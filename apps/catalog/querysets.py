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

    def favourites_of(self, practice_id: Any, practitioner_id: Any) -> Self:
        """Return the favourites of a practice and of one of its practitioners."""
        return self.filter(pk__in=favourites(practice_id, practitioner_id).values("act"))

    def active(self) -> Self:
        """Return the acts in use."""
        return self.filter(is_active=True)


def favourites(practice_id: Any, practitioner_id: Any) -> Any:
    """Return the rows that make acts favourites for somebody: the practice's, and their own."""
    # The models stand on this module.
    from apps.catalog.models import FavouriteAct

    own = Q(practitioner__isnull=True) | Q(practitioner__isnull=False, practitioner=practitioner_id)
    return FavouriteAct.objects.filter(own, practice=practice_id)


class TariffQuerySet(CatalogueQuerySet):
    """Dated prices."""

    def valid_on(self, day: date) -> Self:
        """Return the prices in force on `day`."""
        return self.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=day), valid_from__lte=day)
