"""Inviting people: an account without a password, and a link by mail with which its owner chooses one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from apps.accounts.links import Link
from apps.accounts.models import User
from apps.accounts.services import create_user
from apps.core.models import new_id
from apps.core.scope import Viewer
from apps.core.service import service
from apps.notifications.services import enqueue

INVITATION = Link("accounts.invitation", lifetime=timedelta(seconds=settings.INVITATION_SECONDS))


@service("accounts.user.invite")
def invite_user(*, actor: Viewer, at: datetime, **fields: Any) -> User:
    """Create an account as `create_user` does and write its owner an invitation."""
    user = create_user(actor=actor, at=at, **fields)
    validity = f"{settings.INVITATION_SECONDS // 3600} h"
    send_link(
        actor=actor, user=user, template="account.invitation", link=INVITATION, validity=validity, at=at
    )
    return user


@service("accounts.link.send")
def send_link(*, actor: Viewer, user: User, template: str, link: Link, validity: str, at: datetime) -> None:
    """Write `user` a message whose link lets its reader choose the account's password.

    The token stands after `#`: browsers keep that part to themselves, so no log of a server or proxy holds
    it.
    """
    enqueue(
        actor=actor,
        practice=user.practice,
        template=template,
        channel="email",
        recipient=user.email,
        language=user.language,
        context={
            "link": f"{settings.PASSWORD_LINK}#token={link.token_for(user, at=at)}",
            "first_name": user.first_name,
            "validity": validity,
        },
        due_at=at,
        expires_at=at + link.lifetime,
        unique_key=f"{template}:{new_id()}",
        cause_type="accounts.user",
        cause_id=user.pk,
        at=at,
    )
