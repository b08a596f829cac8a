"""Access tokens (JWT, 15 minutes) and refresh secrets (opaque, kept only as a fingerprint)."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework_simplejwt.tokens import AccessToken

if TYPE_CHECKING:
    from apps.accounts.models import Session, User


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a login gives: both tokens, and the seconds the access token lives."""

    access_token: str
    refresh_token: str
    expires_in: int
    user: User


def new_secret() -> str:
    """Return a fresh 256-bit refresh secret."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """Return the SHA-256 under which a refresh secret is kept."""
    return hashlib.sha256(secret.encode()).hexdigest()


def access_token_for(user: User, session: Session, *, at: datetime) -> str:
    """Return a signed access token; its role and houses inform clients, the server reads its database."""
    token = AccessToken()
    token.set_iat(at_time=at)
    token.set_exp(from_time=at, lifetime=timedelta(seconds=settings.JWT_EXPIRES_IN))
    token["sub"] = str(user.pk)
    token["role"] = user.role
    token["practice_id"] = str(user.practice_id) if user.practice_id else None
    token["insurer_id"] = str(user.insurer_id) if user.insurer_id else None
    token["sid"] = str(session.pk)
    return str(token)
