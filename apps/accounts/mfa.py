"""Second factors: enrolling a code generator, its codes, recovery codes, codes by SMS."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
import segno
from django.conf import settings
from django.db.models import F
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import MfaDevice, RecoveryCode, Session, SmsCode, User
from apps.accounts.sessions import end_all_sessions
from apps.core.crypto import blind_index
from apps.core.errors import DomainError, InvalidInput
from apps.core.limits import RateLimited, reserve
from apps.core.models import new_id
from apps.core.scope import Viewer
from apps.core.service import service
from apps.notifications.services import enqueue

STEP_SECONDS = 30
RECOVERY_CODES = 10
# No 0, 1, i, l, o: people read these codes from paper.
RECOVERY_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
SMS_LIFETIME = timedelta(minutes=5)
SMS_TRIES = 5
SMS_PER_HOUR = 5


class AlreadyEnrolled(DomainError):
    """A second factor is confirmed; it is removed before another one takes its place."""

    code = "MFA_ALREADY_ENABLED"
    message = _("A second factor is already in use. Remove it first.")


class NotEnrolled(DomainError):
    """There is no second factor to confirm or remove."""

    code = "MFA_NOT_ENABLED"
    message = _("There is no second factor here.")


class RequiredByRole(DomainError):
    """The role may not do without a second factor."""

    code = "MFA_REQUIRED"
    message = _("Your role requires a second factor: it cannot be removed.")


class SmsNotAvailable(DomainError):
    """Codes by SMS are switched off, or the account has no phone."""

    code = "SMS_NOT_AVAILABLE"
    message = _("Codes by SMS are not available for this account.")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a code generator needs, shown once: the seed, its address, and that address as a picture."""

    secret: str
    otpauth_uri: str
    qr_svg: str


@service("accounts.mfa.enroll")
def enrol(*, actor: User, at: datetime) -> Enrolment:
    """Give the actor a new seed, which counts once confirmed; refuses while a confirmed one is in use."""
    user = locked(actor)
    if user.mfa_enabled:
        raise AlreadyEnrolled
    MfaDevice.objects.filter(user=user).delete()
    seed = pyotp.random_base32()
    MfaDevice.objects.create(user=user, seed=seed)
    address = pyotp.TOTP(seed).provisioning_uri(name=user.email, issuer_name="OSdentaire")
    picture = segno.make(address, error="m", micro=False).svg_data_uri(scale=5, border=4)
    return Enrolment(seed, address, picture)


@service("accounts.mfa.confirm")
def confirm(*, actor: User, code: str, session: Session | None, at: datetime) -> list[str]:
    """Take the new device into use with one of its codes and return the recovery codes, this once.

    Every session but `session` ends: those were opened without a second factor. Refuses a wrong code.
    """
    user = locked(actor)
    device = MfaDevice.objects.filter(user=user).first()
    if user.mfa_enabled:
        raise AlreadyEnrolled
    if device is None:
        raise NotEnrolled
    if not spend_step(device, code, at=at):
        raise InvalidInput(otp_code=[_("This code is not right.")])
    device.refresh_from_db()
    device.confirmed_at = at
    device.save(update_fields=["confirmed_at", "updated_at"])
    user.mfa_enabled_at = at
    user.save(update_fields=["mfa_enabled_at", "updated_at"])
    end_all_sessions(actor=actor, user=user, keep=session, at=at)
    return new_recovery_codes(user)


@service("accounts.mfa.remove")
def remove(*, actor: User, session: Session | None, at: datetime) -> None:
    """Remove the actor's second factor and end their other sessions; refused when the role requires one.

    Whoever calls has had the actor prove themselves again, by password or code.
    """
    user = locked(actor)
    if not user.mfa_enabled:
        raise NotEnrolled
    if user.mfa_required:
        raise RequiredByRole
    clear(user)
    end_all_sessions(actor=actor, user=user, keep=session, at=at)


def clear(user: User) -> None:
    """Forget the user's device and codes."""
    MfaDevice.objects.filter(user=user).delete()
    RecoveryCode.objects.filter(user=user).delete()
    SmsCode.objects.filter(user=user).delete()
    user.mfa_enabled_at = None
    user.save(update_fields=["mfa_enabled_at", "updated_at"])


def new_recovery_codes(user: User) -> list[str]:
    """Replace the user's recovery codes and return the new ones, which are kept as keyed hashes only."""
    RecoveryCode.objects.filter(user=user).delete()
    codes = [
        "".join(secrets.choice(RECOVERY_ALPHABET) for _n in range(10)) for _code in range(RECOVERY_CODES)
    ]
    RecoveryCode.objects.bulk_create(
        [RecoveryCode(user=user, code_hash=recovery_hash(code)) for code in codes]
    )
    return [f"{code[:5]}-{code[5:]}" for code in codes]


