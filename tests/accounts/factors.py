"""A user with a second factor in use, and the codes it gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pyotp
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.mfa import new_recovery_codes
from apps.accounts.models import MfaDevice, User
from apps.core.context import bind
from tests.cast import PASSWORD

LOGIN = "/api/v1/auth/login"
VERIFY = "/api/v1/auth/mfa/verify"
REFRESH = "/api/v1/auth/refresh"
ME = "/api/v1/auth/me"


@dataclass(frozen=True)
class Factor:
    """A device and its list of recovery codes."""

    seed: str
    recovery_codes: list[str]

    def code(self, at: datetime | None = None, steps: int = 0) -> str:
        """Return the code shown `steps` half minutes from `at`."""
        return pyotp.TOTP(self.seed).at(at or timezone.now(), counter_offset=steps)


def enrol(user: User) -> Factor:
    """Give `user` a confirmed device that has not been used yet."""
    seed = pyotp.random_base32()
    with bind(actor_id=user.pk, actor_role=user.role, action="test.enrol"):
        MfaDevice.objects.create(user=user, seed=seed, confirmed_at=timezone.now())
        user.mfa_enabled_at = timezone.now()
        user.save(update_fields=["mfa_enabled_at"])
        return Factor(seed, new_recovery_codes(user))


def log_in(email: str, password: str = PASSWORD, query: str = ""):
    """Post a login."""
    return APIClient().post(LOGIN + query, {"email": email, "password": password}, format="json")


def half_login(user: User) -> str:
    """Return the token of a login whose second half is to come."""
    return str(log_in(user.email).json()["mfa_token"])


def verify(mfa_token: str, otp_code: str, query: str = ""):
    """Post the second half."""
    return APIClient().post(VERIFY + query, {"mfa_token": mfa_token, "otp_code": otp_code}, format="json")


def opens(access_token: str) -> bool:
    """Say whether a token opens anything."""
    return APIClient().get(ME, HTTP_AUTHORIZATION=f"Bearer {access_token}").status_code == 200
