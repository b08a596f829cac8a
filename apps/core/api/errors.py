"""The one shape of an error."""

from __future__ import annotations

from typing import Any, Final

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from apps.core.context import current
from apps.core.hooks import Hook

SENTENCES: dict[str, Any] = {
    "NOT_FOUND": _("Not found."),
    "METHOD_NOT_ALLOWED": _("This method does not exist here."),
    "PAYLOAD_TOO_LARGE": _("This is too large: at most 2 MB."),
    "INTERNAL_ERROR": _("Something went wrong on our side. It has been recorded."),
    "FORBIDDEN": _("You are not allowed to do this."),
    "BAD_REQUEST": _("This request cannot be understood."),
}

# Interfaces that have a standard's own shape of refusals answer for the addresses they own, and nothing for others.
# Arguments: request, HTTP status, code, sentence.
refusal_elsewhere: Final = Hook[[HttpRequest, int, str, str], HttpResponse | None]("refusal_elsewhere")


def error_body(code: str, message: Any, details: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the body of an error answer, as api.md draws it."""
    return {
        "success": False,
        "error": {
            "code": code,
            "message": str(message),
            "details": details or {},
            "request_id": current().request_id,
        },
    }


def json_error(request: HttpRequest, status: int, code: str) -> HttpResponse:
    """Return an error answer from outside the API's views, in the words of the interface that owns the address."""
    for answer in refusal_elsewhere.gather(request, status, code, str(SENTENCES[code])):
        if answer is not None:
            return answer
    body = orjson.dumps(error_body(code, SENTENCES[code]))
    return HttpResponse(body, status=status, content_type="application/json")
