"""Wall clocks: a practice's local time in, UTC stored, the practice's offset out."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInput


class NonexistentTime(InvalidInput):
    """The clock skips this time of day (spring change)."""

    message = _("This time does not exist on that day: the clocks go forward.")


class OutOfCalendar(InvalidInput):
    """The date lies where no zone's offset can be told, or nobody lives."""

    message = _("This date is too far away.")


# Python's own calendar ends at the years 1 and 9999, where adding an offset or a day breaks.
FIRST_YEAR, LAST_YEAR = 1800, 2999


def in_calendar(moment: datetime) -> datetime:
    """Return an aware moment in UTC; PostgreSQL does not take every offset that Python does."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise OutOfCalendar
    return moment.astimezone(UTC)


def day_in_calendar(day: date) -> date:
    """Return a day that other days can be counted from."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise OutOfCalendar
    return day


def from_wall_clock(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return the UTC moment of a naive local time: refused when skipped, the first one when it comes twice."""
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise OutOfCalendar
    local = moment.replace(tzinfo=zone, fold=0)
    back = local.astimezone(UTC).astimezone(zone)
    if back.replace(tzinfo=None) != moment:
        raise NonexistentTime
    return local.astimezone(UTC)


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the half-open UTC range of a local day, which has 23, 24 or 25 hours."""
    since = start_of_day(day, zone)
    return since, start_of_day(day + timedelta(days=1), zone)


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the first UTC moment of a local day."""
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise OutOfCalendar
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)
