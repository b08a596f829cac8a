"""Password check for the admin's session login; permissions come from the user's role."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from apps.accounts.models import User


class RoleBackend:
    """Finds active users by email; every authorisation question goes to `User.has_perm`."""

    def authenticate(self, request: HttpRequest | None, username: str | None = None, password: str | None = None,
                     email: str | None = None, **kwargs: Any) -> User | None:
        """Return the user whose password this is, or None after the same work."""
        from apps.accounts.login import check_password

        address = (email or username or "").strip()
        return check_password(email=address, password=password or "") if address else None

    def get_user(self, user_id: Any) -> User | None:
        """Return an active user by key, with the house loaded."""
        return User.objects.select_related("practice", "insurer", "practitioner").filter(pk=user_id, is_active=True).first()

    async def aget_user(self, user_id: Any) -> User | None:
        """Asynchronous form of `get_user`."""
        return (
            await User.objects.select_related("practice", "insurer", "practitioner").filter(pk=user_id, is_active=True).afirst()
        )
