"""Callers without an account: a platform's cron, Twilio, Postmark. Without proof the answer is 401."""

from __future__ import annotations

import base64
import binascii
import hmac

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from twilio.request_validator import RequestValidator

from apps.notifications.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, is_signed


class Signed(BaseAuthentication):
    """What signed callers share: proven or refused, never merely unknown."""

    scheme = "Signature"

    def authenticate(self, request: Request) -> tuple[AnonymousUser, None]:
        """Let a proven call pass as nobody; the service names its own actor."""
        if not self.is_proven(request):
            raise AuthenticationFailed(_("This call is not signed as it should be."))
        return AnonymousUser(), None

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that the answer is 401."""
        return self.scheme

    def is_proven(self, request: Request) -> bool:
        """Say whether the call proves where it comes from."""
        raise NotImplementedError


class DispatchSignature(Signed):
    """HMAC over timestamp and body, see `signing.py`."""

    def is_proven(self, request: Request) -> bool:
        """Check the two headers."""
        return is_signed(
            request.headers.get(TIMESTAMP_HEADER, ""),
            request.headers.get(SIGNATURE_HEADER, ""),
            request._request.body,
            at=timezone.now(),
        )


class TwilioSignature(Signed):
    """Twilio's HMAC over the form and the address it was given: the configured one, not the host header."""

    def is_proven(self, request: Request) -> bool:
        """Check `X-Twilio-Signature`; without an auth token nobody can sign."""
        if not settings.TWILIO_AUTH_TOKEN:
            return False
        url = settings.PUBLIC_URL + request.get_full_path()
        signature = request.headers.get("X-Twilio-Signature", "")
        validator = RequestValidator(settings.TWILIO_AUTH_TOKEN)
        return bool(validator.validate(url, request._request.POST, signature))


class PostmarkCredentials(Signed):
    """Postmark does not sign: basic credentials in the address it was given."""

    scheme = 'Basic realm="postmark"'

    def is_proven(self, request: Request) -> bool:
        """Compare with POSTMARK_WEBHOOK_CREDENTIALS (`user:password`); unset, nobody passes."""
        wanted: str = getattr(settings, "POSTMARK_WEBHOOK_CREDENTIALS", "")
        kind, _space, encoded = request.headers.get("Authorization", "").partition(" ")
        if not wanted or kind.lower() != "basic":
            return False
        try:
            given = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(given, wanted.encode())
