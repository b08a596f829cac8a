"""Refusals of known callers, told to whoever keeps a trail of them once the refused work has rolled back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from django.http import HttpRequest

from apps.core.hooks import Hook

if TYPE_CHECKING:
    from django.db.models import Model


@dataclass(frozen=True, slots=True)
class Denial:
    """What was refused: route template and method, never the path or the body."""

    event: str
    method: str
    route: str
    code: str
    model: type[Model] | None = None
    object_pk: str = ""


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
        route=f"/{match.route}" if match is not None else "",
        code=code,
        model=model,
        object_pk=str(match.kwargs.get("pk") or match.kwargs.get("object_id") or "")
        if match is not None
        else "",
    )
