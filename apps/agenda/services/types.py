"""Kinds of visit."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from apps.agenda.models import STEP_MINUTES, AppointmentType
from apps.core.errors import InvalidInput, NotVisible
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice
from apps.directory.services import lock_settings


@service("agenda.appointment_type.create")
def create_type(*, actor: Viewer, practice: Practice, **fields: Any) -> AppointmentType:
    """Add a kind of visit; refuses a name in use and a pattern of another length than the visit."""
    lock_settings(practice)
    kind = AppointmentType(practice=practice, **fields)
    check_type(kind)
    kind.save()
    return kind


@service("agenda.appointment_type.change")
def change_type(*, actor: Viewer, appointment_type: AppointmentType, **changes: Any) -> AppointmentType:
    """Change a kind of visit; visits already booked keep their length and pattern."""
    lock_settings(appointment_type.practice)
    appointment_type.refresh_from_db()
    if appointment_type.is_deleted:
        raise NotVisible
    for name, value in changes.items():
        setattr(appointment_type, name, value)
    check_type(appointment_type)
    appointment_type.save()
    return appointment_type


@service("agenda.appointment_type.remove")
def remove_type(*, actor: Viewer, appointment_type: AppointmentType, at: datetime) -> None:
    """Take a kind of visit out of use; visits keep it."""
    lock_settings(appointment_type.practice)
    appointment_type.is_active = False
    appointment_type.deleted_at = at
    appointment_type.save(update_fields=["is_active", "deleted_at", "updated_at"])


def check_type(kind: AppointmentType) -> None:
    """Refuse values no visit could follow."""
    kind.full_clean()
    if kind.pattern and len(kind.pattern) * STEP_MINUTES != kind.duration_minutes:
        raise InvalidInput(pattern=[_("One sign for each five minutes of the duration.")])
