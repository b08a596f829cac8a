"""From facts to flags, from flags to a score."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, Final

from apps.insurance.fraud.catalogue import RULES
from apps.insurance.fraud.config import FraudConfig
from apps.insurance.fraud.facts import Facts
from apps.insurance.fraud.rules import FAMILIES, Hit, Number, Rule

HIGHEST: Final = 100
_ODD: Final = Decimal(10) ** 12


@dataclass(frozen=True, slots=True)
class Flag:
    """One rule that fired on a claim; `points` is what it adds by itself, nothing in shadow."""

    rule: str
    family: str
    weight: int
    points: int
    observed: Decimal
    threshold: Decimal
    shadow: bool
    evidence: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Screening:
    """What screening found; the same facts under the same `rules_version` always give the same."""

    score: int
    flags: tuple[Flag, ...]
    family_scores: dict[str, int]
    rules_version: str


def screen(facts: Facts, config: FraudConfig) -> Screening:
    """Run every enabled rule and add up the highest hit of each family, at most 100."""
    flags = tuple(flag for rule in RULES if (flag := _flag(rule, facts, config)) is not None)
    families = family_scores(flags)
    return Screening(
        score=min(HIGHEST, sum(families.values())),
        flags=flags,
        family_scores=families,
        rules_version=config.rules_version,
    )


def family_scores(flags: tuple[Flag, ...]) -> dict[str, int]:
    """Return the points of the gravest flag of each family that has any: hits of one family do not add up."""
    scores = {family: max((f.points for f in flags if f.family == family), default=0) for family in FAMILIES}
    return {family: points for family, points in scores.items() if points}


def _flag(rule: Rule, facts: Facts, config: FraudConfig) -> Flag | None:
    settings = config.settings[rule.code]
    who = {facts.provider.id, facts.claim.filed_by, facts.claim.practitioner} - {""}
    if not settings.enabled or settings.exempt & who:
        return None
    hit = rule.check(facts, settings)
    if hit is None:
        return None
    weight = settings.weights[hit.tier]
    return Flag(
        rule=rule.code,
        family=rule.family,
        weight=weight,
        points=0 if settings.shadow else weight,
        observed=as_decimal(hit.observed),
        threshold=as_decimal(hit.threshold),
        shadow=settings.shadow,
        evidence=_evidence(hit),
    )


def _evidence(hit: Hit) -> dict[str, Any]:
    """Return the identifiers that show a hit: line numbers and earlier claims, never a name or a free text."""
    evidence: dict[str, Any] = {}
    if hit.lines:
        evidence["lines"] = sorted(hit.lines)
    if hit.claims:
        evidence["claims"] = sorted(hit.claims)
    if hit.reason:
        evidence["reason"] = hit.reason
    return evidence


def as_decimal(value: Number) -> Decimal:
    """Write an observed value with three decimals, for a column and for a screen."""
    exact = Fraction(value)
    quotient = Decimal(exact.numerator) / Decimal(exact.denominator)
    return min(_ODD, quotient).quantize(Decimal("0.001"), rounding=ROUND_HALF_UP)
