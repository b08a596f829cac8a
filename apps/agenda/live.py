"""Tells open agendas what changed, after the commit."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

from apps.agenda.models import Appointment

logger = logging.getLogger(__name__)


def group_of(practice_id: UUID) -> str:
    """Return the name of a practice's group in the channel layer."""
    return f"agenda.{practice_id.hex}"


def announce(appointment: Appointment, event: str) -> None:
    """Tell the practice's open agendas, once the change is committed."""
    transaction.on_commit(partial(send, appointment.practice_id, appointment.pk, event), robust=True)


def send(practice_id: UUID, appointment_id: UUID, event: str) -> None:
    """Send ids, never personal data: each consumer reads what its own user may see."""
    layer = get_channel_layer()
    if layer is None:
        return
    message: dict[str, Any] = {
        "type": "appointment.changed",
        "event": event,
        "appointment_id": str(appointment_id),
    }
    try:
        async_to_sync(layer.group_send)(group_of(practice_id), message)
    except Exception:  # noqa: BLE001 - the booking is committed; a silent agenda catches up on its next read
        logger.warning("agenda.announce_failed", extra={"event_name": event})
