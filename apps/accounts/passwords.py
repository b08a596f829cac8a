"""Forgotten passwords: a link by mail, which also answers invitations."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime, timedelta
from time import monotonic, sleep

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from apps.accounts.invitations import INVITATION, send_link
from apps.accounts.links import Link
from apps.accounts.login import counter_of_account
from apps.accounts.models import User
from apps.accounts.services import change_own_password
from apps.core.context import current
from apps.core.errors import DependencyDown, InvalidInput
from apps.core.limits import RateLimited, reserve
from apps.core.scope import SystemActor

logger = logging.getLogger(__name__)

RESET = Link("accounts.password-reset", lifetime=timedelta(seconds=settings.PASSWORD_RESET_SECONDS))
RESETTER = SystemActor("password-reset")
MAILS_PER_HOUR = 3
# Every answer takes as long as writing the message does at its slowest, so that time does not tell who has
# an account.
ANSWER_SECONDS = 0.25


def request_reset(*, email: str, at: datetime) -> None:
    """Write the owner of an account a link to choose a new password; say nothing of whether there is one.

    Raises RateLimited for the address; beyond three an hour for one account no further mail leaves, silently.
    """
    begun = monotonic()
    wait = reserve(
        f"forgot:address:{current().address}", limit=settings.LOGIN_PER_ADDRESS_PER_MINUTE, window=60
    )
    if wait:
        raise RateLimited(retry_after=wait)
    digest = hashlib.sha256(email.lower().encode()).hexdigest()
    too_often = reserve(f"forgot:account:{digest}", limit=MAILS_PER_HOUR, window=3600)
    user = User.objects.select_related("practice").filter(email=email.lower(), is_active=True).first()
    if user is not None and not too_often:
        validity = f"{settings.PASSWORD_RESET_SECONDS // 60} min"
        send_link(
            actor=RESETTER, user=user, template="account.password_reset", link=RESET, validity=validity, at=at
        )
    sleep(max(0.0, ANSWER_SECONDS - (monotonic() - begun)))


def reset_password(*, token: str, password: str, at: datetime) -> None:
    """Set the password of the account a mailed link speaks for and end its sessions.

    It opens no session: the next login asks for the second factor as ever.

    The account is locked while the link is judged: the new password makes every link of the account
    worthless, so of parallel uses one succeeds. Refuses a link that is forged, late or used, and a weak
    password.
    """
    with transaction.atomic():
        user = RESET.user_of(token, at=at, lock=True) or INVITATION.user_of(token, at=at, lock=True)
        if user is None:
            raise InvalidInput(token=[_("This link is not valid any more. Ask for a new one.")])
        change_own_password(actor=user, password=password, at=at)
    try:
        counter_of_account(user.email).forget()
    except DependencyDown:
        logger.warning("limiter down: a cool-off may outlive a new password")
