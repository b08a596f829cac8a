"""From exceptions to answers: one handler, one shape."""

from __future__ import annotations

import logging
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, RequestDataTooBig
from django.core.exceptions import ValidationError as ModelValidationError
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from apps.core.api.errors import error_body
from apps.core.errors import DomainError

logger = logging.getLogger(__name__)

CODES: dict[type[Exception], tuple[int, str]] = {
    exceptions.NotAuthenticated: (401, "UNAUTHENTICATED"),
    exceptions.AuthenticationFailed: (401, "UNAUTHENTICATED"),
    exceptions.PermissionDenied: (403, "FORBIDDEN"),
    exceptions.NotFound: (404, "NOT_FOUND"),
    exceptions.MethodNotAllowed: (405, "METHOD_NOT_ALLOWED"),
    exceptions.NotAcceptable: (406, "NOT_ACCEPTABLE"),
    exceptions.UnsupportedMediaType: (415, "UNSUPPORTED_MEDIA_TYPE"),
    exceptions.Throttled: (429, "RATE_LIMITED"),
    exceptions.ParseError: (400, "MALFORMED"),
}


def exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer a refusal, a bad input or a missing object; anything else is a fault and goes on to the 500 page."""
    set_rollback()
    if isinstance(error, DomainError):
        headers = {"Retry-After": str(error.details["retry_after"])} if "retry_after" in error.details else {}
        return Response(
            error_body(error.code, error.message, plain(error.details)), status=error.status, headers=headers
        )
    if isinstance(error, exceptions.ValidationError):
        return invalid(as_fields(error.detail))
    if isinstance(error, ModelValidationError):
        return invalid(as_fields(error.message_dict if hasattr(error, "error_dict") else error.messages))
    if isinstance(error, (Http404, ObjectDoesNotExist)):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, RequestDataTooBig):
        return Response(error_body("PAYLOAD_TOO_LARGE", _("This is too large: at most 2 MB.")), status=413)
    if isinstance(error, exceptions.APIException):
        status, code = CODES.get(type(error), (error.status_code, str(error.default_code).upper()))
        headers = {}
        if getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]  # set by the base view
        wait = getattr(error, "wait", None)
        if wait:
            headers["Retry-After"] = str(int(wait) + 1)
        return Response(error_body(code, error.detail), status=status, headers=headers)
    return None


def invalid(details: dict[str, Any]) -> Response:
    """Answer bad input, sentences by field."""
    message = _("Some of the values are not valid.")
    return Response(error_body("VALIDATION_ERROR", message, details), status=400)


def as_fields(detail: Any) -> dict[str, Any]:
    """Return sentences by field; those of no field stand under `non_field_errors`."""
    if isinstance(detail, dict):
        return {
            ("non_field_errors" if key == "__all__" else key): plain(value) for key, value in detail.items()
        }
    return {"non_field_errors": plain(detail)}


def plain(value: Any) -> Any:
    """Return lists, dicts, numbers and strings only."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value)
