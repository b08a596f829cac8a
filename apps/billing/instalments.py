"""Schedules of instalments: how an amount is spread over days, and what of it is settled. Pure.

Payments fill the earliest instalment first; what is credited shortens the schedule from its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from dateutil.relativedelta import relativedelta

from apps.core.money import split


@dataclass(frozen=True, slots=True)
class Due:
    """So much on a day."""

    due_on: date
    amount: int


def evenly(amount: int, count: int, first_on: date, months: int = 1) -> list[Due]:
    """Spread an amount over `count` instalments, `months` apart; cents that do not divide go to the first ones.

    The end of a month stays the end of a month.
    """
    parts = split(amount, [1] * count)
    return [Due(first_on + relativedelta(months=months * n), part) for n, part in enumerate(parts)]


def settled_of(amounts: Sequence[int], paid: int, credited: int) -> list[int]:
    """Return how much of each instalment is settled."""
    filled = pour(amounts, paid)
    rest = [amount - done for amount, done in zip(amounts, filled, strict=True)]
    cut = pour(rest[::-1], credited)[::-1]
    return [done + less for done, less in zip(filled, cut, strict=True)]


def owed_since(balance: int, issued_on: date, agreed: Sequence[Due]) -> list[Due]:
    """Return what is owed of an invoice by the day each part of it fell due, or will.

    `agreed` is what is left of the instalments of a plan that was not cancelled, in their order; without one everything is
    due since the issue. What the plan does not cover (moved to the patient later) is due since then as well; what is no
    longer the patient's shortens the plan from its end.
    """
    kept = pour([due.amount for due in agreed], balance)
    parts = [Due(due.due_on, amount) for due, amount in zip(agreed, kept, strict=True) if amount]
    beyond = balance - sum(kept)
    return [Due(issued_on, beyond), *parts] if beyond > 0 else parts


def pour(amounts: Sequence[int], total: int) -> list[int]:
    """Fill amounts in their order until nothing is left of the total."""
    done, left = [], max(0, total)
    for amount in amounts:
        part = min(amount, left)
        done.append(part)
        left -= part
    return done
