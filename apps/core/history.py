"""The history of one object: declared here, answered by the audit app, shown by any door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Model

from apps.core.hooks import Hook
from apps.core.scope import Viewer


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field's change as a person reads it; `hidden` when the trail keeps only a fingerprint."""

    label: str
    before: str
    after: str
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One remembered change: when, by whom, under which name, of which fields."""

    at: datetime
    actor: str
    role: str
    action: str
    verb: str
    changes: Sequence[FieldChange]
    address: str = ""
    request_id: str = ""


# Answers the newest lines about an object, as far as the viewer may read the trail.
object_history: Hook[[Viewer, Model, int], Sequence[HistoryLine]] = Hook("object_history")


def history_of(viewer: Viewer, instance: Model, limit: int = 50) -> list[HistoryLine]:
    """Return the newest `limit` changes of `instance` that `viewer` may read."""
    return [line for lines in object_history.gather(viewer, instance, limit) for line in lines]
