"""How the FHIR interface says no, inside its views and where no view is reached."""

from __future__ import annotations

from typing import Any, Final

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import status
from rest_framework.exceptions import APIException

from apps.core.errors import InvalidInput
from apps.insurance.fhir.envelopes import MEDIA_TYPE, SERVED_TYPES, outcome

PATH: Final = "/api/v1/fhir"
BEYOND_RESOURCES: Final = frozenset({"", "metadata"})


class UnknownParameter(InvalidInput):
    """A search parameter, or a modifier of one, that this server does not have."""

    issue = "not-supported"


class FormatNotSpoken(APIException):
    """Only JSON of FHIR R4 is spoken here."""

    status_code = status.HTTP_406_NOT_ACCEPTABLE
    default_code = "not_acceptable"
    default_detail = gettext_lazy("This server answers FHIR R4 as JSON only.")


def refuse_in_fhir(request: HttpRequest, code_of_status: int, code: str, message: str) -> HttpResponse | None:
    """Answer an OperationOutcome at an address of this interface that no view answers; nothing at others."""
    path = request.path_info
    if path != PATH and not path.startswith(f"{PATH}/"):
        return None
    kind = ""
    if code_of_status == status.HTTP_404_NOT_FOUND:
        name = path.removeprefix(PATH).removeprefix("/").partition("/")[0]
        # R4, http.html: 404 is also the answer for a type the server does not have, or something it cannot do.
        if name not in SERVED_TYPES:
            kind = "not-supported"
            if name not in BEYOND_RESOURCES:
                message = _("This server has no resource of this type.")
    body = outcome(code_of_status, code, message, kind=kind)
    return HttpResponse(orjson.dumps(body), status=code_of_status, content_type=MEDIA_TYPE)


def in_fhir(answer: Any, kind: str) -> None:
    """Turn the house's error, if an answer is one, into an OperationOutcome."""
    error = answer.data.get("error") if isinstance(answer.data, dict) else None
    if error is not None:
        answer.data = outcome(
            answer.status_code,
            error.get("code", ""),
            error.get("message", ""),
            error.get("details"),
            kind=kind,
        )
