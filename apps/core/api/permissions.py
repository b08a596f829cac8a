"""A table on each view decides; what it does not list is denied."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

ANONYMOUS = "anonymous"
ANYBODY_LOGGED_IN = "any"


class ActionPermissions(BasePermission):
    """Reads `view.permissions[action]`: a permission, `ANYBODY_LOGGED_IN` or `ANONYMOUS`."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Say whether the caller's role may ever do this, whatever the object."""
        table: dict[str, str] = getattr(view, "permissions", {})
        action = getattr(view, "action", None)
        if action is None:
            # The route exists but not with this method: the view answers 405, to known callers only.
            return request.user.is_authenticated or ANONYMOUS in table.values()
        needed = table.get(action)
        if needed == ANONYMOUS:
            return True
        if needed is None or not request.user.is_authenticated:
            return False
        return needed == ANYBODY_LOGGED_IN or request.user.has_perm(needed)
