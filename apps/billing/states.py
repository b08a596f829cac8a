"""What may happen to an invoice, and when."""

from __future__ import annotations

from typing import Final

from apps.billing.models import Invoice
from apps.core.transitions import Table, Transition

S = Invoice.Status
OWED: Final = (S.ISSUED, S.PARTIALLY_PAID, S.PAID)

# `pay` is open on a paid invoice as well, so that the caller reads that nothing more is due (OVERPAYMENT) and
# not that paying is impossible. The status after a payment or a credit follows from the balances
# (settlement.py); the targets named here are where a partial one leads.
INVOICE: Final = Table(
    "invoice",
    [
        Transition((S.DRAFT,), "issue", S.ISSUED, "billing.issue_invoice"),
        Transition(OWED, "pay", S.PARTIALLY_PAID, "billing.add_payment"),
        Transition(OWED, "credit", S.CREDITED, "billing.credit_invoice"),
    ],
    states=S.values,
)
