"""What may happen to an invoice or a quote, and when."""

from __future__ import annotations

from typing import Final

from apps.billing.models import Invoice, Quote
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

Q = Quote.Status

# Whether a quote is past its validity is asked of its own date as well (deciding.py): the clock of the daily round is
# not what decides. Issuing a new version supersedes the one it replaces.
QUOTE: Final = Table(
    "quote",
    [
        Transition((Q.DRAFT,), "issue", Q.ISSUED, "billing.issue_quote"),
        Transition((Q.ISSUED,), "accept", Q.ACCEPTED, "billing.decide_quote"),
        Transition((Q.ISSUED,), "refuse", Q.REFUSED, "billing.decide_quote"),
        Transition((Q.ISSUED,), "expire", Q.EXPIRED, "billing.change_quote"),
        Transition((Q.ISSUED, Q.REFUSED, Q.EXPIRED), "supersede", Q.SUPERSEDED, "billing.issue_quote"),
    ],
    states=Q.values,
)
