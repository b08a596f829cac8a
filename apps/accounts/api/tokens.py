"""Answering a login: tokens in the body, or in cookies no script can read."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.middleware.csrf import get_token
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.authentication import ACCESS_COOKIE, REFRESH_COOKIE, check_origin
from apps.accounts.api.serializers import TokenOutput
from apps.accounts.login import HalfLogin
from apps.accounts.tokens import TokenPair

AUTH_PATH = "/api/v1/auth"


def wants_cookies(request: Request) -> bool:
    """Say whether a browser asks for cookies; one on a page of another origin is refused."""
    if request.query_params.get("cookie") != "1":
        return False
    check_origin(request)
    return True


def answer_login(request: Request, outcome: TokenPair | HalfLogin, *, in_cookies: bool) -> Response:
    """Answer a login that is complete, or the token for its second half."""
    if isinstance(outcome, HalfLogin):
        half = {"requires_mfa": True, "mfa_token": outcome.mfa_token, "methods": outcome.methods}
        return Response(TokenOutput(half).data)
    whole = {
        "requires_mfa": False,
        "requires_mfa_enrollment": outcome.user.must_enrol,
        "access_token": outcome.access_token,
        "refresh_token": outcome.refresh_token,
        "expires_in": outcome.expires_in,
        "user": outcome.user,
    }
    body = dict(TokenOutput(whole, context={"request": request}).data)
    if not in_cookies:
        return Response(body)
    del body["access_token"], body["refresh_token"]
    response = Response(body)
    kept: dict[str, Any] = {"httponly": True, "samesite": "Strict", "secure": settings.SESSION_COOKIE_SECURE}
    response.set_cookie(ACCESS_COOKIE, outcome.access_token, max_age=outcome.expires_in, path="/", **kept)
    response.set_cookie(
        REFRESH_COOKIE, outcome.refresh_token, max_age=settings.REFRESH_EXPIRES_IN, path=AUTH_PATH, **kept
    )
    get_token(request._request)
    return response


def drop_cookies(response: Response) -> Response:
    """Take the cookies back."""
    response.delete_cookie(ACCESS_COOKIE, path="/", samesite="Strict")
    response.delete_cookie(REFRESH_COOKIE, path=AUTH_PATH, samesite="Strict")
    return response
