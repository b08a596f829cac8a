"""Public holidays on which a practice receives all the same."""

from __future__ import annotations

from datetime import date

from django.utils.translation import gettext as _

from apps.agenda.models import OpenHoliday
from apps.core.errors import InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.holidays import holidays_between
from apps.directory.models import Practice
from apps.directory.services import lock_settings


@service("agenda.holiday.open")
def open_holiday(*, actor: Viewer, practice: Practice, day: date) -> OpenHoliday:
    """Receive on a public holiday, at the weekday's usual hours; refuses a day that is none, and one already open."""
    if day not in holidays_between(practice.country, day, day):
        raise InvalidInput(day=[_("This is not a public holiday.")])
    lock_settings(practice)
    row = OpenHoliday(practice=practice, day=day)
    row.full_clean()
    row.save()
    return row


@service("agenda.holiday.close")
def close_holiday(*, actor: Viewer, open_holiday: OpenHoliday) -> None:
    """Keep the holiday after all; visits already booked stay."""
    open_holiday.delete()
