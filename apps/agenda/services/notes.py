"""Remarks on a visit."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

from apps.agenda.models import Appointment, AppointmentNote
from apps.core.errors import InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service

LONGEST_NOTE = 4000


@service("agenda.appointment_note.add")
def add_note(*, actor: Viewer, appointment: Appointment, body: str, at: datetime) -> AppointmentNote:
    """Add a remark; refuses an empty or overlong one. Remarks are never changed, the next one corrects."""
    text = body.strip()
    if not 0 < len(text) <= LONGEST_NOTE:
        raise InvalidInput(body=[_("Between 1 and %(most)d characters.") % {"most": LONGEST_NOTE}])
    author = actor if isinstance(actor, get_user_model()) else None
    note = AppointmentNote(
        practice_id=appointment.practice_id,
        appointment=appointment,
        author=author,
        body=text,
        noted_at=at,
    )
    note.save()
    return note
