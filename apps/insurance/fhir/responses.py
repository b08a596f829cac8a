"""ClaimResponse: what the insurer answers.

What screening saw is in none of these resources. A blocked claim shows one generic note and no line; one under review
shows its lines as they stand, with the decision pending.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.insurance.engine.canonical import from_plain
from apps.insurance.engine.explain import explain_steps
from apps.insurance.engine.types import Adjustment, Step
from apps.insurance.fhir.claims import coverage_of, kind_of, status_of
from apps.insurance.fhir.codes import DECISION, DECISION_ELEMENT, GROUP, PAYMENT_ADJUSTMENT
from apps.insurance.fhir.parts import (
    category,
    coding,
    concept,
    hl7,
    identifier,
    instant,
    money,
    period,
    reason,
    reference,
)
from apps.insurance.models import Claim, ClaimItem, ReconciliationLine

S: Final = Claim.Status
OUTCOMES: Final = {
    S.PENDING: "queued",
    S.ELIGIBLE: "complete",
    S.APPROVED: "complete",
    S.PAID: "complete",
    S.REJECTED: "complete",
    S.PENDING_REVIEW: "partial",
    S.BLOCKED: "partial",
}
# Cuts that make an approval a partial one; an agreed price or a share of the patient's does not.
CUT_SHORT: Final = frozenset(
    {"FREQUENCY", "LIMIT_ACT", "LIMIT_CLAIM", "LIMIT_CARE", "LIMIT_ANNUAL", "REVIEW"}
)


def claim_response(
    row: Claim,
    items: Sequence[ClaimItem],
    *,
    paid_by: Sequence[ReconciliationLine] = (),
    language: str = "fr",
) -> dict[str, Any]:
    """Return the answer to a claim; `paid_by` are the lines that paid for it, the last payment last.

    They come with their reconciliation, their provider's retentions and `withheld`, what was disputed and left out.

    `row` carries `decided_at`, the moment of the last decision, where one was taken, and `agreed_until`, the last day of
    what was agreed to before the care, where it was.
    """
    found: dict[str, Any] = {
        "resourceType": "ClaimResponse",
        "id": str(row.pk),
        "meta": {"lastUpdated": instant(row.updated_at)},
        "identifier": [identifier("claim", row.pk)],
        "status": status_of(row),
        **kind_of(row),
        "patient": reference("Patient", row.adherent_id),
        "created": instant(getattr(row, "decided_at", None) or row.submitted_at),
        "insurer": reference("Organization", row.insurer_id),
        "requestor": reference("Organization", row.provider_id),
        "request": reference("Claim", row.pk),
        "outcome": OUTCOMES[S(row.status)],
        "disposition": disposition(row),
        "payeeType": hl7("payeetype", "provider"),
        "insurance": [{"sequence": 1, "focal": True, "coverage": coverage_of(row)}],
    }
    if word := decision(row, items):
        found["extension"] = [{"url": DECISION_ELEMENT, "valueCodeableConcept": concept(DECISION, word)}]
    if row.status in {S.PENDING, S.BLOCKED}:
        found["processNote"] = [note(1, found["disposition"], language)]
        return found
    found["item"] = [answered_line(row, item, at) for at, item in enumerate(items, start=1)]
    found["processNote"] = [
        note(at, sentence(item, row.currency, language), language) for at, item in enumerate(items, start=1)
    ]
    found["total"] = [{"category": name, "amount": amount} for name, amount in totals(row, items)]
    if row.status == S.REJECTED and row.reason_code:
        found["adjudication"] = [
            {
                "category": category("benefit"),
                "reason": reason(row.reason_code),
                "amount": money(0, row.currency),
            }
        ]
    if until := getattr(row, "agreed_until", None):
        found["preAuthRef"] = str(row.pk)
        found["preAuthPeriod"] = period(row.service_date, until)
    if row.status == S.PAID and paid_by:
        found["payment"] = payment(row, paid_by)
    return found


def decision(row: Claim, items: Sequence[ClaimItem]) -> str:
    """Return R5's word for the decision: approved, partial, denied, pending; none before one is taken."""
    if row.status in {S.PENDING_REVIEW, S.BLOCKED}:
        return "pending"
    if row.status == S.REJECTED:
        return "denied"
    if row.status in {S.APPROVED, S.PAID}:
        return "partial" if any(is_cut_short(item) for item in items) else "approved"
    return ""


def is_cut_short(item: ClaimItem) -> bool:
    """Whether a rule refused the line or took a part of it off that the agreed terms would have paid."""
    stopped = bool(item.reason_code) and not item.allowed_amount and bool(item.line_total)
    return stopped or any(step.rule in CUT_SHORT for step in steps_of(item))


def disposition(row: Claim) -> str:
    """Say where the claim stands, the same to everybody."""
    words = {
        S.PENDING: _("Received, not yet decided"),
        S.ELIGIBLE: _("Eligible: to be confirmed once the care is given"),
        S.APPROVED: _("Approved"),
        S.PAID: _("Paid"),
        S.REJECTED: _("Rejected"),
        S.PENDING_REVIEW: _("Being verified"),
        S.BLOCKED: _("Being verified"),
    }
    return words[S(row.status)]


