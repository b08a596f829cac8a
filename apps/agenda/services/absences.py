"""Absences and closures."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

from apps.agenda.models import Absence
from apps.agenda.services.resources import locked
from apps.core.errors import InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice, Practitioner


@service("agenda.absence.create")
def create_absence(
    *,
    actor: Viewer,
    practice: Practice,
    starts_at: datetime,
    ends_at: datetime,
    practitioner: Practitioner | None = None,
    **fields: Any,
) -> Absence:
    """Note that somebody is away, or that the practice is closed.

    Visits already booked stay: people move them.
    """
    absence = Absence(
        practice=practice, practitioner=practitioner, starts_at=starts_at, ends_at=ends_at, **fields
    )
    write(absence)
    return absence


@service("agenda.absence.change")
def change_absence(*, actor: Viewer, absence: Absence, **changes: Any) -> Absence:
    """Change an absence."""
    for name, value in changes.items():
        setattr(absence, name, value)
    write(absence)
    return absence


@service("agenda.absence.remove")
def remove_absence(*, actor: Viewer, absence: Absence) -> None:
    """Take an absence back."""
    absence.delete()


def write(absence: Absence) -> None:
    """Check and save under the lock bookings take, so that none slips in while the absence is written."""
    absence.starts_at, absence.ends_at = absence.starts_at.astimezone(UTC), absence.ends_at.astimezone(UTC)
    who = absence.practitioner
    if who is not None and who.practice_id != absence.practice_id:
        raise InvalidInput(practitioner=[_("This does not exist.")])
    if absence.ends_at <= absence.starts_at:
        raise InvalidInput(ends_at=[_("The end must come after the start.")])
    absence.clean_fields(exclude=("practice", "practitioner"))
    everybody = Practitioner.objects.filter(practice=absence.practice_id)
    keys = [who.pk] if who is not None else list(everybody.values_list("pk", flat=True))
    locked(Practitioner, keys)
    absence.save()
