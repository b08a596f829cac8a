"""One's second factor, and the second half of a login."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.serializers import (
    EnrolmentOutput,
    MfaConfirmInput,
    MfaRemoveInput,
    MfaSmsInput,
    MfaVerifyInput,
    RecoveryCodesOutput,
    TokenOutput,
)
from apps.accounts.api.tokens import answer_login, wants_cookies
from apps.accounts.api.views import IN_COOKIES, AccountViewSet
from apps.accounts.login import finish_login, guess_code, guess_password, half_logged_in
from apps.accounts.mfa import confirm, enrol, remove, send_sms_code
from apps.core.api.permissions import ANONYMOUS, ANYBODY_LOGGED_IN
from apps.core.errors import InvalidInput


class MfaViewSet(AccountViewSet):
    """The second factor."""

    permissions = {
        "verify": ANONYMOUS,
        "enrol": ANYBODY_LOGGED_IN,
        "confirm": ANYBODY_LOGGED_IN,
        # Open to whoever is half logged in too: `sms` itself refuses callers with neither login nor half of
        # one.
        "sms": ANONYMOUS,
        "remove": ANYBODY_LOGGED_IN,
    }
    serializers = {"verify": TokenOutput, "enrol": EnrolmentOutput, "confirm": RecoveryCodesOutput}
    inputs = {
        "verify": MfaVerifyInput,
        "confirm": MfaConfirmInput,
        "sms": MfaSmsInput,
        "remove": MfaRemoveInput,
    }
    unauthenticated = frozenset({"verify"})
    before_enrolment = frozenset({"enrol", "confirm"})

    @extend_schema(request=MfaVerifyInput, responses=TokenOutput, parameters=[IN_COOKIES], auth=[])
    @action(detail=False, methods=["post"], url_path="mfa/verify")
    def verify(self, request: Request) -> Response:
        """Complete a login with a code of the device, of an SMS or of the recovery list."""
        in_cookies = wants_cookies(request)
        return answer_login(request, finish_login(**self.parsed(), at=timezone.now()), in_cookies=in_cookies)

    @extend_schema(request=None, responses=EnrolmentOutput)
    @action(detail=False, methods=["post"], url_path="mfa/enroll")
    def enrol(self, request: Request) -> Response:
        """Return a new seed as text, address and picture; it counts once confirmed."""
        return self.answer(enrol(actor=self.actor, at=timezone.now()), action="enrol")

    @extend_schema(request=MfaConfirmInput, responses=RecoveryCodesOutput)
    @action(detail=False, methods=["post"], url_path="mfa/confirm")
    def confirm(self, request: Request) -> Response:
        """Take the device into use and return the recovery codes, this once; all other logins end."""
        code = self.parsed()["otp_code"]
        codes = confirm(actor=self.actor, code=code, session=self.login_in_use, at=timezone.now())
        return self.answer({"recovery_codes": codes}, action="confirm")

    @extend_schema(request=MfaSmsInput, responses={202: None})
    @action(detail=False, methods=["post"], url_path="mfa/sms")
    def sms(self, request: Request) -> Response:
        """Send a code to the account's phone, for POST /auth/mfa/verify."""
        mfa_token = self.parsed().get("mfa_token")
        if mfa_token:
            user = half_logged_in(mfa_token, at=timezone.now())
        elif request.user.is_authenticated:
            user = self.actor
        else:
            raise NotAuthenticated
        send_sms_code(actor=user, at=timezone.now())
        return Response(status=202)

    @extend_schema(request=MfaRemoveInput, responses={204: None})
    @action(detail=False, methods=["delete"], url_path="mfa")
    def remove(self, request: Request) -> Response:
        """Remove one's own second factor, proving who one is by password or code; all other logins end."""
        body = self.parsed()
        if body.get("otp_code"):
            if not guess_code(user=self.actor, code=body["otp_code"], at=timezone.now()):
                raise InvalidInput(otp_code=[_("This code is not right.")])
        elif not guess_password(user=self.actor, password=body.get("password", "")):
            raise InvalidInput(password=[_("This is not your password.")])
        remove(actor=self.actor, session=self.login_in_use, at=timezone.now())
        return Response(status=204)
