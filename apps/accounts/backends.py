"""Password check for the admin's session login; permissions come from the user's role."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpRequest

from apps.accounts.models import User


class RoleBackend:
    """Finds active users by email; every authorisation question goes to `User.has_perm`."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        email: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        """Return the user whose password this is and suffices, or None after the same work."""
        from apps.accounts.login import check_password

        user = check_password(email=(email or username or "").strip(), password=password or "")
        return None if user is None or user.mfa_enabled or user.must_enrol else user

    def get_user(self, user_id: Any) -> User | None:
        """Return an active user by key, with the house loaded; none who still owes a second factor."""
        return admitted(accounts().filter(pk=user_id).first())

    async def aget_user(self, user_id: Any) -> User | None:
        """Asynchronous form of `get_user`."""
        return admitted(await accounts().filter(pk=user_id).afirst())


def accounts() -> QuerySet[User]:
    """Return active users with their house."""
    rows = User.objects.select_related("practice", "insurer", "practitioner").filter(is_active=True)
    return cast("QuerySet[User]", rows)


def admitted(user: User | None) -> User | None:
    """Leave out whoever has to enrol a second factor first."""
    return None if user is None or user.must_enrol else user
