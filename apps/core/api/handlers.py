"""Django's own error pages, spoken as JSON under /api/."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views import defaults

from apps.core.api.errors import json_error


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer 400."""
    return (
        json_error(request, 400, "BAD_REQUEST")
        if is_api(request)
        else defaults.bad_request(request, exception)
    )


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer 403."""
    return (
        json_error(request, 403, "FORBIDDEN")
        if is_api(request)
        else defaults.permission_denied(request, exception)
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Answer 404."""
    return (
        json_error(request, 404, "NOT_FOUND")
        if is_api(request)
        else defaults.page_not_found(request, exception)
    )


def server_error(request: HttpRequest, *args: Any) -> HttpResponse | HttpResponseBase:
    """Answer 500."""
    return json_error(request, 500, "INTERNAL_ERROR") if is_api(request) else defaults.server_error(request)


def is_api(request: HttpRequest) -> bool:
    """Say whether the caller expects JSON."""
    return request.path_info.startswith("/api/")
