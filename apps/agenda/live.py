"""Tells open agendas what changed, after the commit."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

from apps.agenda.models import AgendaChange, Appointment

logger = logging.getLogger(__name__)


def group_of(practice_id: UUID) -> str:
    """Return the name of a practice's group in the channel layer."""
    return f"agenda.{practice_id.hex}"


def announce(appointment: Appointment, event: str) -> None:
    """Note the change, and tell the practice's open agendas once it is committed."""
    change = AgendaChange.objects.create(
        practice_id=appointment.practice_id, appointment=appointment, event=event
    )
    transaction.on_commit(
        partial(send, appointment.practice_id, appointment.pk, event, change.pk), robust=True
    )


def send(practice_id: UUID, appointment_id: UUID, event: str, change_id: int) -> None:
    """Send ids, never personal data: each consumer reads what its own user may see.

    The number the commit gave the change lets a client see that it missed one.
    """
    layer = get_channel_layer()
    if layer is None:
        return
    message: dict[str, Any] = {
        "type": "appointment.changed",
        "event": event,
        "appointment_id": str(appointment_id),
        "sequence": AgendaChange.objects.filter(pk=change_id).values_list("sequence", flat=True).first(),
    }
    try:
        async_to_sync(layer.group_send)(group_of(practice_id), message)
    except Exception:  # noqa: BLE001 - the booking is committed; a silent agenda catches up on its next read
        logger.warning("agenda.announce_failed", extra={"event_name": event})
