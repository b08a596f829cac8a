"""Users, their second factors and their sessions."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.db.models import Q
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _
from phonenumber_field.modelfields import PhoneNumberField

from apps.accounts.querysets import FactorQuerySet, SessionQuerySet, UserManager
from apps.accounts.roles import INSURER_ROLES, PRACTICE_ROLES, Role, permissions_of
from apps.core.fields import EncryptedTextField
from apps.core.models import BaseModel, new_id
from apps.directory.models import Insurer, Practice, Practitioner


class User(AbstractBaseUser, BaseModel):
    """A person who logs in, by email; belongs to one practice, or one insurer, or the platform.

    What they may do follows from `role` alone (`apps/accounts/roles.py`); there is no superuser.
    """

    email = models.EmailField(_("email"), unique=True)
    first_name = models.CharField(_("first name"), max_length=80)
    last_name = models.CharField(_("last name"), max_length=80)
    phone = PhoneNumberField(_("phone"), blank=True)
    role = models.CharField(_("role"), max_length=20, choices=Role)
    practice = models.ForeignKey(
        Practice,
        verbose_name=_("practice"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="users",
    )
    insurer = models.ForeignKey(
        Insurer,
        verbose_name=_("insurer"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="users",
    )
    practitioner = models.OneToOneField(
        Practitioner,
        verbose_name=_("practitioner"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="user",
    )
    language = models.CharField(
        _("language"), max_length=2, choices=[("fr", _("French")), ("en", _("English"))], default="fr"
    )
    is_active = models.BooleanField(_("may log in"), default=True)
    mfa_enabled_at = models.DateTimeField(_("second factor since"), null=True, blank=True, editable=False)

    is_superuser: ClassVar[bool] = False
    audit_clear = frozenset(
        {
            "role",
            "is_active",
            "language",
            "practice",
            "insurer",
            "practitioner",
            "last_login",
            "mfa_enabled_at",
        }
    )

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["first_name", "last_name"]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        indexes = [models.Index("practice", "last_name", name="accounts_user_practice")]
        constraints = [
            models.CheckConstraint(
                condition=Q(email=models.functions.Lower("email")), name="accounts_user_email_lower"
            ),
            models.CheckConstraint(
                name="accounts_user_house_by_role",
                condition=Q(role__in=sorted(PRACTICE_ROLES), practice__isnull=False, insurer__isnull=True)
                | Q(role__in=sorted(INSURER_ROLES), practice__isnull=True, insurer__isnull=False)
                | Q(role=Role.ADMIN, practice__isnull=True, insurer__isnull=True),
                violation_error_message=_(
                    "This role belongs to a practice, an insurer or the platform; choose that one house."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"user:{self.pk}"

    @property
    def display_name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}".strip()

    def get_full_name(self) -> str:
        """Name shown in the admin's corner."""
        return self.display_name

    def get_short_name(self) -> str:
        """First name."""
        return self.first_name

    @property
    def is_staff(self) -> bool:
        """Whether the admin site opens for this user."""
        return self.is_active

    @property
    def mfa_enabled(self) -> bool:
        """Whether a login asks for a second factor."""
        return self.mfa_enabled_at is not None

    @property
    def mfa_required(self) -> bool:
        """Whether the role may not do without a second factor."""
        return self.role in settings.MFA_REQUIRED_ROLES

    @property
    def must_enrol(self) -> bool:
        """Whether nothing but enrolling a second factor is open to this user."""
        return self.mfa_required and not self.mfa_enabled

    @property
    def is_invited(self) -> bool:
        """Whether the invitation has not been answered with a password yet."""
        return not self.has_usable_password()

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        # Django compares this at each request of the admin: a new password, role or second factor ends its
        # sessions.
        state = f"{self.password}|{self.role}|{self.mfa_enabled_at}"
        return salted_hmac("apps.accounts.models.User", state, secret=secret, algorithm="sha256").hexdigest()

    def permissions(self) -> frozenset[str]:
        """Permissions of the role, as `app.codename`; none for a disabled user."""
        return permissions_of(self.role) if self.is_active else frozenset()

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """Whether the role grants `perm`."""
        return perm in self.permissions()

    def has_perms(self, perm_list: Any, obj: Any = None) -> bool:
        """Whether the role grants all of them."""
        return all(self.has_perm(perm) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        """Whether the role grants anything in `app_label`."""
        return any(perm.startswith(f"{app_label}.") for perm in self.permissions())

    def get_all_permissions(self, obj: Any = None) -> set[str]:
        """Django's name for `permissions`."""
        return set(self.permissions())


class Session(models.Model):
    """One login on one device: the refresh secret's fingerprint, its family and its end.

    Rotation writes a new row of the same family and marks the old one spent; a spent secret used again
    revokes the family. Not audited row by row: logins and logouts are recorded as such.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    family = models.UUIDField(_("login"), default=new_id, db_index=True)
    secret_sha256 = models.CharField(max_length=64, unique=True)
    started_at = models.DateTimeField(_("logged in"))
    issued_at = models.DateTimeField(_("last renewed"))
    expires_at = models.DateTimeField(_("ends"))
    spent_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)
    user_agent = models.CharField(_("browser"), max_length=256, blank=True)

    audited = False
    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes = [
            models.Index(
                "user", "expires_at", name="accounts_session_live", condition=Q(revoked_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"session:{self.pk}"


class MfaDevice(BaseModel):
    """The generator of one-time codes (TOTP, RFC 6238) of one user; it counts once confirmed with a code.

    `last_step` is the thirty-second step of the last accepted code: no code of that step or an earlier one
    is accepted.
    """

    user = models.OneToOneField(
        User, verbose_name=_("user"), on_delete=models.CASCADE, related_name="mfa_device"
    )
    seed = EncryptedTextField(_("seed"), context="accounts.mfadevice.seed", max_length=64)
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    last_step = models.BigIntegerField(_("step of the last code"), default=0)

    audit_clear = frozenset({"user", "confirmed_at", "last_step"})
    objects = FactorQuerySet.as_manager()

    class Meta:
        verbose_name = _("second factor")
        verbose_name_plural = _("second factors")
        default_permissions = ()


class RecoveryCode(BaseModel):
    """One of ten codes that stand in for a lost device, once; kept as a keyed hash."""

    user = models.ForeignKey(
        User, verbose_name=_("user"), on_delete=models.CASCADE, related_name="recovery_codes"
    )
    code_hash = models.CharField(_("fingerprint"), max_length=67)
    used_at = models.DateTimeField(_("used"), null=True, blank=True)

    audit_clear = frozenset({"user", "used_at"})
    objects = FactorQuerySet.as_manager()

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        default_permissions = ()
        constraints = [models.UniqueConstraint("user", "code_hash", name="accounts_recoverycode_unique")]


class SmsCode(models.Model):
    """A code sent to a user's phone: five minutes, five tries, one use; a new one replaces it.

    Not audited: it is gone in minutes, its sending is in the message log and its use in the login.
    """

    user = models.OneToOneField(User, primary_key=True, on_delete=models.CASCADE, related_name="sms_code")
    code_hash = models.CharField(max_length=67)
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True, blank=True)

    audited = False

    class Meta:
        verbose_name = _("code by SMS")
        verbose_name_plural = _("codes by SMS")
        default_permissions = ()

    def __str__(self) -> str:
        return f"sms-code:{self.pk}"