def methods_of(user: User) -> list[str]:
    """Return the ways in which this user can answer for the second factor."""
    by_sms = ["sms"] if settings.MFA_SMS_ENABLED and user.phone else []
    return ["totp", *by_sms, "recovery"]


@service("accounts.mfa.verify")
def accept_code(*, actor: Viewer, user: User, code: str, at: datetime) -> bool:
    """Spend a code of the device, of an SMS or of the recovery list; False when it is none, or was spent.

    Returns instead of raising: a wrong try must leave its count behind, which a rollback would take away.
    """
    typed = "".join(code.split()).replace("-", "").lower()
    if len(typed) == 6 and typed.isascii() and typed.isdigit():
        device = MfaDevice.objects.filter(user=user, confirmed_at__isnull=False).first()
        return (device is not None and spend_step(device, typed, at=at)) or spend_sms(user, typed, at=at)
    return bool(typed) and spend_recovery(user, typed, at=at)


def spend_step(device: MfaDevice, code: str, *, at: datetime) -> bool:
    """Accept a code of the present step or a neighbour, once.

    The condition on `last_step` decides, in the UPDATE itself: of parallel uses of one code one finds it
    true.
    """
    step = step_of(device.seed, code, at=at)
    if step is None:
        return False
    return bool(MfaDevice.objects.filter(pk=device.pk, last_step__lt=step).update(last_step=step))


def step_of(seed: str, code: str, *, at: datetime) -> int | None:
    """Return which step a code belongs to, among the present one and its neighbours (clocks differ)."""
    generator, now = pyotp.TOTP(seed), int(at.timestamp()) // STEP_SECONDS
    matching = [
        step for step in (now - 1, now, now + 1) if constant_time_compare(generator.generate_otp(step), code)
    ]
    return max(matching, default=None)


def spend_recovery(user: User, typed: str, *, at: datetime) -> bool:
    """Use up one recovery code."""
    rows = RecoveryCode.objects.filter(user=user, code_hash=recovery_hash(typed), used_at__isnull=True)
    return bool(rows.update(used_at=at))


def recovery_hash(code: str) -> str:
    """Return the keyed hash of a recovery code, bare of its dash."""
    return blind_index(code, purpose="accounts.recoverycode")


@service("accounts.mfa.sms")
def send_sms_code(*, actor: User, at: datetime) -> None:
    """Send the actor a six-digit code that lives five minutes; it replaces an earlier one.

    Refuses without a phone or when SMS is switched off, and more than five an hour.
    """
    if not (settings.MFA_SMS_ENABLED and actor.phone and actor.mfa_enabled):
        raise SmsNotAvailable
    wait = reserve(f"mfa-sms:{actor.pk}", limit=SMS_PER_HOUR, window=3600)
    if wait:
        raise RateLimited(retry_after=wait)
    code = f"{secrets.randbelow(1_000_000):06}"
    fresh = {"code_hash": sms_hash(actor, code), "expires_at": at + SMS_LIFETIME, "tries": 0, "used_at": None}
    SmsCode.objects.update_or_create(user=actor, defaults=fresh)
    enqueue(
        actor=actor,
        practice=actor.practice,
        template="account.login_code",
        channel="sms",
        recipient=str(actor.phone),
        language=actor.language,
        context={"code": code, "validity": "5 min"},
        due_at=at,
        expires_at=at + SMS_LIFETIME,
        unique_key=f"accounts.login_code:{new_id()}",
        cause_type="accounts.user",
        cause_id=actor.pk,
        at=at,
    )


def spend_sms(user: User, typed: str, *, at: datetime) -> bool:
    """Accept the code sent last, once; every try is counted before it is compared."""
    rows = SmsCode.objects.filter(user=user, used_at__isnull=True, expires_at__gt=at)
    if not rows.filter(tries__lt=SMS_TRIES).update(tries=F("tries") + 1):
        return False
    return bool(rows.filter(code_hash=sms_hash(user, typed)).update(used_at=at))


def sms_hash(user: User, code: str) -> str:
    """Return the keyed hash of a code sent to this user."""
    return blind_index(f"{user.pk}:{code}", purpose="accounts.smscode")


def locked(user: User) -> User:
    """Read the user again under lock."""
    found: User = User.objects.select_for_update(of=("self",), no_key=True).get(pk=user.pk)
    return found
