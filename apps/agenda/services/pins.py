"""Pins of a visit that is taken back: what has its time again does not wait for one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from apps.agenda.models import Appointment, PinnedVisit

Status = PinnedVisit.Status


def lock_pins(visit: Appointment) -> list[PinnedVisit]:
    """Lock what waits in a visit's place; before people and rooms, as putting it on the agenda does."""
    rows = PinnedVisit.objects.filter(former=visit.pk, status=Status.PINNED)
    return list(rows.select_for_update(no_key=True, of=("self",)).order_by("pk"))


def take_down(pins: Sequence[PinnedVisit], at: datetime) -> None:
    """Remove pins, within the service that gives their visit its time again."""
    for pin in pins:
        pin.status, pin.closed_at = Status.REMOVED, at
        pin.save(update_fields=["status", "closed_at", "updated_at"])
