"""What must hold before the site starts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from apps.accounts.roles import Role


def required_roles_exist(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse an unknown role in MFA_REQUIRED_ROLES: a typing error would require nothing of anybody."""
    unknown = sorted(set(settings.MFA_REQUIRED_ROLES) - set(Role.values))
    if not unknown:
        return []
    known = ", ".join(Role.values)
    return [
        Error(f"MFA_REQUIRED_ROLES names {', '.join(unknown)}; the roles are {known}.", id="accounts.E001")
    ]
