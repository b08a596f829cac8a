"""An ordinary claim that no rule minds, and what a test changes about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from fractions import Fraction

from apps.insurance.fraud.config import FraudConfig
from apps.insurance.fraud.facts import (
    ClaimFacts,
    Facts,
    Line,
    Opening,
    PastLine,
    Peers,
    Person,
    Point,
    Provider,
)
from apps.insurance.fraud.scoring import Flag, Screening, screen

# A Tuesday.
DAY = date(2026, 6, 30)
MORNING = datetime(2026, 6, 30, 10, 0, tzinfo=UTC)
TUNIS = Point(36.8065, 10.1815)
SFAX = Point(34.7406, 10.7603)
WEEK = tuple(Opening(weekday, time(8), time(19)) for weekday in range(1, 7))

CALM = Facts(
    claim=ClaimFacts(
        type="consultation",
        service_date=DAY,
        entered_at=MORNING,
        lines=(Line(sequence=1, code="C2", quantity=1, unit_price=70_000, bareme_price=70_000, minutes=20),),
        covered=49_000,
        practitioner="practitioner-1",
        filed_by="user-1",
    ),
    person=Person(birth_date=date(1980, 5, 17), sex="F", home=TUNIS),
    provider=Provider(id="provider-1", kind="medical", place=TUNIS, hours=WEEK),
)


def calm(**changes) -> Facts:
    """Return the ordinary facts with some replaced."""
    return replace(CALM, **changes)


def claiming(*lines: Line, facts: Facts = CALM, **changes) -> Facts:
    """Return facts whose claim has these lines, or the ordinary ones."""
    claim = replace(facts.claim, **({"lines": lines} if lines else {}), **changes)
    return replace(facts, claim=claim)


def line(code: str = "C2", **fields) -> Line:
    """Return a line of 70 dinars."""
    return Line(**{"sequence": 1, "code": code, "quantity": 1, "unit_price": 70_000} | fields)


def past(code: str = "C2", **fields) -> PastLine:
    """Return an earlier, paid line of another provider on the same day, of 70 dinars."""
    defaults = {
        "claim": "earlier-1",
        "provider": "provider-2",
        "service_date": DAY,
        "quantity": 1,
        "total": 70_000,
    }
    return PastLine(**defaults | {"code": code} | fields)


def peers(n: int = 30, median: int = 70_000, mad: int = 2_000, p95: int = 76_000) -> Peers:
    """Return thirty peers who ask 70 dinars, give or take two."""
    return Peers(n=n, median=Fraction(median), mad=Fraction(mad), p95=Fraction(p95))


def screened(facts: Facts, **config) -> Screening:
    """Screen under the default rules, or under `config.fraud` as given."""
    return screen(facts, FraudConfig.from_json(config))


def flag_of(rule: str, facts: Facts, **config) -> Flag | None:
    """Return the flag a rule raised, if it did."""
    return next((flag for flag in screened(facts, **config).flags if flag.rule == rule), None)


def points_of(rule: str, facts: Facts, **config) -> int | None:
    """Return a rule's points, or None where it is silent."""
    flag = flag_of(rule, facts, **config)
    return None if flag is None else flag.points
