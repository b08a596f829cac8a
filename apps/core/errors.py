"""Refusals: every rule that says no raises a DomainError with a stable code."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext_lazy as _


class DomainError(Exception):
    """A refusal by a business rule.

    Subclasses set `code` (stable, upper snake, part of the API), `status` (HTTP) and `message` (translatable).
    `details` is JSON-serialisable and reaches the caller.
    """

    code: ClassVar[str] = "CONFLICT"
    status: ClassVar[int] = 409
    message: Any = _("This is not possible in the current state.")

    def __init__(self, message: Any = None, **details: Any) -> None:
        if message is not None:
            self.message = message
        self.details: dict[str, Any] = details
        super().__init__(self.code)

    def __str__(self) -> str:
        return str(self.message)


class InvalidInput(DomainError):
    """Input that no state of the world would make acceptable; `details` maps field to sentences."""

    code = "VALIDATION_ERROR"
    status = 400
    message = _("Some of the values are not valid.")


class PermissionRefused(DomainError):
    """The actor may see the object but not do this."""

    code = "FORBIDDEN"
    status = 403
    message = _("You are not allowed to do this.")


class NotVisible(DomainError):
    """The object does not exist for this actor."""

    code = "NOT_FOUND"
    status = 404
    message = _("Not found.")


class Stale(DomainError):
    """The object changed since the caller read it."""

    code = "STALE"
    message = _("This was changed by somebody else meanwhile. Reload and try again.")


class DependencyDown(DomainError):
    """A service that this operation cannot do without does not answer."""

    code = "UNAVAILABLE"
    status = 503
    message = _("A service this needs is not available. Try again in a moment.")
