"""Sessions: opened at login, rotated at refresh, ended at logout or when something is wrong.

Whoever adds a link to a chain and whoever ends chains first locks the user's row: a link written beside a
revocation would otherwise outlive it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Session, User
from apps.accounts.tokens import TokenPair, access_token_for, fingerprint, new_secret
from apps.audit.access import record_login, record_logout
from apps.core.context import bind, current
from apps.core.errors import DomainError
from apps.core.models import new_id
from apps.core.scope import Viewer
from apps.core.service import service


class SessionEnded(DomainError):
    """The refresh token is unknown, spent, expired or revoked."""

    code = "UNAUTHENTICATED"
    status = 401
    message = _("Your session has ended. Please log in again.")


@service("accounts.session.open")
def open_session(*, actor: Viewer, user: User, at: datetime) -> TokenPair:
    """Open a session of 24 hours for `user`, who has just proved who they are.

    Raises SessionEnded when the account was closed or its password changed since that proof.
    """
    fresh = hold_user(user.pk)
    if not fresh.is_active or fresh.password != user.password:
        raise SessionEnded
    fresh.last_login = at
    fresh.save(update_fields=["last_login"])
    record_login(user=fresh, door="api", factor="otp" if fresh.mfa_enabled else "password")
    end = at + timedelta(seconds=settings.REFRESH_EXPIRES_IN)
    return issue(fresh, family=new_id(), started_at=at, expires_at=end, at=at)


def issue(user: User, *, family: UUID, started_at: datetime, expires_at: datetime, at: datetime) -> TokenPair:
    """Write one link of a session's chain and return its tokens."""
    secret, bound = new_secret(), current()
    session = Session.objects.create(
        user=user,
        family=family,
        secret_sha256=fingerprint(secret),
        started_at=started_at,
        issued_at=at,
        expires_at=expires_at,
        address=bound.address,
        user_agent=bound.user_agent,
    )
    return TokenPair(access_token_for(user, session, at=at), secret, settings.JWT_EXPIRES_IN, user)


def refresh(*, refresh_token: str, at: datetime) -> TokenPair:
    """Exchange a refresh token for the next pair, once; the session's end does not move.

    One conditional UPDATE spends the token, so that of any number of parallel calls one succeeds. A spent
    token used again ends the whole family: either a thief or the owner holds a copy. Raises SessionEnded.
    """
    known = Session.objects.filter(secret_sha256=fingerprint(refresh_token)).first()
    pair = rotate(known, at=at) if known is not None else None
    if pair is None:
        if known is not None:
            end_family(known, at=at)
        raise SessionEnded
    return pair


@transaction.atomic
def rotate(known: Session, *, at: datetime) -> TokenPair | None:
    """Spend a link and write the next one; None when the link is spent, ended or not to be used any more."""
    user = hold_user(known.user_id)
    spent = Session.objects.current(at).filter(pk=known.pk).update(spent_at=at)
    if not (spent and user.is_active):
        return None
    with bind(actor_id=user.pk, actor_role=user.role, action="accounts.session.refresh"):
        return issue(
            user, family=known.family, started_at=known.started_at, expires_at=known.expires_at, at=at
        )


def hold_user(pk: UUID) -> User:
    """Lock the user whose chains are about to change."""
    rows = User.objects.select_related("practice", "insurer", "practitioner")
    user: User = rows.select_for_update(of=("self",), no_key=True).get(pk=pk)
    return user


@transaction.atomic
def end_family(session: Session, *, at: datetime) -> int:
    """End the whole chain a link belongs to; returns how many links were live."""
    hold_user(session.user_id)
    return Session.objects.filter(family=session.family, revoked_at__isnull=True).update(revoked_at=at)


@service("accounts.session.close")
def log_out(*, actor: Viewer, session: Session, at: datetime) -> None:
    """End the session and every token of its chain."""
    if end_family(session, at=at):
        record_logout(user=actor, door="api")


@service("accounts.session.close_all")
def end_all_sessions(*, actor: Viewer, user: User, at: datetime, keep: Session | None = None) -> int:
    """End every session of `user` but the login `keep` belongs to; return how many links ended.

    So after a change of password, role or second factor.
    """
    hold_user(user.pk)
    rows = Session.objects.filter(user=user, revoked_at__isnull=True)
    if keep is not None:
        rows = rows.exclude(family=keep.family)
    return rows.update(revoked_at=at)
