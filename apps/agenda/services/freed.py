"""Time a visit no longer needs, noted for those who wait."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from apps.agenda.models import Appointment, FreedSlot

NOTICE: Final = timedelta(hours=2)  # nobody is asked to come at once


def note_freed(appointment: Appointment, at: datetime) -> None:
    """Note the time a visit held; within the service that frees it.

    Time that is near, or was booked over others, is left alone.
    """
    if appointment.starts_at < at + NOTICE or appointment.override_reason:
        return
    FreedSlot.objects.create(
        practice_id=appointment.practice_id,
        practitioner_id=appointment.practitioner_id,
        room_id=appointment.room_id,
        starts_at=appointment.starts_at,
        ends_at=appointment.ends_at,
    )
