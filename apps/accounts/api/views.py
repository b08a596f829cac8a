"""Login, refresh, logout and who am I; one's own sessions and password."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.api.authentication import REFRESH_COOKIE, enforce_csrf
from apps.accounts.api.serializers import (
    LoginInput,
    MeOutput,
    PasswordChangeInput,
    PasswordForgotInput,
    PasswordResetInput,
    RefreshInput,
    SessionOutput,
    TokenOutput,
)
from apps.accounts.api.tokens import answer_login, drop_cookies, wants_cookies
from apps.accounts.login import guess_password, log_in
from apps.accounts.models import Session, User
from apps.accounts.passwords import request_reset, reset_password
from apps.accounts.services import change_own_password
from apps.accounts.sessions import SessionEnded, log_out, refresh
from apps.core.api.pagination import WholePagination
from apps.core.api.permissions import ANONYMOUS, ANYBODY_LOGGED_IN
from apps.core.api.views import BaseViewSet
from apps.core.errors import InvalidInput

IN_COOKIES = OpenApiParameter("cookie", bool, description="Set HttpOnly cookies and omit the tokens.")


class CallerViewSet(BaseViewSet):
    """A view whose caller is logged in, or refused before its action runs."""

    @property
    def actor(self) -> User:
        """Who calls."""
        return cast("User", self.request.user)

    @property
    def login_in_use(self) -> Session:
        """The login this call belongs to."""
        return cast("Session", self.request.auth)


class AccountViewSet(CallerViewSet):
    """What all routes of one's own account share."""

    pagination_class: Any = None
    filter_backends = ()
    # Actions that take no notice of who is logged in; those open before a required second factor is there.
    unauthenticated: ClassVar[frozenset[str]] = frozenset()
    before_enrolment: ClassVar[frozenset[str]] = frozenset()

    def get_authenticators(self) -> list[Any]:
        """Skip the caller's old token where a new one is asked for."""
        method = str(getattr(self.request, "method", "")).lower()
        if self.action_map.get(method, "") in self.unauthenticated:
            return []
        return super().get_authenticators()


class AuthViewSet(AccountViewSet):
    """Sessions of the API."""

    permissions = {
        "login": ANONYMOUS,
        "refresh": ANONYMOUS,
        "logout": ANYBODY_LOGGED_IN,
        "me": ANYBODY_LOGGED_IN,
    }
    serializers = {"login": TokenOutput, "refresh": TokenOutput, "me": MeOutput}
    inputs = {"login": LoginInput, "refresh": RefreshInput}
    unauthenticated = frozenset({"login", "refresh"})
    before_enrolment = frozenset({"logout", "me"})

    @extend_schema(request=LoginInput, responses=TokenOutput, parameters=[IN_COOKIES], auth=[])
    @action(detail=False, methods=["post"])
    def login(self, request: Request) -> Response:
        """Exchange email and password for a session, or for the question for a second factor."""
        in_cookies = wants_cookies(request)
        return answer_login(request, log_in(**self.parsed(), at=timezone.now()), in_cookies=in_cookies)

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
        pair = refresh(refresh_token=given or cookie or "", at=timezone.now())
        return answer_login(request, pair, in_cookies=not given)

    @extend_schema(request=None, responses={204: None})
    @action(detail=False, methods=["post"])
    def logout(self, request: Request) -> Response:
        """End this session."""
        log_out(actor=self.actor, session=self.login_in_use, at=timezone.now())
        return drop_cookies(Response(status=204))

    @extend_schema(responses=MeOutput)
    @action(detail=False, methods=["get"])
    def me(self, request: Request) -> Response:
        """Return the caller and their permissions."""
        return self.answer(self.actor, action="me")


class SessionViewSet(AccountViewSet):
    """One's own logins: one row per device, whatever the number of refreshes."""

    queryset = Session.objects.none()
    permissions = {"list": ANYBODY_LOGGED_IN, "destroy": ANYBODY_LOGGED_IN}
    serializers = {"list": SessionOutput, "retrieve": SessionOutput}
    pagination_class = WholePagination

    def get_queryset(self) -> QuerySet[Session]:
        """Return the caller's live logins, latest first."""
        return Session.objects.visible_to(self.actor).current(timezone.now()).order_by("-issued_at", "pk")

    def list(self, request: Request) -> Response:
        """List one's own logins."""
        return self.answer_list(self.get_queryset())

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any = None) -> Response:
        """End one of one's own logins."""
        log_out(actor=self.actor, session=self.get_object(), at=timezone.now())
        return Response(status=204)


class PasswordViewSet(AccountViewSet):
    """One's own password."""

    permissions = {"change": ANYBODY_LOGGED_IN, "forgot": ANONYMOUS, "reset": ANONYMOUS}
    inputs = {"change": PasswordChangeInput, "forgot": PasswordForgotInput, "reset": PasswordResetInput}
    unauthenticated = frozenset({"forgot", "reset"})

    @extend_schema(request=PasswordChangeInput, responses={204: None})
    @action(detail=False, methods=["post"])
    def change(self, request: Request) -> Response:
        """Change one's own password; this login stays, all others end."""
        body = self.parsed()
        if not guess_password(user=self.actor, password=body["current_password"]):
            raise InvalidInput(current_password=[_("This is not your password.")])
        change_own_password(
            actor=self.actor, password=body["new_password"], keep=self.login_in_use, at=timezone.now()
        )
        return Response(status=204)

    @extend_schema(request=PasswordForgotInput, responses={204: None}, auth=[])
    @action(detail=False, methods=["post"])
    def forgot(self, request: Request) -> Response:
        """Ask for a link by mail; the answer is the same whether or not there is such an account."""
        request_reset(email=self.parsed()["email"], at=timezone.now())
        return Response(status=204)

    @extend_schema(request=PasswordResetInput, responses={204: None}, auth=[])
    @action(detail=False, methods=["post"])
    def reset(self, request: Request) -> Response:
        """Choose a password by the link of a reset or an invitation; then log in, second factor included."""
        body = self.parsed()
        reset_password(token=body["token"], password=body["new_password"], at=timezone.now())
        return Response(status=204)
