"""Shapes of logins and users."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.accounts.models import User


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
    mfa_enabled = serializers.SerializerMethodField()
    last_login_at = serializers.DateTimeField(source="last_login", allow_null=True)
    permissions = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = (
            "id", "email", "first_name", "last_name", "phone", "role", "language", "practice", "insurer", "practitioner",
            "mfa_enabled", "last_login_at", "permissions",
        )  # fmt: skip

    @extend_schema_field(serializers.BooleanField())
    def get_mfa_enabled(self, user: User) -> bool:
        """Whether a second factor is confirmed."""
        return bool(getattr(user, "mfa_enabled", False))

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_permissions(self, user: User) -> list[str]:
        """Permissions of the role, sorted."""
        return sorted(user.permissions())


class TokenOutput(serializers.Serializer[Any]):
    """Tokens and the user; in cookie mode the tokens are in HttpOnly cookies and omitted here."""

    access_token = serializers.CharField(required=False)
    refresh_token = serializers.CharField(required=False)
    expires_in = serializers.IntegerField()
    user = MeOutput()
