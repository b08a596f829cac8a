"""Who calls the API: a bearer token, or the browser's cookie with CSRF enforced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken

from apps.accounts.models import Session, User
from apps.core.errors import PermissionRefused

ACCESS_COOKIE = "osd_access"
REFRESH_COOKIE = "osd_refresh"


class CsrfCheck(CsrfViewMiddleware):
    """Django's check, returning the reason instead of a page."""

    def _reject(self, request: Any, reason: str) -> Any:
        return reason

    def is_ours(self, request: HttpRequest) -> bool:
        """Say whether the Origin of a request is this site or one it trusts."""
        origin_verified: Callable[[HttpRequest], bool] = getattr(self, "_origin_verified")  # noqa: B009 - unknown to the stubs
        return origin_verified(request)


def never_called(request: HttpRequest) -> HttpResponseBase:
    """Stand in for the view, which the check does not call."""
    raise NotImplementedError


class EnrolmentRequired(PermissionRefused):
    """The role requires a second factor and the account has none: only enrolling one is open."""

    code = "MFA_ENROLLMENT_REQUIRED"
    message = _("Your role requires a second factor. Set one up first.")


class SessionTokenAuthentication(BaseAuthentication):
    """Reads the token, then the database: session live, user active, role and house as they are now."""

    def authenticate(self, request: Request) -> tuple[User, Session] | None:
        """Return user and session; None without credentials; raises AuthenticationFailed on bad ones."""
        view = request.parser_context.get("view")
        enrolling = getattr(view, "action", None) in getattr(view, "before_enrolment", ())
        header = request.headers.get("Authorization", "")
        if header:
            scheme, _space, raw = header.partition(" ")
            if scheme.lower() != "bearer" or not raw:
                raise AuthenticationFailed
            return self.session_of(raw, enrolling=enrolling)
        raw = request.COOKIES.get(ACCESS_COOKIE, "")
        if not raw:
            return None
        found = self.session_of(raw, enrolling=enrolling)
        enforce_csrf(request)
        return found

    def session_of(self, raw: str, *, enrolling: bool = False) -> tuple[User, Session]:
        """Return who the token speaks for; `enrolling` lets in those who still owe a second factor."""
        try:
            token = AccessToken(cast("Any", raw))
            sid = token["sid"]
        except (TokenError, KeyError) as error:
            raise AuthenticationFailed(_("This token is not valid any more.")) from error
        session = (
            Session.objects.live(timezone.now())
            .select_related("user__practice", "user__insurer", "user__practitioner")
            .filter(pk=sid, user_id=token["sub"], user__is_active=True)
            .first()
        )
        if session is None:
            raise AuthenticationFailed(_("This session has ended."))
        if session.user.must_enrol and not enrolling:
            raise EnrolmentRequired
        return session.user, session

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that a missing login is 401 and not 403."""
        return 'Bearer realm="api"'


def enforce_csrf(request: Request) -> None:
    """Refuse a cookie request without its CSRF token or from another origin."""
    check = CsrfCheck(never_called)
    check.process_request(request._request)
    reason = check.process_view(request._request, never_called, (), {})
    if reason:
        raise PermissionDenied(_("The request does not come from our own pages (CSRF)."))


def check_origin(request: Request) -> None:
    """Refuse to set cookies for a page of another origin, which would log its visitor in as somebody else."""
    origin = request.headers.get("Origin")
    if origin is not None and not CsrfCheck(never_called).is_ours(request._request):
        raise PermissionDenied(_("The request does not come from our own pages (CSRF)."))


class SessionTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # untyped
    """Describes the bearer token in the schema."""

    target_class = SessionTokenAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the OpenAPI definition."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
