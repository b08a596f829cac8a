"""The local store's signed URLs, answered as a bucket would."""

from __future__ import annotations

from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from apps.core.api.errors import error_body
from apps.core.errors import DomainError, InvalidInput
from apps.core.storage import FileTooLarge, Grant, LinkRefused, attachment, private_store

# Room for the form's other fields and boundaries around the file.
_FORM_OVERHEAD = 16 * 1024


@csrf_exempt  # the token is the credential; no cookie counts here
def serve_file(request: HttpRequest, token: str) -> HttpResponseBase:
    """Download (GET, HEAD) or upload (POST, multipart) what the token names."""
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD, POST"})
    try:
        grant = Grant.read(token)
        if request.method == "POST":
            return _upload(request, grant)
        return _download(grant)
    except DomainError as refusal:
        body = error_body(refusal.code, refusal.message, refusal.details)
        return JsonResponse(body, status=refusal.status, headers={"Cache-Control": "no-store"})


def _download(grant: Grant) -> HttpResponseBase:
    if grant.method != "GET":
        raise LinkRefused
    store = private_store()
    found = store.stat(grant.key)
    response = FileResponse(store.open(grant.key), content_type=found.content_type)
    response.headers["Content-Length"] = str(found.size)
    response.headers["Content-Disposition"] = attachment(grant.filename)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    # Even a browser that shows the file instead of saving it runs nothing in it.
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _upload(request: HttpRequest, grant: Grant) -> HttpResponseBase:
    if grant.method != "POST":
        raise LinkRefused
    # Before the form is parsed: an oversized body is not even spooled to the disk.
    if _declared_size(request) > grant.max_size + _FORM_OVERHEAD:
        raise FileTooLarge(max_size=grant.max_size)
    try:
        sent_type, sent_key, file = (
            request.POST.get("Content-Type"),
            request.POST.get("key"),
            request.FILES.get("file"),
        )
    except MultiPartParserError:
        raise InvalidInput from None
    if file is None:
        raise InvalidInput(file=["required"])
    if sent_type != grant.content_type or sent_key != grant.key:
        raise LinkRefused
    if not file.size:
        raise InvalidInput(file=["empty"])
    if file.size > grant.max_size:
        raise FileTooLarge(max_size=grant.max_size)
    private_store().put(grant.key, file, grant.content_type)
    return HttpResponse(status=204)


def _declared_size(request: HttpRequest) -> int:
    try:
        return int(request.headers.get("Content-Length") or 0)
    except ValueError:
        raise InvalidInput from None
