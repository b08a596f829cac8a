"""Who sees which user and session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.contrib.auth.base_user import BaseUserManager
from django.db import models

from apps.core.querysets import BaseQuerySet

if TYPE_CHECKING:
    from datetime import datetime

    from apps.core.scope import Viewer


class UserQuerySet(BaseQuerySet[Any]):
    """Users of one's own house; everybody for the platform's admin."""

    def visible_to(self, viewer: Viewer | None) -> Self:
        """Return the users of the viewer's practice or insurer."""
        if viewer is None:
            return self.none()
        if viewer.role == "admin":
            return self
        if viewer.practice_id is not None:
            return self.filter(practice_id=viewer.practice_id)
        if viewer.insurer_id is not None:
            return self.filter(insurer_id=viewer.insurer_id)
        return self.none()


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]  # dynamic base
    """Finds users by email whatever the case it is typed in."""

    def get_by_natural_key(self, username: str | None) -> Any:
        """Return the user with this email."""
        return self.get(email=self.normalize_email(username).lower())


class FactorQuerySet(BaseQuerySet[Any]):
    """Second factors: no door leads to the rows, only services touch them."""

    scope = "nobody"


class SessionQuerySet(models.QuerySet[Any]):
    """Sessions; one sees one's own."""

    def visible_to(self, viewer: Viewer | None) -> Self:
        """Return the viewer's own sessions."""
        return self.none() if viewer is None or viewer.id is None else self.filter(user_id=viewer.id)

    def live(self, at: datetime) -> Self:
        """Return the sessions that still give access."""
        return self.filter(revoked_at__isnull=True, expires_at__gt=at)

    def current(self, at: datetime) -> Self:
        """Return one row per login that still gives access: the last link of its chain."""
        return self.live(at).filter(spent_at__isnull=True)
