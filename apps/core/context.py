"""Who is acting, from where, and under which name: one context variable, bound and reset around each piece of work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Bound:
    """What the audit trail and the logs record about the work under way.

    `action` is the dotted name of the outermost service; `address` comes from the trusted proxy only.
    """

    actor_id: UUID | None = None
    actor_role: str = ""
    practice_id: UUID | None = None
    insurer_id: UUID | None = None
    address: str | None = None
    user_agent: str = ""
    request_id: str = ""
    action: str = ""


_NOBODY = Bound()
_bound: ContextVar[Bound] = ContextVar("osdentaire_bound", default=_NOBODY)


def current() -> Bound:
    """Return what is bound in this thread or task."""
    return _bound.get()


@contextmanager
def bind(**changes: Any) -> Iterator[Bound]:
    """Bind `changes` over what is bound now; the previous binding returns at exit, however deep the nesting."""
    token = _bound.set(replace(_bound.get(), **changes))
    try:
        yield _bound.get()
    finally:
        _bound.reset(token)
