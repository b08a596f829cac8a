"""Which reminder of a debt is due on a day. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date


def level_due(days: Sequence[int], sent_on: Sequence[date], since: date, today: date) -> int | None:
    """Return the level whose time has come, or None.

    `days` count from the day the debt fell due. Levels follow each other at their own distance even when the first one
    left late: nobody gets the second reminder the day after the first.
    """
    done = len(sent_on)
    if done >= len(days) or (today - since).days < days[done]:
        return None
    if done and (today - sent_on[-1]).days < days[done] - days[done - 1]:
        return None
    return done + 1
