"""Public holidays by country.

Tunisia's religious feasts follow the moon as it is sighted, and are announced: a practice notes them as closures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final

from dateutil.easter import easter
from django.utils.translation import gettext_lazy as _


def french(year: int) -> Iterator[tuple[date, Any]]:
    """Yield the eleven holidays of art. L3133-1 of the labour code."""
    sunday = easter(year)
    yield date(year, 1, 1), _("New Year's Day")
    yield sunday + timedelta(days=1), _("Easter Monday")
    yield date(year, 5, 1), _("Labour Day")
    yield date(year, 5, 8), _("Victory in Europe Day")
    yield sunday + timedelta(days=39), _("Ascension Day")
    yield sunday + timedelta(days=50), _("Whit Monday")
    yield date(year, 7, 14), _("National Day")
    yield date(year, 8, 15), _("Assumption Day")
    yield date(year, 11, 1), _("All Saints' Day")
    yield date(year, 11, 11), _("Armistice Day")
    yield date(year, 12, 25), _("Christmas Day")


def tunisian(year: int) -> Iterator[tuple[date, Any]]:
    """Yield the civil holidays, whose dates are fixed."""
    yield date(year, 1, 1), _("New Year's Day")
    yield date(year, 3, 20), _("Independence Day")
    yield date(year, 4, 9), _("Martyrs' Day")
    yield date(year, 5, 1), _("Labour Day")
    yield date(year, 7, 25), _("Republic Day")
    yield date(year, 8, 13), _("Women's Day")
    yield date(year, 10, 15), _("Evacuation Day")
    yield date(year, 12, 17), _("Revolution Day")


CALENDARS: Final[dict[str, Callable[[int], Iterator[tuple[date, Any]]]]] = {"FR": french, "TN": tunisian}


@lru_cache(maxsize=64)
def holidays_of_year(country: str, year: int) -> dict[date, Any]:
    """Return the holidays of a year with their names; none where the country's are not known.

    Two may fall on one day (Ascension and 1 May 2008): the later one names it.
    """
    calendar = CALENDARS.get(country.upper())
    return dict(calendar(year)) if calendar else {}


def holidays_between(country: str, first: date, last: date) -> dict[date, Any]:
    """Return the holidays from `first` to `last`, both inclusive, with their names."""
    found = {}
    for year in range(first.year, last.year + 1):
        found.update(holidays_of_year(country, year))
    return {day: name for day, name in sorted(found.items()) if first <= day <= last}
