"""Readings and refusals, told to whoever keeps a trail of them.

A view names the actions whose answers are recorded (`recorded_reads`); what answers otherwise (a file)
calls the audit app itself. Refusals are told once the refused work has rolled back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Model
from django.http import HttpRequest

from apps.core.hooks import Hook
from apps.core.scope import Viewer


@dataclass(frozen=True, slots=True)
class Denial:
    """What was refused: route template and method, never the path or the body."""

    event: str
    method: str
    route: str
    code: str
    model: type[Model] | None = None
    object_pk: str = ""


rows_read: Final = Hook[[Viewer, Sequence[Model], str], None]("rows_read")
# (viewer, rows about to be shown, keys already told in this request): whoever keeps a trail of certain rows adds their keys.
rows_shown: Final = Hook[[Viewer, Sequence[Any], set[Any]], None]("rows_shown")
access_denied: Final = Hook[[Denial], None]("access_denied")


def denial_of(request: HttpRequest, *, code: str = "FORBIDDEN", view: Any = None) -> Denial:
    """Describe the refusal of a request."""
    match = request.resolver_match
    model = getattr(getattr(view, "queryset", None), "model", None)
    action = getattr(view, "action", None) or (request.method or "").lower()
    subject = model._meta.label_lower if model is not None else type(view).__name__ if view else "page"
    return Denial(
        event=f"{subject}.{action}"[:80],
        method=request.method or "",
        route="/" + match.route.rstrip("$") if match is not None else "",
        code=code,
        model=model,
        object_pk=str(match.kwargs.get("pk") or match.kwargs.get("object_id") or "")
        if match is not None
        else "",
    )
