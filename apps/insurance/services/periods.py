"""The year a limit counts in."""

from __future__ import annotations

from datetime import date, timedelta

from apps.directory.models import Insurer
from apps.insurance.models import Contract


def period_of(contract: Contract, insurer: Insurer, day: date) -> tuple[date, date]:
    """Return the first and the last day of the limits' year around a day: the contract's own, or the calendar's.

    A contract that began on 29 February has its anniversary on 1 March in common years.
    """
    if insurer.config.get("limit_period") == "calendar":
        return date(day.year, 1, 1), date(day.year, 12, 31)
    years = day.year - contract.start_date.year
    if anniversary(contract.start_date, years) > day:
        years -= 1
    return anniversary(contract.start_date, years), anniversary(contract.start_date, years + 1) - timedelta(
        days=1
    )


def anniversary(start: date, years: int) -> date:
    """Return the day some years after another."""
    try:
        return start.replace(year=start.year + years)
    except ValueError:
        return date(start.year + years, 3, 1)
