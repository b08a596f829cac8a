"""Shapes of logins, second factors, sessions and users."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from phonenumber_field.serializerfields import PhoneNumberField
from rest_framework import serializers

from apps.accounts.models import Session, User
from apps.accounts.roles import Role
from apps.core.api.fields import VisibleKeyField
from apps.directory.models import Insurer, Practice, Practitioner


class LoginInput(serializers.Serializer[Any]):
    """Credentials."""

    email = serializers.EmailField()
    password = serializers.CharField(max_length=256, trim_whitespace=False, write_only=True)


class RefreshInput(serializers.Serializer[Any]):
    """The refresh token; omitted in cookie mode."""

    refresh_token = serializers.CharField(max_length=128, required=False)


class PracticeBrief(serializers.Serializer[Any]):
    """A practice as its people need it."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    kind = serializers.CharField()
    timezone = serializers.CharField()
    currency = serializers.CharField()


class InsurerBrief(serializers.Serializer[Any]):
    """An insurer by name."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    code = serializers.CharField()


class PractitionerBrief(serializers.Serializer[Any]):
    """A practitioner by name."""

    id = serializers.UUIDField()
    display_name = serializers.CharField()


class MeOutput(serializers.ModelSerializer[User]):
    """The caller: who, where, and what they may do."""

    phone = serializers.CharField()
    practice = PracticeBrief(allow_null=True)
    insurer = InsurerBrief(allow_null=True)
    practitioner = PractitionerBrief(allow_null=True)
    mfa_enabled = serializers.BooleanField()
    last_login_at = serializers.DateTimeField(source="last_login", allow_null=True)
    permissions = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = (
            "id", "email", "first_name", "last_name", "phone", "role", "language", "practice", "insurer",
            "practitioner", "mfa_enabled", "last_login_at", "permissions",
        )  # fmt: skip

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_permissions(self, user: User) -> list[str]:
        """Permissions of the role, sorted."""
        return sorted(user.permissions())


class TokenOutput(serializers.Serializer[Any]):
    """A login: tokens and the user, or (`requires_mfa`) a token for the second factor.

    In cookie mode access and refresh tokens are in HttpOnly cookies and omitted here. With
    `requires_mfa_enrollment` the role asks for a second factor that the account lacks: the tokens open
    nothing but enrolling one.
    """

    requires_mfa = serializers.BooleanField()
    requires_mfa_enrollment = serializers.BooleanField(required=False)
    access_token = serializers.CharField(required=False)
    refresh_token = serializers.CharField(required=False)
    expires_in = serializers.IntegerField(required=False, help_text="Seconds the access token lives.")
    user = MeOutput(required=False)
    mfa_token = serializers.CharField(
        required=False, help_text="Opens POST /auth/mfa/verify for five minutes."
    )
    methods = serializers.ListField(
        child=serializers.ChoiceField(["totp", "sms", "recovery"]), required=False
    )


class MfaVerifyInput(serializers.Serializer[Any]):
    """The second half of a login."""

    mfa_token = serializers.CharField(max_length=512)
    otp_code = serializers.CharField(
        max_length=32, help_text="Code of the device, of an SMS, or a recovery code."
    )


class MfaConfirmInput(serializers.Serializer[Any]):
    """A first code of the new device."""

    otp_code = serializers.CharField(max_length=32)


class MfaRemoveInput(serializers.Serializer[Any]):
    """A proof: the password, or a code."""

    password = serializers.CharField(max_length=256, trim_whitespace=False, required=False)
    otp_code = serializers.CharField(max_length=32, required=False)


class MfaSmsInput(serializers.Serializer[Any]):
    """The half-login token; omitted by callers who are logged in."""

    mfa_token = serializers.CharField(max_length=512, required=False)


class EnrolmentOutput(serializers.Serializer[Any]):
    """What a code generator needs, shown once."""

    secret = serializers.CharField(help_text="Base32, to type where no camera is.")
    otpauth_uri = serializers.CharField()
    qr_svg = serializers.CharField(help_text="The address as a picture: a data URI of an SVG.")


class RecoveryCodesOutput(serializers.Serializer[Any]):
    """Codes that stand in for the device, each once; they are never shown again."""

    recovery_codes = serializers.ListField(child=serializers.CharField())


class SessionOutput(serializers.ModelSerializer[Session]):
    """One login of the caller."""

    current = serializers.SerializerMethodField()

    class Meta:
        model = Session
        fields = ("id", "started_at", "issued_at", "expires_at", "address", "user_agent", "current")

    @extend_schema_field(serializers.BooleanField())
    def get_current(self, session: Session) -> bool:
        """Whether this very call uses it."""
        return bool(session.family == self.context["request"].auth.family)


class PasswordChangeInput(serializers.Serializer[Any]):
    """The present password and the next one."""

    current_password = serializers.CharField(max_length=256, trim_whitespace=False, write_only=True)
    new_password = serializers.CharField(max_length=256, trim_whitespace=False, write_only=True)


class PasswordForgotInput(serializers.Serializer[Any]):
    """Whose password is forgotten."""

    email = serializers.EmailField()


class PasswordResetInput(serializers.Serializer[Any]):
    """The token of the mailed link, and the new password."""

    token = serializers.CharField(max_length=512, write_only=True)
    new_password = serializers.CharField(max_length=256, trim_whitespace=False, write_only=True)


class UserOutput(serializers.ModelSerializer[User]):
    """An account as those who manage accounts see it."""

    phone = serializers.CharField()
    practice = PracticeBrief(allow_null=True)
    insurer = InsurerBrief(allow_null=True)
    practitioner = PractitionerBrief(allow_null=True)
    is_invited = serializers.BooleanField(help_text="The invitation has not been answered yet.")
    mfa_enabled = serializers.BooleanField()
    last_login_at = serializers.DateTimeField(source="last_login", allow_null=True)

    class Meta:
        model = User
        fields = (
            "id", "email", "first_name", "last_name", "phone", "role", "language", "practice", "insurer",
            "practitioner", "is_active", "is_invited", "mfa_enabled", "last_login_at", "created_at",
        )  # fmt: skip


class UserChangeInput(serializers.Serializer[Any]):
    """What those who manage accounts may change; an account's address belongs to its owner."""

    first_name = serializers.CharField(max_length=80)
    last_name = serializers.CharField(max_length=80)
    phone = PhoneNumberField(required=False, allow_blank=True)
    role = serializers.ChoiceField(choices=Role.choices)
    language = serializers.ChoiceField(choices=User._meta.get_field("language").choices or (), required=False)
    practitioner = VisibleKeyField(Practitioner, required=False, allow_null=True)


class UserInviteInput(UserChangeInput):
    """A new account; only the platform's administrator names the house, others invite into their own."""

    email = serializers.EmailField()
    practice = VisibleKeyField(Practice, required=False, allow_null=True)
    insurer = VisibleKeyField(Insurer, required=False, allow_null=True)
