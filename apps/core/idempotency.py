"""Idempotency-Key: the same POST sent again gives the stored answer, not a second effect."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.errors import DomainError, InvalidInput
from apps.core.models import IdempotencyKey
from apps.core.plain import plain

HEADER = "Idempotency-Key"
KEPT_FOR = timedelta(hours=24)


class StillUnderWay(DomainError):
    """The first request with this key has not finished."""

    code = "IDEMPOTENCY_IN_PROGRESS"
    message = _("The first request with this key is still under way. Try again in a moment.")


class KeyReused(DomainError):
    """The key came with another body before."""

    code = "IDEMPOTENCY_MISMATCH"
    status = 422
    message = _("This key was used with another request before.")


def once(handler: Callable[..., Response], request: Request, *args: Any, **kwargs: Any) -> Response:
    """Run `handler` once per (caller, route, key); an anonymous caller's key means nothing.

    The answer is stored in the transaction of the work itself: a crash leaves both or neither. Only
    successes are stored; a refusal rolls back and leaves nothing. A second request while the first runs is
    told to wait instead of waiting, so that a stuck client cannot pile up connections. The query counts as
    part of the body.
    """
    if not request.user.is_authenticated:
        return handler(request, *args, **kwargs)
    key = request.headers[HEADER]
    if not 1 <= len(key) <= 128 or not key.isascii() or not key.isprintable():
        raise InvalidInput(idempotency_key=[str(_("Between 1 and 128 printable ASCII characters."))])
    route = f"{request.method} {request.path}"
    said = [request.data, sorted(request.query_params.lists())]
    body = hashlib.sha256(orjson.dumps(said, default=plain, option=orjson.OPT_SORT_KEYS)).hexdigest()
    with transaction.atomic():
        if not try_lock(f"{request.user.pk}|{route}|{key}"):
            raise StillUnderWay(retry_after=1)
        known = IdempotencyKey.objects.filter(actor_id=request.user.pk, route=route, key=key).first()
        if known is not None and known.created_at > timezone.now() - KEPT_FOR:
            if known.body_sha256 != body:
                raise KeyReused
            return Response(known.answer, status=known.status, headers={"Idempotent-Replay": "true"})
        if known is not None:
            known.delete()
        response = handler(request, *args, **kwargs)
        if 200 <= response.status_code < 300 and not getattr(response, "streaming", False):
            data = getattr(response, "data", None)
            answer = orjson.loads(orjson.dumps(data, default=plain, option=orjson.OPT_NON_STR_KEYS))
            IdempotencyKey.objects.create(
                actor_id=request.user.pk,
                route=route,
                key=key,
                body_sha256=body,
                status=response.status_code,
                answer=answer,
            )
        elif response.status_code >= 400:
            transaction.set_rollback(True)
    return response


def try_lock(name: str) -> bool:
    """Take a lock of the running transaction if nobody holds it."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        return bool(cursor.fetchone()[0])


def purge(*, at: datetime) -> int:
    """Drop answers older than 24 hours; returns how many."""
    deleted, _by_model = IdempotencyKey.objects.filter(created_at__lt=at - KEPT_FOR).delete()
    return deleted
