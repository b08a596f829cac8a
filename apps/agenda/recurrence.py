"""Rules of recurrence (RFC 5545), on the practice's wall clock: a weekly 09:00 stays 09:00."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr
from django.utils.translation import gettext as _

from apps.core.errors import InvalidInput

MOST: Final = 104
HORIZON: Final = timedelta(days=3 * 366)
PARTS: Final = frozenset({"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYSETPOS", "WKST"})
FREQUENCIES: Final = frozenset({"DAILY", "WEEKLY", "MONTHLY"})


def occurrences(rule: str, starts_at: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the wall-clock times (naive) of a rule that begins at `starts_at`, which is always one of them.

    Refuses a rule that cannot be read, has no end, or gives more visits than anybody plans at once.
    """
    start = starts_at.astimezone(zone).replace(tzinfo=None)
    parsed = parse(rule, start)
    count, until = parsed._count, parsed._until  # type: ignore[attr-defined]  # noqa: SLF001 - it has no other way to tell
    if count is None and until is None:
        raise InvalidInput(rrule=[_("The rule needs an end: COUNT or UNTIL.")])
    last = min(until or start + HORIZON, start + HORIZON)
    # A rule that matches no day would be searched for until the year 9999 without this.
    bounded = parsed.replace(count=None, until=last)
    wanted = MOST + 1 if count is None else min(count, MOST + 1)
    found = [moment for moment in islice(bounded, wanted) if moment != start]
    found = [start, *found[: wanted - 1]]
    if len(found) > MOST:
        raise InvalidInput(rrule=[_("At most %(most)d visits at once.") % {"most": MOST}])
    return found


def parse(rule: str, start: datetime) -> rrule:
    """Read a rule of days; anything else a rule may say is refused."""
    text = rule.strip().upper().removeprefix("RRULE:")
    parts = dict(part.partition("=")[::2] for part in text.split(";"))
    if set(parts) - PARTS or parts.get("FREQ") not in FREQUENCIES:
        raise InvalidInput(rrule=[_("This rule cannot be read.")])
    try:
        parsed = rrulestr(text, dtstart=start)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise InvalidInput(rrule=[_("This rule cannot be read.")]) from error
    if not isinstance(parsed, rrule) or parsed._interval < 1:  # type: ignore[attr-defined]  # noqa: SLF001
        raise InvalidInput(rrule=[_("This rule cannot be read.")])
    return parsed
