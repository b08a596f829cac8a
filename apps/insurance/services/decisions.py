"""From the engine's six arguments and its result to what is stored, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from uuid import UUID

from apps.insurance.engine import (
    Balances,
    BaremeTerms,
    ContractTerms,
    History,
    InsurerConfig,
    LineResult,
    Request,
    Result,
    adjudicate,
)
from apps.insurance.engine.canonical import from_plain, to_json, to_plain
from apps.insurance.models import ClaimItem
from apps.insurance.services.balances import Decision

# A share in per cent of a base may pass the whole; the column of the rate does not.
_WHOLE_BP = 10_000


@dataclass(frozen=True, slots=True)
class Inputs:
    """All a decision depends on; stored with it, so that it can be taken again."""

    request: Request
    contract: ContractTerms | None
    bareme: BaremeTerms | None
    history: History
    balances: Balances
    config: InsurerConfig

    def decide(self) -> Result:
        """Ask the engine."""
        return adjudicate(self.request, self.contract, self.bareme, self.history, self.balances, self.config)

    def without_diagnoses(self) -> Inputs:
        """Return inputs that decide the same and are stored in clear: of a diagnosis what an exclusion goes by, no more."""
        prefixes = {each.diagnosis_prefix for each in self.contract.exclusions} if self.contract else set()
        lines = tuple(
            replace(line, diagnosis=line.diagnosis[: longest_beginning(line.diagnosis, prefixes)])
            for line in self.request.lines
        )
        return replace(self, request=replace(self.request, lines=lines))

    @classmethod
    def from_stored(cls, stored: Mapping[str, Any]) -> Inputs:
        """Read inputs back as they were; what a person changed beside them is no input of the engine."""
        return from_plain(cls, {name: part for name, part in stored.items() if name != "changes"})


def longest_beginning(text: str, prefixes: Iterable[str]) -> int:
    """Return the length of the longest of some prefixes a text begins with, whatever the case; 0 for none."""
    return max((len(each) for each in prefixes if text.upper().startswith(each.upper())), default=0)


def decision_of(
    inputs: Inputs,
    result: Result,
    *,
    kind: str,
    by: UUID | None,
    bareme_id: UUID | None,
    version: int = 1,
    changes: Mapping[str, Any] | None = None,
) -> Decision:
    """Return the row of a decision; `changes` are what a person set beside the engine's word."""
    plain = to_plain(inputs.without_diagnoses())
    if changes:
        plain["changes"] = to_plain(changes)
    return Decision(
        version=version,
        kind=kind,
        engine_version=result.engine_version,
        bareme_id=bareme_id,
        inputs=plain,
        digest=sha256(to_json(plain).encode()).hexdigest(),
        result=to_plain(result),
        decided_by=by,
    )


def store_result(items: Sequence[ClaimItem], result: Result) -> None:
    """Write a result onto the rows of the lines; the caller saves them."""
    by_sequence = {line.sequence: line for line in result.lines}
    for item in items:
        store_line(item, by_sequence[item.sequence])


def store_line(item: ClaimItem, line: LineResult) -> None:
    """Write one line's price onto its row."""
    item.is_generic = line.is_generic
    item.allowed_amount = line.allowed
    item.covered_amount = line.covered
    item.copay_amount = line.copay
    item.writeoff_amount = line.writeoff
    item.tax_amount = line.tax
    item.reimbursement_rate_bp = min(line.rate_bp, _WHOLE_BP)
    item.reason_code = line.reason_code
    item.rule_applied = line.rule_applied[:200]
    item.explanation = explanation_of(line)


def explanation_of(line: LineResult) -> dict[str, Any]:
    """Return the steps and adjustments of a line; the sentences are made from them when they are read."""
    return {
        "steps": to_plain(line.steps),
        "adjustments": to_plain(line.adjustments),
        "quantity_allowed": line.quantity_allowed,
        "deductible": line.deductible,
    }


PRICED = (
    "is_generic",
    "allowed_amount",
    "covered_amount",
    "copay_amount",
    "writeoff_amount",
    "tax_amount",
    "reimbursement_rate_bp",
    "reason_code",
    "rule_applied",
    "explanation",
    "updated_at",
)
