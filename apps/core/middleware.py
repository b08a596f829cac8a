"""Around every request: who calls from where, the API's paths and sizes, the admin's actor."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from uuid import uuid4

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apps.core.access import access_denied, denial_of
from apps.core.api.errors import json_error
from apps.core.context import bind

GetResponse = Callable[[HttpRequest], HttpResponseBase]
REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


def client_address(request: HttpRequest) -> str | None:
    """Return the caller's address: the entry our own proxies wrote, never the one a client can send.

    With TRUSTED_PROXIES = n, the n-th entry of X-Forwarded-For from the right was written by our outermost proxy.
    """
    hops: int = settings.TRUSTED_PROXIES
    if hops:
        entries = [
            part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()
        ]
        if len(entries) >= hops and is_address(entries[-hops]):
            return entries[-hops]
    return request.META.get("REMOTE_ADDR") or None


def is_address(text: str) -> bool:
    """Say whether this is an address; a proxy set up otherwise than we were told passes on anything."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


class RequestContextMiddleware:
    """Binds request id, address and agent; names the request in the answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "") if settings.TRUSTED_PROXIES else ""
        request_id = given if REQUEST_ID.match(given) else uuid4().hex
        agent = request.headers.get("User-Agent", "")[:256]
        with bind(
            request_id=request_id,
            address=client_address(request),
            user_agent=agent,
            actor_id=None,
            actor_role="",
            action="",
        ):
            response = self.get_response(request)
        response.headers["X-Request-ID"] = request_id
        return response


class ApiMiddleware:
    """Under /api/: no trailing slash needed, bodies bounded, answers never stored; in the admin: its own script policy."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith("/api/"):
            response = self.get_response(request)
            if request.path_info.startswith("/admin/"):
                relax_admin_policy(response)
            return response
        if len(request.path_info) > 1 and request.path_info.endswith("/"):
            request.path_info = request.path_info.rstrip("/")
            request.path = request.path.rstrip("/")
        if too_large(request):
            response = json_error(request, 413, "PAYLOAD_TOO_LARGE")
        else:
            try:
                response = self.get_response(request)
            except RequestDataTooBig:
                response = json_error(request, 413, "PAYLOAD_TOO_LARGE")
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def too_large(request: HttpRequest) -> bool:
    """Say whether the declared body is beyond the limit; an undeclared one is caught while it is read."""
    try:
        declared = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        return False
    return declared > (settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0)


def relax_admin_policy(response: HttpResponseBase) -> None:
    """Let the admin theme work: Alpine evaluates expressions, and its few inline scripts carry the nonce."""
    from csp.constants import NONCE, SELF

    response._csp_update = {"script-src": [SELF, NONCE, "'unsafe-eval'"]}  # type: ignore[attr-defined]  # read by django-csp


class SessionActorMiddleware:
    """Binds the admin's logged-in user as the actor of what the request writes, and tells of refusals."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith("/api/"):
            return self.get_response(request)
        user = request.user
        if not user.is_authenticated:
            return self.get_response(request)
        with bind(
            actor_id=user.pk,
            actor_role=getattr(user, "role", ""),
            practice_id=getattr(user, "practice_id", None),
            insurer_id=getattr(user, "insurer_id", None),
        ):
            response = self.get_response(request)
            if response.status_code == 403:
                access_denied.send(denial_of(request))
            return response
