"""Who sees which practice, practitioner, room and insurer."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, Self

from django.db.models import F, Q

from apps.core.querysets import BaseQuerySet

if TYPE_CHECKING:
    from apps.core.scope import Viewer


class PracticeQuerySet(BaseQuerySet[Any]):
    """A practice is seen by its own people and by the platform's admin."""

    def visible_to(self, viewer: Viewer | None) -> Self:
        """Return the viewer's own practice; all for the platform's admin."""
        if viewer is None:
            return self.none()
        if viewer.role == "admin":
            return self
        return self.filter(pk=viewer.practice_id) if viewer.practice_id else self.none()


class InsurerQuerySet(BaseQuerySet[Any]):
    """Insurers are public to everybody who is logged in."""

    scope = "everyone"

    def active(self) -> Self:
        """Return the insurers in use."""
        return self.filter(is_active=True, deleted_at__isnull=True)


class SettingsQuerySet(BaseQuerySet[Any]):
    """Settings of a practice, open to the platform's admin as well."""

    platform_sees = True

    def active(self) -> Self:
        """Return the rows in use."""
        return self.filter(is_active=True)


class RoomQuerySet(SettingsQuerySet):
    """Rooms of a practice."""

    def kept(self) -> Self:
        """Return the rooms that were not taken out of use."""
        return self.filter(deleted_at__isnull=True)


class OpeningHoursQuerySet(BaseQuerySet[Any]):
    """Opening hours, of the practice itself or of one practitioner."""

    platform_sees = True

    def valid_on(self, day: date) -> Self:
        """Return the hours in force on `day`, whatever its weekday."""
        return self.filter(
            Q(valid_from__isnull=True) | Q(valid_from__lte=day),
            Q(valid_until__isnull=True) | Q(valid_until__gt=day),
        )

    def of_practice_itself(self) -> Self:
        """Return the hours of the house, not those of one person."""
        return self.filter(practitioner__isnull=True)

    def in_week_order(self) -> Self:
        """Order by weekday and hour."""
        return self.order_by(F("practitioner").asc(nulls_first=True), "weekday", "opens_at", "pk")
