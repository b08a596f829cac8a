"""Who calls the API: a bearer token, or the browser's cookie with CSRF enforced."""

from __future__ import annotations

from typing import Any, cast

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

ACCESS_COOKIE = "osd_access"
REFRESH_COOKIE = "osd_refresh"


class CsrfCheck(CsrfViewMiddleware):
    """Django's check, returning the reason instead of a page."""

    def _reject(self, request: Any, reason: str) -> Any:
        return reason


class SessionTokenAuthentication(BaseAuthentication):
    """Reads the token, then the database: session live, user active, role and house as they are now."""

    def authenticate(self, request: Request) -> tuple[User, Session] | None:
        """Return user and session; None without credentials; raises AuthenticationFailed on bad ones."""
        header = request.headers.get("Authorization", "")
        if header:
            scheme, _space, raw = header.partition(" ")
            if scheme.lower() != "bearer" or not raw:
                raise AuthenticationFailed
            return self.session_of(raw)
        raw = request.COOKIES.get(ACCESS_COOKIE, "")
        if not raw:
            return None
        found = self.session_of(raw)
        enforce_csrf(request)
        return found

    def session_of(self, raw: str) -> tuple[User, Session]:
        """Return who the token speaks for."""
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
        return session.user, session

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that a missing login is 401 and not 403."""
        return 'Bearer realm="api"'


def enforce_csrf(request: Request) -> None:
    """Refuse a cookie request without its CSRF token or from another origin."""
    check = CsrfCheck(lambda _request: None)  # type: ignore[arg-type,return-value]  # the check never calls on
    check.process_request(request._request)
    reason = check.process_view(request._request, None, (), {})
    if reason:
        raise PermissionDenied(_("The request does not come from our own pages (CSRF)."))


class SessionTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # spectacular is untyped here
    """Describes the bearer token in the schema."""

    target_class = SessionTokenAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """Return the OpenAPI definition."""
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
