"""Contract K and its price lists, as the worked cases give them, and short ways to ask for a price."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import count

from apps.insurance.engine import (
    Balances,
    BaremeTerms,
    CareTerms,
    ContractTerms,
    Exclusion,
    History,
    InsurerConfig,
    PastLine,
    Request,
    RequestLine,
    adjudicate,
)

COVERAGE = {
    "pharmacy": {
        "rate_bp": 8000,
        "generic_rate_bp": 9000,
        "brand_policy": "reference_price",
        "annual_sublimit": 600_000,
    },
    "consultation": {"rate_bp": 7000},
    "hospitalization": {
        "rate_bp": 8500,
        "waiting_days": 90,
        "deductible_per_claim": 50_000,
        "claim_cap": 1_200_000,
    },
    "dental": {"rate_bp": 6000, "annual_sublimit": 800_000},
}
ACTS = {
    "C1": {"price": 50_000, "category": "consultation"},
    "C2": {"price": 70_000, "category": "consultation"},
    "MED-A-BRAND": {"price": 24_750, "category": "pharmacy", "generic_group": "A"},
    "MED-A-GEN": {"price": 15_300, "category": "pharmacy", "generic_group": "A", "is_generic": True},
    "MED-B": {"price": 8_333, "category": "pharmacy"},
    "HOSP-DAY": {"price": 180_000, "category": "hospitalization"},
    "SURG-1": {"price": 900_000, "category": "hospitalization"},
    "HBGD036": {"price": 60_000, "category": "dental"},
    "HBLD634": {"price": 350_000, "category": "dental"},
}
CONTENT = {"acts": ACTS, "reference_prices": {"A": 15_300}, "default": "reject"}
KINDS = {
    "pharmacy": "pharmacy",
    "consultation": "medical",
    "hospitalization": "clinic",
    "laboratory": "laboratory",
    "dental": "dental",
}


def care(**changes):
    """Contract K's coverage; `care(pharmacy={"act_cap": 1})` changes a care type."""
    raw = {name: {**content, **changes.get(name, {})} for name, content in COVERAGE.items()}
    raw.update({name: content for name, content in changes.items() if name not in raw})
    return {name: CareTerms.from_content(content) for name, content in raw.items()}


def contract_k(**changes):
    terms = ContractTerms(
        id="K",
        start_date=date(2026, 1, 1),
        end_date=date(2026, 12, 31),
        chain_start=date(2026, 1, 1),
        joined_on=date(2026, 1, 1),
        carence_days=30,
        annual_limit=2_000_000,
        coverage=care(),
        exclusions=(Exclusion.from_content({"prefix": "COSM"}),),
    )
    return replace(terms, **changes)


def bareme(*, liability="patient", version="2026-01", acts=None, **changes):
    content = {**CONTENT, "acts": {**ACTS, **(acts or {})}, **changes}
    return BaremeTerms.from_content(content, bareme_id=version, version=version, excess_liability=liability)


JULY = bareme(version="2026-07", acts={"C2": {"price": 75_000, "category": "consultation"}})


def lines(*asked):
    """Lines from (code, quantity, unit price[, fields])."""
    numbers = count(1)
    return tuple(
        RequestLine(next(numbers), code, quantity, unit, **(rest[0] if rest else {}))
        for code, quantity, unit, *rest in asked
    )


def ask(type_, day, *asked, filed=None, **changes):
    """A request of a care type on a day, filed the same day unless said."""
    day = date.fromisoformat(day)
    filed = date.fromisoformat(filed) if filed else day
    request = Request(
        type=type_,
        insurer_id="insurer",
        provider_id="provider",
        provider_kind=KINDS[type_],
        adherent_id="adherent",
        service_date=day,
        submitted_on=filed,
        today=filed,
        currency="TND",
        lines=lines(*asked),
    )
    return replace(request, **changes)


def past(code, day, quantity=1, tooth="", agreement=""):
    return PastLine("earlier", code, date.fromisoformat(day), quantity, tooth, agreement)


def price(request, contract=None, prices=None, history=(), used=None, *, duplicate_of="", config=None):
    return adjudicate(
        request,
        contract or contract_k(),
        prices or bareme(),
        History(tuple(history), duplicate_of),
        Balances(used or {}),
        config or InsurerConfig(),
    )


def amounts(result):
    """(covered, copay, writeoff) of a claim."""
    return result.covered, result.copay, result.writeoff


def of_lines(result):
    return [(line.covered, line.copay, line.writeoff) for line in result.lines]


def adjustments(result, line=0):
    return [(a.group, a.carc, a.amount) for a in result.lines[line].adjustments]
