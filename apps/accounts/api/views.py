"""Login, refresh, logout and who am I."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.middleware.csrf import get_token
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.authentication import ACCESS_COOKIE, REFRESH_COOKIE, enforce_csrf
from apps.accounts.api.serializers import LoginInput, MeOutput, RefreshInput, TokenOutput
from apps.accounts.login import log_in
from apps.accounts.sessions import SessionEnded, log_out, refresh
from apps.accounts.tokens import TokenPair
from apps.core.api.permissions import ANONYMOUS, ANYBODY_LOGGED_IN
from apps.core.api.views import BaseViewSet

AUTH_PATH = "/api/v1/auth"
IN_COOKIES = OpenApiParameter("cookie", bool, description="Set HttpOnly cookies and omit the tokens.")


class AuthViewSet(BaseViewSet):
    """Sessions of the API."""

    permissions = {
        "login": ANONYMOUS,
        "refresh": ANONYMOUS,
        "logout": ANYBODY_LOGGED_IN,
        "me": ANYBODY_LOGGED_IN,
    }
    serializers = {"login": TokenOutput, "refresh": TokenOutput, "me": MeOutput}
    inputs = {"login": LoginInput, "refresh": RefreshInput}
    pagination_class = None
    filter_backends = ()

    def get_authenticators(self) -> list[Any]:
        """Skip the caller's old token where a new one is asked for."""
        handler = self.action_map.get(self.request.method.lower(), "") if self.request and self.request.method else ""
        return [] if handler in {"login", "refresh"} else super().get_authenticators()

    @extend_schema(request=LoginInput, responses=TokenOutput, parameters=[IN_COOKIES], auth=[])
    @action(detail=False, methods=["post"])
    def login(self, request: Request) -> Response:
        """Exchange email and password for a session."""
        pair = log_in(**self.parsed(), at=timezone.now())
        return self.answer_tokens(pair, in_cookies=request.query_params.get("cookie") == "1")

    @extend_schema(request=RefreshInput, responses=TokenOutput, auth=[])
    @action(detail=False, methods=["post"])
    def refresh(self, request: Request) -> Response:
        """Exchange a refresh token, or its cookie, for the next pair."""
        given = self.parsed().get("refresh_token")
        cookie = request.COOKIES.get(REFRESH_COOKIE)
        if not given and cookie:
            enforce_csrf(request)
        if not (given or cookie):
            raise SessionEnded
        return self.answer_tokens(refresh(refresh_token=given or cookie or "", at=timezone.now()), in_cookies=not given)

    @extend_schema(request=None, responses={204: None})
    @action(detail=False, methods=["post"])
    def logout(self, request: Request) -> Response:
        """End this session."""
        log_out(actor=request.user, session=request.auth, at=timezone.now())
        response = Response(status=204)
        response.delete_cookie(ACCESS_COOKIE, path="/")
        response.delete_cookie(REFRESH_COOKIE, path=AUTH_PATH)
        return response

    @extend_schema(responses=MeOutput)
    @action(detail=False, methods=["get"])
    def me(self, request: Request) -> Response:
        """Return the caller and their permissions."""
        return self.answer(request.user, action="me")

    def answer_tokens(self, pair: TokenPair, *, in_cookies: bool) -> Response:
        """Answer a pair of tokens in the body or in cookies."""
        body = dict(TokenOutput(pair, context=self.get_serializer_context()).data)
        if not in_cookies:
            return Response(body)
        del body["access_token"], body["refresh_token"]
        response = Response(body)
        kept: dict[str, Any] = {"httponly": True, "samesite": "Strict", "secure": settings.SESSION_COOKIE_SECURE}
        response.set_cookie(ACCESS_COOKIE, pair.access_token, max_age=pair.expires_in, path="/", **kept)
        response.set_cookie(REFRESH_COOKIE, pair.refresh_token, max_age=settings.REFRESH_EXPIRES_IN, path=AUTH_PATH, **kept)
        get_token(self.request._request)
        return response