def steps_of(item: ClaimItem) -> tuple[Step, ...]:
    """Return the stored steps of a line."""
    return tuple(from_plain(Step, step) for step in item.explanation.get("steps", ()))


def adjustments_of(item: ClaimItem) -> tuple[Adjustment, ...]:
    """Return the stored adjustments of a line: with what is covered they make the whole charge."""
    stored = item.explanation.get("adjustments", ())
    return tuple(from_plain(Adjustment, {"rarc": "", **part}) for part in stored)


def sentence(item: ClaimItem, currency: str, language: str) -> str:
    """Explain a line in words."""
    return explain_steps(
        steps_of(item),
        adjustments_of(item),
        copay=item.copay_amount - item.prior_paid,
        writeoff=item.writeoff_amount,
        currency=currency,
        language=language,
    )


def note(number: int, text: str, language: str) -> dict[str, Any]:
    """Return a note a line refers to by its number."""
    return {
        "number": number,
        "type": "display",
        "text": text,
        "language": concept("urn:ietf:bcp:47", language),
    }


def answered_line(row: Claim, item: ClaimItem, number: int) -> dict[str, Any]:
    """Return one line with its amounts and why."""
    return {
        "itemSequence": item.sequence,
        "noteNumber": [number],
        "adjudication": [
            {**part, "reason": reason(item.reason_code)}
            if item.reason_code and part["category"] == category("benefit")
            else part
            for part in amounts(row, item)
        ]
        + [adjustment(part, row.currency) for part in adjustments_of(item)],
    }


def amounts(row: Claim, item: ClaimItem) -> list[dict[str, Any]]:
    """Return the amounts of a line in the order they follow from each other."""
    deductible = sum(step.before - step.after for step in steps_of(item) if step.rule == "DEDUCTIBLE")
    parts = [
        ("submitted", item.line_total),
        ("tax", item.tax_amount),
        ("eligible", item.allowed_amount),
        ("deductible", deductible),
        ("benefit", item.covered_amount),
        ("copay", item.copay_amount),
        ("writeoff", item.writeoff_amount),
    ]
    found: list[dict[str, Any]] = [
        {"category": category(name), "amount": money(amount, row.currency)}
        for name, amount in parts
        if amount or name not in {"tax", "deductible", "writeoff"}
    ]
    if item.reimbursement_rate_bp:
        rate = {
            "category": category("eligpercent"),
            "value": Decimal(item.reimbursement_rate_bp).scaleb(-2),
        }
        found.insert([part["category"] for part in found].index(category("benefit")), rate)
    return found


def adjustment(part: Adjustment, currency: str) -> dict[str, Any]:
    """Return a part of the charge that is not covered, its X12 group beside our category."""
    return {
        "category": category("adjustment", coding(GROUP, part.group)),
        "reason": reason(part.code, part.carc, part.rarc),
        "amount": money(part.amount, currency),
    }


def totals(row: Claim, items: Sequence[ClaimItem]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the sums of the lines, by category."""
    parts = [
        ("submitted", row.total_amount),
        ("tax", row.tax_amount),
        ("eligible", sum(item.allowed_amount for item in items)),
        ("benefit", row.covered_amount),
        ("copay", row.copay_amount),
        ("writeoff", row.writeoff_amount),
    ]
    return [
        (category(name), money(amount, row.currency)) for name, amount in parts if amount or name != "tax"
    ]


def payment(row: Claim, lines: Sequence[ReconciliationLine]) -> dict[str, Any]:
    """Return how a claim was paid: what was kept back, and what a dispute changed, is an adjustment."""
    last = lines[-1].reconciliation
    amount = sum(line.net - getattr(line, "withheld", 0) for line in lines)
    found: dict[str, Any] = {
        "type": hl7("ex-paymenttype", "complete"),
        "amount": money(amount, row.currency),
        "identifier": identifier("reconciliation-line", lines[0].pk),
    }
    if last.payment_date:
        found["date"] = last.payment_date.isoformat()
    if amount != row.covered_amount:
        found["adjustment"] = money(amount - row.covered_amount, row.currency)
        found["adjustmentReason"] = adjustment_reason(lines)
    return found


def adjustment_reason(lines: Sequence[ReconciliationLine]) -> dict[str, Any]:
    """Return why a payment is not what is covered: the kinds of what was kept back, and a dispute if there was one."""
    kept = [row.kind for line in lines if line.retention for row in line.provider_row.retention_rows.all()]
    disputed = (
        ["dispute"] if any(line.kind == ReconciliationLine.Kind.DISPUTE_OUTCOME for line in lines) else []
    )
    return {
        "coding": [coding(PAYMENT_ADJUSTMENT, code) for code in dict.fromkeys([*kept, *disputed])],
        "text": _("Kept back") if kept else _("Outcome of a dispute"),
    }
