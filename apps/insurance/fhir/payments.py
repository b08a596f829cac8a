"""PaymentReconciliation: what an insurer pays for a period, in detail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.insurance.fhir.parts import absent, hl7, identifier, instant, money, period, reference
from apps.insurance.models import Reconciliation, ReconciliationLine, ReconciliationProvider

R: Final = Reconciliation.Status
OUTCOMES: Final = {R.GENERATED: "queued", R.SENT: "partial", R.PAID: "complete", R.CANCELLED: "complete"}


def payment_reconciliation(
    row: Reconciliation,
    providers: Sequence[ReconciliationProvider],
    lines: Sequence[ReconciliationLine],
    *,
    whole: bool = True,
) -> dict[str, Any]:
    """Return a reconciliation; the amounts of its details add up to what is paid.

    `providers` and `lines` are those the reader sees: `whole` says whether that is everything, else the amount is what
    those providers get. Without lines (there may be a million) each provider's net stands as one detail.
    """
    currency = row.currency
    net = row.total_net_payable if whole else sum(provider.net for provider in providers)
    found: dict[str, Any] = {
        "resourceType": "PaymentReconciliation",
        "id": str(row.pk),
        "meta": {"lastUpdated": instant(row.updated_at)},
        "identifier": [identifier("reconciliation", row.number)],
        "status": "cancelled" if row.status == R.CANCELLED else "active",
        "period": period(row.period_start, row.period_end),
        "created": instant(row.generated_at),
        "paymentIssuer": reference("Organization", row.insurer_id),
        "outcome": OUTCOMES[R(row.status)],
        "paymentAmount": money(net, currency),
    }
    if row.payment_date:
        found["paymentDate"] = row.payment_date.isoformat()
        found["paymentIdentifier"] = identifier("payment", row.payment_reference)
    else:
        found["_paymentDate"] = absent("not-applicable")
    details = [detail for provider in providers for detail in details_of(row, provider, lines)]
    if details:
        found["detail"] = details
    if row.disputed_amount and whole:
        found["processNote"] = [
            {
                "type": "display",
                "text": _("Disputed lines are carried over; they are not part of what was transferred."),
            }
        ]
    return found


def details_of(
    row: Reconciliation, provider: ReconciliationProvider, lines: Sequence[ReconciliationLine]
) -> list[dict[str, Any]]:
    """Return what a provider's net is made of."""
    own = [line for line in lines if line.provider_row_id == provider.pk]
    if not own:
        return [
            {
                **payee(row, provider),
                "identifier": identifier("reconciliation-provider", provider.pk),
                "type": hl7("payment-type", "payment"),
                "amount": money(provider.net, row.currency),
            }
        ]
    moved = [
        (-provider.carried_in, _("Carried from before")),
        (provider.releases, _("Released")),
        (provider.carried_out, _("Carried forward")),
    ]
    return [detail(row, provider, line) for line in own] + [
        {
            **payee(row, provider),
            "type": hl7("payment-type", "adjustment", text),
            "amount": money(amount, row.currency),
        }
        for amount, text in moved
        if amount
    ]


def detail(row: Reconciliation, provider: ReconciliationProvider, line: ReconciliationLine) -> dict[str, Any]:
    """Return one line: a claim that is paid, one that is taken back, or what an earlier dispute gives or takes."""
    kind = "payment" if line.kind == ReconciliationLine.Kind.CLAIM else "adjustment"
    found: dict[str, Any] = {
        "identifier": identifier("reconciliation-line", line.pk),
        "type": hl7("payment-type", kind, line.kind),
        **payee(row, provider),
        "amount": money(line.net, row.currency),
    }
    if line.claim_id:
        found["request"] = reference("Claim", line.claim_id)
        found["response"] = reference("ClaimResponse", line.claim_id)
        found["submitter"] = reference("Organization", line.provider_id)
    return found


def payee(row: Reconciliation, provider: ReconciliationProvider) -> dict[str, Any]:
    """Return who is paid, and when it was."""
    found: dict[str, Any] = {"payee": reference("Organization", provider.provider_id)}
    if row.payment_date:
        found["date"] = row.payment_date.isoformat()
    return found
