"""What goes into the engine and what comes out; frozen, and free of names and national numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

CARE_TYPES = ("pharmacy", "consultation", "hospitalization", "laboratory", "dental")
ALL_CARE = "*"


@dataclass(frozen=True, slots=True)
class RequestLine:
    """One act or product as the provider asks for it; amounts in minor units.

    `agreement` is the prior agreement the line names, `agreed_quantity` how many units of this act it was given for
    to this person, provider and tooth on this day: 0 where it does not hold.
    """

    sequence: int
    code: str
    quantity: int
    unit_price: int
    tooth: str = ""
    diagnosis: str = ""
    prescriber: str = ""
    is_substitutable: bool = True
    non_substitutable_reason: str = ""
    prior_paid: int = 0
    is_accident: bool = False
    agreement: str = ""
    agreed_quantity: int = 0

    @property
    def total(self) -> int:
        """What is asked for the line."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class Request:
    """A claim as it is asked; `today` and `submitted_on` are days in the insurer's time zone."""

    type: str
    insurer_id: str
    provider_id: str
    provider_kind: str
    adherent_id: str
    service_date: date
    submitted_on: date
    today: date
    currency: str
    lines: tuple[RequestLine, ...]
    service_end_date: date | None = None
    provider_is_active: bool = True
    is_urgent: bool = False


@dataclass(frozen=True, slots=True)
class PastLine:
    """A line the adherent already has in another claim that holds its amount, any provider.

    `agreement` is the prior agreement it was given on; a question that was confirmed was given on its own.
    """

    claim_id: str
    code: str
    service_date: date
    quantity: int
    tooth: str = ""
    agreement: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """What was claimed before: `duplicate_of` is the live claim with the same fingerprint, if any."""

    lines: tuple[PastLine, ...] = ()
    duplicate_of: str = ""


@dataclass(frozen=True, slots=True)
class Balances:
    """What the contract has consumed in the period of the service date, by scope.

    Scopes: `*` all care, a care type, and `deductible:<care type>` for a yearly deductible.
    """

    used: Mapping[str, int] = field(default_factory=dict)


class Step(NamedTuple):
    """One rule that had a word: the amount under consideration before and after it, and what it looked at."""

    rule: str
    before: int
    after: int
    params: Mapping[str, Any]


class Adjustment(NamedTuple):
    """A part of the charge the insurer does not pay: how much, who bears it (X12 group), why (CARC, RARC)."""

    amount: int
    group: str
    carc: str
    rarc: str
    code: str


@dataclass(frozen=True, slots=True)
class LineResult:
    """The price of one line.

    `line_total + tax = covered + copay + writeoff = covered + sum of the adjustments`; the tax is 0 unless the
    bareme sets one. `allowed` is the eligible amount E, and `copay` holds what an earlier payer gave.
    """

    sequence: int
    code: str
    line_total: int
    tax: int
    quantity_allowed: int
    allowed: int
    deductible: int
    rate_bp: int
    prior_paid: int
    covered: int
    copay: int
    writeoff: int
    is_generic: bool
    reason_code: str
    rule_applied: str
    is_stopped: bool
    steps: tuple[Step, ...]
    adjustments: tuple[Adjustment, ...]

    @property
    def patient_share(self) -> int:
        """What is left to the patient once an earlier payer has paid."""
        return self.copay - self.prior_paid


@dataclass(frozen=True, slots=True)
class Result:
    """The price of a claim: sums of its lines, never rounded again; `total + tax = covered + copay + writeoff`.

    `status` is `payable`, `rejected` or `duplicate`; `decision` is `approved`, `partial` or `denied`;
    `consumption` is what the balances are to be charged, by scope; `review` names what a person must look at.
    """

    status: str
    decision: str
    reason_code: str
    total: int
    covered: int
    copay: int
    writeoff: int
    tax: int
    lines: tuple[LineResult, ...]
    consumption: Mapping[str, int]
    review: tuple[str, ...]
    engine_version: str
