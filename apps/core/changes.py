"""What changed: the record every audited write produces, and the sink that stores it.

Core does not know the audit app; the audit app registers its writer here. A write without a registered
sink raises: a change that leaves no trace must not happen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.db.models import Model

Verb = Literal["create", "update", "delete", "relate"]


@dataclass(frozen=True, slots=True)
class Change:
    """One row's change. `before` and `after` hold prepared column values of the changed fields only, by field name."""

    verb: Verb
    model: type[Model]
    pk: UUID
    practice_id: UUID | None
    insurer_id: UUID | None
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


Sink = Callable[[Sequence[Change]], None]
_sinks: list[Sink] = []
_buffer: ContextVar[list[Change] | None] = ContextVar("osdentaire_change_buffer", default=None)


def register_sink(sink: Sink) -> None:
    """Name the function that stores changes, inside the transaction that made them."""
    _sinks[:] = [sink]


def emit(changes: Sequence[Change]) -> None:
    """Store `changes`, or keep them for the enclosing `gathered()` block."""
    if not changes:
        return
    buffer = _buffer.get()
    if buffer is not None:
        buffer.extend(changes)
        return
    if not _sinks:
        raise RuntimeError("no change sink is registered: apps.audit must be installed")
    _sinks[0](changes)


@contextmanager
def gathered() -> Iterator[None]:
    """Store the changes of a block in one statement at its end; lost, as the changes are, when the block raises."""
    if _buffer.get() is not None:
        yield
        return
    buffer: list[Change] = []
    token = _buffer.set(buffer)
    try:
        yield
    finally:
        _buffer.reset(token)
    emit(buffer)
