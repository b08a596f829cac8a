"""PaymentReconciliation: what an insurer pays for a period, in detail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.insurance.fhir.parts import absent, hl7, identifier, instant, money, period, reference
from apps.insurance.models import Reconciliation, ReconciliationLine, ReconciliationProvider

R: Final = Reconciliation.Status
OUTCOMES: Final = {R.GENERATED: "queued", R.SENT: "partial", R.PAID: "complete", R.CANCELLED: "complete"}
SETTLED_DISPUTES: Final = frozenset({ReconciliationLine.Kind.CARRY, ReconciliationLine.Kind.DISPUTE_OUTCOME})


def payment_reconciliation(
    row: Reconciliation,
    providers: Sequence[ReconciliationProvider],
    lines: Sequence[ReconciliationLine],
    *,
    whole: bool = True,
) -> dict[str, Any]:
    """Return a reconciliation; the amounts of its details add up to what is paid, or will be.

    `providers` and `lines` are those the reader sees: `whole` says whether that is everything, else the amount is what
    those providers get. Providers carry `withheld`, what was disputed and left out of their payment. Without lines
    (there may be a million) each provider's payment stands as one detail.
    """
    currency = row.currency
    withheld = sum(withheld_of(provider) for provider in providers)
    if whole:
        net = row.total_net_payable if row.paid_amount is None else row.paid_amount
    else:
        net = sum(provider.net for provider in providers) - withheld
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
    if withheld:
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
                "amount": money(provider.net - withheld_of(provider), row.currency),
            }
        ]
    # Disputes that give something count among the releases, and have lines of their own.
    given = sum(max(line.net, 0) for line in own if line.kind in SETTLED_DISPUTES)
    moved = [
        (-provider.carried_in, _("Carried from before")),
        (provider.releases - given, _("Released")),
        (provider.carried_out, _("Carried forward")),
        (-withheld_of(provider), _("Disputed: left out of this payment")),
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


def withheld_of(provider: ReconciliationProvider) -> int:
    """Return what was left out of a provider's payment because it was disputed."""
    return int(getattr(provider, "withheld", 0))


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
