"""The price of a claim: one pure function and the words that explain it.

Read in this order: `types` (what goes in and comes out), `terms` (what was agreed), `reasons` (every code and who
bears it), `gates` (the whole claim), `lines` (each line, up to its price), `pricing` (the amounts), `adjudicate`
(how these follow each other), `explain` (the sentences). Standard library and `apps.core.money` only: no ORM, no
clock, no request, so that preview, decision, replay and simulation are the same call.
"""

from __future__ import annotations

from apps.insurance.engine.adjudicate import ENGINE_VERSION, adjudicate, refuse
from apps.insurance.engine.canonical import digest, from_json, to_json
from apps.insurance.engine.explain import explain
from apps.insurance.engine.limits import limits_of
from apps.insurance.engine.terms import (
    ActTerms,
    BaremeAct,
    BaremeTerms,
    CareTerms,
    ContractTerms,
    Exclusion,
    InsurerConfig,
)
from apps.insurance.engine.types import (
    Adjustment,
    Balances,
    History,
    LineResult,
    PastLine,
    Request,
    RequestLine,
    Result,
    Step,
)

__all__ = [
    "ENGINE_VERSION",
    "ActTerms",
    "Adjustment",
    "Balances",
    "BaremeAct",
    "BaremeTerms",
    "CareTerms",
    "ContractTerms",
    "Exclusion",
    "History",
    "InsurerConfig",
    "LineResult",
    "PastLine",
    "Request",
    "RequestLine",
    "Result",
    "Step",
    "adjudicate",
    "digest",
    "explain",
    "from_json",
    "limits_of",
    "refuse",
    "to_json",
]
