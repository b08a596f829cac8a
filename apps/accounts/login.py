"""Logging in: the same answer and the same work for every kind of failure."""

from __future__ import annotations

import hashlib
import logging
from datetime import datetime
from functools import cache

from django.conf import settings
from django.contrib.auth.hashers import check_password as verify
from django.contrib.auth.hashers import make_password
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import User
from apps.accounts.sessions import open_session
from apps.accounts.tokens import TokenPair
from apps.core.context import current
from apps.core.errors import DomainError
from apps.core.limits import RateLimited, forget, give_back, reserve

logger = logging.getLogger(__name__)


class InvalidCredentials(DomainError):
    """Unknown, wrong, disabled or cooling off: the caller cannot tell which."""

    code = "UNAUTHENTICATED"
    status = 401
    message = _("Email or password is not right.")


@cache
def nobodys_password() -> str:
    """Return a hash to check when there is no user, so that both cases take the same time."""
    return make_password("nobody's password, never accepted")


def check_password(*, email: str, password: str) -> User | None:
    """Return the active user whose password this is; the work is the same when there is none."""
    user = (
        User.objects.select_related("practice", "insurer", "practitioner").filter(email=email.lower()).first()
    )
    right = verify(password, user.password if user else nobodys_password())
    return user if user is not None and right and user.is_active else None


def log_in(*, email: str, password: str, at: datetime) -> TokenPair:
    """Check the password within the limits and open a session; raises as `identify` does."""
    user = identify(email=email, password=password)
    return open_session(actor=user, user=user, at=at)


def identify(*, email: str, password: str) -> User:
    """Return the active user whose password this is, within the limits that API and admin share.

    Failures count per address (a minute) and per account (a cool-off); successes do not. Raises
    InvalidCredentials, RateLimited for the address, DependencyDown when the counters cannot be reached.
    """
    bound = current()
    address_key = f"login:address:{bound.address}"
    account_key = f"login:account:{hashlib.sha256(email.lower().encode()).hexdigest()}"
    wait = reserve(address_key, limit=settings.LOGIN_PER_ADDRESS_PER_MINUTE, window=60)
    if wait:
        raise RateLimited(retry_after=wait)
    cooling = reserve(
        account_key, limit=settings.LOGIN_FAILURES_PER_ACCOUNT, window=settings.LOGIN_COOL_OFF_SECONDS
    )
    user = check_password(email=email, password=password)
    if user is None or cooling:
        logger.info("login refused")
        raise InvalidCredentials
    give_back(address_key)
    forget(account_key)
    return user
