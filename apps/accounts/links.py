"""Signed tokens that stand for an account for a while: half logins, password resets, invitations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.utils.crypto import constant_time_compare, salted_hmac

from apps.accounts.models import User


@dataclass(frozen=True, slots=True)
class Link:
    """One purpose of tokens: its salt keeps a token of one purpose from opening another.

    A token carries a stamp of the account; any change of password, role, email, activity or second factor
    makes it worthless. That is also what makes a token that sets a password work once.
    """

    purpose: str
    lifetime: timedelta

    def token_for(self, user: User, *, at: datetime) -> str:
        """Return a token that speaks for `user` until its end."""
        end = int((at + self.lifetime).timestamp())
        return self.signer().sign_object({"u": str(user.pk), "e": end, "s": stamp(user)})

    def user_of(self, token: str, *, at: datetime, lock: bool = False) -> User | None:
        """Return the active user a token speaks for; None when it is forged, late or overtaken."""
        try:
            said: dict[str, Any] = self.signer().unsign_object(token)
        except (BadSignature, ValueError):
            return None
        if at.timestamp() >= said["e"]:
            return None
        rows = User.objects.select_related("practice", "insurer", "practitioner").filter(
            pk=said["u"], is_active=True
        )
        user: User | None = (rows.select_for_update(of=("self",), no_key=True) if lock else rows).first()
        return user if user is not None and constant_time_compare(stamp(user), said["s"]) else None

    def signer(self) -> Signer:
        """Return the signer of this purpose."""
        return Signer(key=settings.LINK_SIGNING_KEY, salt=self.purpose)


def stamp(user: User) -> str:
    """Return a fingerprint of what the account is now."""
    state = f"{user.password}|{user.role}|{user.email}|{user.is_active}|{user.mfa_enabled_at}"
    return salted_hmac(
        "accounts.link", state, secret=settings.LINK_SIGNING_KEY, algorithm="sha256"
    ).hexdigest()[:32]
