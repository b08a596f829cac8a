"""Logging in: the same answer and work for every kind of failure, and the way on to the second factor."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from django.conf import settings
from django.contrib.auth.hashers import check_password as verify
from django.contrib.auth.hashers import make_password
from django.utils.translation import gettext_lazy as _

from apps.accounts.links import Link
from apps.accounts.mfa import accept_code, methods_of
from apps.accounts.models import User
from apps.accounts.sessions import open_session
from apps.accounts.tokens import TokenPair
from apps.audit.access import record_failed_login
from apps.core.context import current
from apps.core.errors import DomainError
from apps.core.limits import Guesses, RateLimited

logger = logging.getLogger(__name__)

HALF_LOGIN = Link("accounts.half-login", lifetime=timedelta(minutes=5))


class InvalidCredentials(DomainError):
    """Unknown, wrong, disabled or cooling off: the caller cannot tell which."""

    code = "UNAUTHENTICATED"
    status = 401
    message = _("Email or password is not right.")


class HalfLoginEnded(DomainError):
    """The half-login token is unknown, expired or overtaken by a change of the account."""

    code = "UNAUTHENTICATED"
    status = 401
    message = _("This login took too long. Please start again.")


class WrongCode(DomainError):
    """The one-time code is wrong, spent or expired."""

    code = "UNAUTHENTICATED"
    status = 401
    message = _("This code is not right.")


@dataclass(frozen=True, slots=True)
class HalfLogin:
    """What a right password gives where a second factor follows: a token that opens only the next step."""

    mfa_token: str
    methods: list[str]


@cache
def nobodys_password() -> str:
    """Return a hash to check when there is no user, so that both cases take the same time."""
    return make_password("nobody's password, never accepted")


def check_password(*, email: str, password: str) -> User | None:
    """Return the active user whose password this is; the work is the same when there is none."""
    nobody = nobodys_password()
    user = (
        User.objects.select_related("practice", "insurer", "practitioner").filter(email=email.lower()).first()
    )
    right = verify(password, user.password if user else nobody)
    return user if user is not None and right and user.is_active else None


def log_in(*, email: str, password: str, at: datetime) -> TokenPair | HalfLogin:
    """Check the password and open a session, or ask for the second factor; raises as `identify` does."""
    user = identify(email=email, password=password)
    if user.mfa_enabled:
        return HalfLogin(HALF_LOGIN.token_for(user, at=at), methods_of(user))
    return open_session(actor=user, user=user, at=at)


def identify(*, email: str, password: str) -> User:
    """Return the active user whose password this is, within the limits that API and admin share.

    Failures count per address (a minute) and per account (a cool-off); successes do not. An account that
    cools off answers like a wrong password, after the same work. Raises InvalidCredentials, RateLimited for
    the address, DependencyDown when the counters cannot be reached.
    """
    by_address = Guesses(f"login:address:{current().address}", settings.LOGIN_PER_ADDRESS_PER_MINUTE, 60)
    by_account = counter_of_account(email)
    place = by_address.enter()
    try:
        seat = by_account.enter()
    except RateLimited:
        seat = ""
    user = check_password(email=email, password=password)
    if user is None or not seat:
        by_address.failed(place)
        if seat:
            by_account.failed(seat)
        logger.info("login refused")
        record_failed_login(email=email, reason="password" if seat else "cooling_off")
        raise InvalidCredentials
    by_address.passed(place)
    by_account.passed(seat)
    by_account.forget()
    return user


def counter_of_account(email: str) -> Guesses:
    """Return the counter of an account's wrong passwords, whether or not the account exists."""
    digest = hashlib.sha256(email.lower().encode()).hexdigest()
    return Guesses(
        f"login:account:{digest}", settings.LOGIN_FAILURES_PER_ACCOUNT, settings.LOGIN_COOL_OFF_SECONDS
    )


def finish_login(*, mfa_token: str, otp_code: str, at: datetime) -> TokenPair:
    """Open the session of a half login with a one-time or recovery code.

    Raises HalfLoginEnded, WrongCode, RateLimited after five wrong codes, DependencyDown without counters.
    """
    user = half_logged_in(mfa_token, at=at)
    if not guess_code(user=user, code=otp_code, at=at):
        raise WrongCode
    return open_session(actor=user, user=user, at=at)


def half_logged_in(mfa_token: str, *, at: datetime) -> User:
    """Return the user of a half-login token; raises HalfLoginEnded."""
    user = HALF_LOGIN.user_of(mfa_token, at=at)
    if user is None or not user.mfa_enabled:
        raise HalfLoginEnded
    return user


def guess_code(*, user: User, code: str, at: datetime) -> bool:
    """Say whether `code` is accepted, once, within the limit of wrong codes per user."""
    guesses = proofs_of(user)
    ticket = guesses.enter()
    if accept_code(actor=user, user=user, code=code, at=at):
        guesses.passed(ticket)
        guesses.forget()
        return True
    guesses.failed(ticket)
    logger.info("code refused")
    record_failed_login(user=user, reason="code")
    return False


def guess_password(*, user: User, password: str) -> bool:
    """Say whether this is the logged-in user's own password, within the limit of wrong proofs per user."""
    guesses = proofs_of(user)
    ticket = guesses.enter()
    if verify(password, user.password):
        guesses.passed(ticket)
        return True
    guesses.failed(ticket)
    return False


def proofs_of(user: User) -> Guesses:
    """Return the counter of a known user's wrong codes and wrong confirmations of the password."""
    return Guesses(f"otp:{user.pk}", settings.OTP_TRIES, settings.OTP_COOL_OFF_SECONDS)
