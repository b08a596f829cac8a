"""What is kept back of a provider: dated rates of an insurer, each computed once per provider and code.

Pure: no database, no clock. Amounts are minor units; a rate rounds half up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from apps.core.money import apply_rate


@dataclass(frozen=True, slots=True)
class RetentionTerm:
    """One entry of `config.reconciliation.retentions`; days are inclusive, no kind named means all."""

    code: str
    kind: str
    rate_bp: int | None
    fixed: int | None
    base: str
    provider_types: frozenset[str]
    valid_from: date | None
    valid_to: date | None
    release_after_days: int | None

    def holds(self, provider_kind: str, day: date) -> bool:
        """Whether it is kept back of such a provider on a day."""
        return (
            (not self.provider_types or provider_kind in self.provider_types)
            and (self.valid_from is None or self.valid_from <= day)
            and (self.valid_to is None or day <= self.valid_to)
        )


@dataclass(frozen=True, slots=True)
class Kept:
    """What one code keeps back of one provider."""

    code: str
    kind: str
    base: str
    base_amount: int
    rate_bp: int | None
    amount: int
    releasable_on: date | None


def terms_of(config: Mapping[str, Any]) -> tuple[RetentionTerm, ...]:
    """Read an insurer's rates, in the order in which they are written."""
    rows: Iterable[Mapping[str, Any]] = config.get("reconciliation", {}).get("retentions", [])
    return tuple(
        RetentionTerm(
            code=row["code"],
            kind=row["kind"],
            rate_bp=row.get("rate_bp"),
            fixed=row.get("fixed"),
            base=row.get("base") or "covered",
            provider_types=frozenset(row.get("provider_types") or ()),
            valid_from=day_of(row.get("valid_from")),
            valid_to=day_of(row.get("valid_to")),
            release_after_days=row.get("release_after_days"),
        )
        for row in rows
    )


def day_of(text: str | None) -> date | None:
    """Read a day that may be left open."""
    return date.fromisoformat(text) if text else None


def kept_back(
    terms: Sequence[RetentionTerm], *, provider_kind: str, covered: int, taken: int, day: date
) -> list[Kept]:
    """Return what is kept back of a provider, one row per code, in the order of the rates.

    `covered` is what the claims come to, `taken` what is credited against it. A rate on `net` counts on what is left once
    that and the codes before it are off, a rate on `covered` on all of it. A fixed amount is kept in full, even of a
    provider that earned less: the rest is carried forward. Nothing is kept where nothing is covered. Of two rates of one
    code the first that holds counts.
    """
    rows: dict[str, Kept] = {}
    for term in terms:
        if covered <= 0 or term.code in rows or not term.holds(provider_kind, day):
            continue
        left = covered - taken - sum(row.amount for row in rows.values())
        base = covered if term.base == "covered" else max(left, 0)
        amount = term.fixed if term.rate_bp is None else apply_rate(base, term.rate_bp)
        if not amount:
            continue
        rows[term.code] = Kept(
            code=term.code,
            kind=term.kind,
            base=term.base,
            base_amount=base,
            rate_bp=term.rate_bp,
            amount=amount,
            releasable_on=None
            if term.release_after_days is None
            else day + timedelta(days=term.release_after_days),
        )
    return list(rows.values())
