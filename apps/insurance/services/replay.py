"""Deciding again: by the same inputs, to see that nothing drifts; by other prices, to see what they cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from apps.insurance.engine import Balances, BaremeTerms, Result
from apps.insurance.engine.canonical import from_plain, to_json
from apps.insurance.models import Claim, ClaimAdjudication
from apps.insurance.services.decisions import Inputs
from apps.insurance.services.periods import period_of
from apps.insurance.services.redeciding import BY_ENGINE


@dataclass(frozen=True, slots=True)
class Drift:
    """A decision that comes out differently from its own inputs, or whose inputs are not what was hashed."""

    claim_id: UUID
    version: int
    engine_version: str
    inputs_intact: bool
    fields: Mapping[str, tuple[Any, Any]]


def decisions(claims: QuerySet[Claim]) -> QuerySet[ClaimAdjudication]:
    """Return what the engine decided about these claims, in the order it did."""
    return ClaimAdjudication.objects.filter(claim__in=claims, kind__in=BY_ENGINE).order_by("made_at", "pk")


def replay(rows: Iterable[ClaimAdjudication]) -> Iterator[Drift | None]:
    """Decide each again from its stored inputs; yields what differs, or None, one for one."""
    for row in rows:
        inputs = Inputs.from_stored(row.inputs)
        intact = sha256(to_json(row.inputs).encode()).hexdigest() == row.inputs_sha256
        before = from_plain(Result, row.result)
        fields = differences(before, inputs.decide())
        if fields or not intact:
            yield Drift(row.claim_id, row.version, row.engine_version, intact, fields)
        else:
            yield None


def differences(before: Result, after: Result) -> dict[str, tuple[Any, Any]]:
    """Return what two results do not share, by name; a line's as `lines[2].covered`."""
    found: dict[str, tuple[Any, Any]] = {}
    for name in (
        "status",
        "decision",
        "reason_code",
        "total",
        "covered",
        "copay",
        "writeoff",
        "tax",
        "consumption",
    ):
        if getattr(before, name) != getattr(after, name):
            found[name] = (getattr(before, name), getattr(after, name))
    for old, new in zip(before.lines, after.lines, strict=False):
        for name in type(old).__slots__:
            if getattr(old, name) != getattr(new, name):
                found[f"lines[{old.sequence}].{name}"] = (getattr(old, name), getattr(new, name))
    if len(before.lines) != len(after.lines):
        found["lines"] = (len(before.lines), len(after.lines))
    return found


@dataclass(frozen=True, slots=True)
class Simulated:
    """One claim under other prices: who would have borne what."""

    claim_id: UUID
    day: date
    type: str
    before: Result
    after: Result


@dataclass(slots=True)
class Totals:
    """Sums over a simulation, before and after."""

    claims: int = 0
    changed: int = 0
    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)

    def add(self, row: Simulated) -> None:
        """Count one claim."""
        self.claims += 1
        self.changed += row.before.covered != row.after.covered or row.before.copay != row.after.copay
        for sums, result in ((self.before, row.before), (self.after, row.after)):
            sums.update(
                total=result.total, covered=result.covered, copay=result.copay, writeoff=result.writeoff
            )


def simulate(rows: Iterable[ClaimAdjudication], content: Mapping[str, Any]) -> Iterator[Simulated]:
    """Decide each again by a draft of a price list, in the order they were filed.

    What a draft spends more or less of a contract's year is carried to that contract's later claims. Contracts,
    histories and the liability for excess stay as they were.
    """
    draft = BaremeTerms.from_content(content, bareme_id="draft", version="draft")
    shifted: Counter[tuple[UUID, date, str]] = Counter()
    for row in rows:
        claim = row.claim
        inputs = Inputs.from_stored(row.inputs)
        if inputs.bareme is None or claim.contract is None:
            continue
        since, _until = period_of(claim.contract, claim.insurer, claim.service_date)
        prices = replace(
            draft.narrowed_to({line.code for line in inputs.request.lines}),
            provider_bears_excess=inputs.bareme.provider_bears_excess,
        )
        used = {
            scope: max(0, amount + shifted[claim.contract.pk, since, scope])
            for scope, amount in inputs.balances.used.items()
        }
        before = from_plain(Result, row.result)
        after = replace(inputs, bareme=prices, balances=Balances(used)).decide()
        for scope in {*before.consumption, *after.consumption}:
            moved = after.consumption.get(scope, 0) - before.consumption.get(scope, 0)
            shifted[claim.contract.pk, since, scope] += moved
        yield Simulated(claim.pk, claim.service_date, claim.type, before, after)
