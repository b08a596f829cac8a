"""Claims as rows, unsaved, priced by the engine for the worked cases."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from uuid import UUID

from apps.insurance.engine.canonical import to_plain
from apps.insurance.models import Claim, ClaimItem, Contract, ContractMember
from tests.insurance.engine.agreements import price

INSURER = UUID("0197f3a0-0000-7000-8000-0000000000a1")
PROVIDER = UUID("0197f3a0-0000-7000-8000-0000000000b1")
ADHERENT = UUID("0197f3a0-0000-7000-8000-0000000000c1")
CHILD = UUID("0197f3a0-0000-7000-8000-0000000000c2")
FILED = time(9, 30)


def contract_row(**changes):
    """Contract K."""
    terms = {
        "pharmacy": {"rate_bp": 8000, "generic_rate_bp": 9000, "brand_policy": "reference_price"},
        "hospitalization": {"rate_bp": 8500, "deductible_per_claim": 50_000},
        "dental": {"rate_bp": 6000, "fixed_copay": 1_500},
    }
    return Contract(
        **{
            "insurer_id": INSURER, "adherent_id": ADHERENT, "contract_number": "K-2026", "plan_type": "family",
            "start_date": date(2026, 1, 1), "end_date": date(2026, 12, 31), "currency": "TND",
            "status_from": date(2026, 1, 1), "coverage": terms, "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
        }
        | changes
    )  # fmt: skip


def member_row(contract, **changes):
    """The child under contract K."""
    return ContractMember(
        **{
            "insurer_id": INSURER, "contract": contract, "adherent_id": CHILD, "relation": "child",
            "joined_on": date(2026, 3, 1), "updated_at": datetime(2026, 1, 1, tzinfo=UTC),
        }
        | changes
    )  # fmt: skip


def claim_row(request, *, status=None, contract=None, member=None, item=None, priced=None, **changes):
    """A claim and its lines as they stand after the engine's answer; `priced` are further arguments of the price."""
    result = price(request, **(priced or {}))
    contract = contract or contract_row()
    member = member or member_row(contract)
    status = status or {"payable": "approved", "rejected": "rejected", "duplicate": "blocked"}[result.status]
    filed = datetime.combine(request.submitted_on, FILED, tzinfo=UTC)
    row = Claim(
        **{
            "insurer_id": INSURER, "provider_id": PROVIDER, "contract": contract, "adherent_id": ADHERENT,
            "member": member, "type": request.type, "service_date": request.service_date,
            "service_end_date": request.service_end_date, "submitted_at": filed, "status": status,
            "currency": request.currency, "total_amount": result.total, "covered_amount": result.covered,
            "copay_amount": result.copay, "writeoff_amount": result.writeoff, "tax_amount": result.tax,
            "reason_code": result.reason_code, "idempotency_key": "caisse-17", "updated_at": filed,
            "is_urgent": request.is_urgent,
        }
        | changes
    )  # fmt: skip
    asked = {line.sequence: line for line in request.lines}
    items = [
        ClaimItem(
            **{
                "claim": row, "sequence": line.sequence, "code": line.code, "label": "",
                "quantity": asked[line.sequence].quantity, "unit_price": asked[line.sequence].unit_price,
                "line_total": line.line_total, "prior_paid": line.prior_paid, "tooth": asked[line.sequence].tooth,
                "diagnosis": asked[line.sequence].diagnosis, "prescriber": asked[line.sequence].prescriber,
                "is_substitutable": asked[line.sequence].is_substitutable,
                "non_substitutable_reason": asked[line.sequence].non_substitutable_reason,
                "is_generic": line.is_generic, "allowed_amount": line.allowed, "covered_amount": line.covered,
                "copay_amount": line.copay, "writeoff_amount": line.writeoff, "tax_amount": line.tax,
                "reimbursement_rate_bp": line.rate_bp, "reason_code": line.reason_code,
                "rule_applied": line.rule_applied,
                "explanation": {"steps": to_plain(line.steps), "adjustments": to_plain(line.adjustments)},
            }
            | (item or {})
        )
        for line in result.lines
    ]  # fmt: skip
    return row, items
