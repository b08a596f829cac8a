"""Who pays how much of each line: a pure computation from fees, bases and what insurers cover.

The mandatory scheme pays its rate of the base. A complementary insurer pays a percentage of the base, what was paid
before it included, or a lump sum over the whole invoice. Nobody pays more than what is left of a line's fee, and the
patient owes the rest, so that the shares always re-add. All amounts are integers of the minor unit, rounded half up
once per line and payer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.core.money import apply_rate, split


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverableLine:
    """What coverage needs to know of a line: its fee, and the base with the act's own rate (quantity included)."""

    fee: int
    base: int = 0
    rate_bp: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one insurer pays: a rate of the base, or `lump` over the whole invoice.

    The mandatory scheme's rate is each act's own where `rate_bp` is None. `exact` lump sums are never cut: they are
    what somebody has fixed already.
    """

    mandatory: bool = False
    rate_bp: int | None = None
    lump: int | None = None
    exact: bool = False


class TooMuchCovered(ValueError):
    """A fixed amount is more than what is left of the fees."""


def cover(lines: Sequence[CoverableLine], terms: Sequence[Terms]) -> list[list[int]]:
    """Return, for each line, what each insurer pays (in the order of `terms`) and then what the patient owes.

    The mandatory scheme pays first, whatever the order. Raises `TooMuchCovered` for a fixed amount that does not fit.
    """
    left = [line.fee for line in lines]
    parts = [[0] * (len(terms) + 1) for _line in lines]
    for at in sorted(range(len(terms)), key=lambda at: not terms[at].mandatory):
        paid = paid_by(terms[at], lines, left)
        for row, amount in enumerate(paid):
            parts[row][at] = amount
            left[row] -= amount
    for row, rest in enumerate(left):
        parts[row][-1] = rest
    return parts


def paid_by(terms: Terms, lines: Sequence[CoverableLine], left: Sequence[int]) -> list[int]:
    """Return what one insurer pays of each line, given what the insurers before it left."""
    if terms.lump is None:
        return [of_base(terms, line, rest) for line, rest in zip(lines, left, strict=True)]
    if terms.exact and terms.lump > sum(left):
        raise TooMuchCovered
    amount = min(terms.lump, sum(left))
    return split(amount, left) if amount else [0] * len(lines)


def of_base(terms: Terms, line: CoverableLine, left: int) -> int:
    """Return a rate of the base, never more than what is left of the fee and never less than nothing."""
    if terms.mandatory:
        return min(apply_rate(line.base, line.rate_bp if terms.rate_bp is None else terms.rate_bp), left)
    before = line.fee - left
    return max(0, min(apply_rate(line.base, terms.rate_bp or 0) - before, left))
