"""Sessions: opened at login, rotated at refresh, ended at logout or when something is wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Session, User
from apps.accounts.tokens import TokenPair, access_token_for, fingerprint, new_secret
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
    """Open a session of 24 hours for `user`, who has just proved who they are."""
    user.last_login = at
    user.save(update_fields=["last_login"])
    return issue(user, family=new_id(), started_at=at, expires_at=at + timedelta(seconds=settings.REFRESH_EXPIRES_IN), at=at)


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

    One conditional UPDATE spends the token, so that of any number of parallel calls one succeeds. A spent token used
    again ends the whole family: either a thief or the owner holds a copy. Raises SessionEnded.
    """
    digest = fingerprint(refresh_token)
    with transaction.atomic():
        spent = Session.objects.live(at).filter(secret_sha256=digest, spent_at__isnull=True).update(spent_at=at)
        if spent:
            session = Session.objects.select_related("user__practice", "user__insurer", "user__practitioner").get(
                secret_sha256=digest
            )
            if session.user.is_active:
                with bind(actor_id=session.user_id, actor_role=session.user.role, action="accounts.session.refresh"):
                    return issue(
                        session.user,
                        family=session.family,
                        started_at=session.started_at,
                        expires_at=session.expires_at,
                        at=at,
                    )
    revoke_family_of(digest, at=at)
    raise SessionEnded


def revoke_family_of(digest: str, *, at: datetime) -> None:
    """End the whole chain a known token belongs to."""
    family = Session.objects.filter(secret_sha256=digest).values_list("family", flat=True).first()
    if family is not None:
        Session.objects.filter(family=family, revoked_at__isnull=True).update(revoked_at=at)


@service("accounts.session.close")
def log_out(*, actor: Viewer, session: Session, at: datetime) -> None:
    """End the session and every token of its chain."""
    Session.objects.filter(family=session.family, revoked_at__isnull=True).update(revoked_at=at)


@service("accounts.session.close_all")
def end_all_sessions(*, actor: Viewer, user: User, at: datetime) -> int:
    """End every session of `user`, as after a change of password, role or second factor; returns how many rows ended."""
    return Session.objects.filter(user=user, revoked_at__isnull=True).update(revoked_at=at)
