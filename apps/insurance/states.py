"""What may happen to a claim and to a reconciliation, and who may make it happen."""

from __future__ import annotations

from typing import Final

from apps.core.transitions import Table, Transition
from apps.insurance.models import Claim, Contract, Dispute, Reconciliation

C = Claim.Status
# `insurance.process_claim` is no role's: the house's own machinery decides, within a request or unattended.
SYSTEM: Final = "insurance.process_claim"
DECIDE: Final = "insurance.decide_claim"

# The verbs of the API are approve, reject, block, review, void and confirm; `settle` follows a payment, `expire` the
# clock, and the five of a pending claim the engine. `cancel` is how a provider gives an eligible claim up.
CLAIM: Final = Table(
    "claim",
    [
        Transition((C.PENDING,), "hold", C.ELIGIBLE, SYSTEM),
        Transition((C.PENDING,), "accept", C.APPROVED, SYSTEM),
        Transition((C.PENDING,), "question", C.PENDING_REVIEW, SYSTEM),
        Transition((C.PENDING,), "stop", C.BLOCKED, SYSTEM),
        Transition((C.PENDING,), "refuse", C.REJECTED, SYSTEM),
        Transition((C.ELIGIBLE,), "confirm", C.APPROVED, "insurance.confirm_claim"),
        Transition((C.ELIGIBLE,), "cancel", C.REJECTED, "insurance.confirm_claim"),
        Transition((C.ELIGIBLE,), "expire", C.REJECTED, SYSTEM),
        Transition((C.APPROVED,), "void", C.REJECTED, "insurance.void_claim"),
        Transition((C.APPROVED,), "review", C.PENDING_REVIEW, DECIDE),
        Transition((C.PENDING_REVIEW,), "approve", C.APPROVED, DECIDE),
        # What approving makes of a question: its provider says whether the care was given.
        Transition((C.PENDING_REVIEW,), "agree", C.ELIGIBLE, DECIDE),
        Transition((C.PENDING_REVIEW,), "reject", C.REJECTED, DECIDE),
        Transition((C.PENDING_REVIEW,), "block", C.BLOCKED, DECIDE),
        Transition((C.BLOCKED,), "review", C.PENDING_REVIEW, "insurance.unblock_claim"),
        Transition((C.BLOCKED,), "reject", C.REJECTED, DECIDE),
        Transition((C.APPROVED,), "settle", C.PAID, SYSTEM),
    ],
    states=C.values,
)

R = Reconciliation.Status

RECONCILIATION: Final = Table(
    "reconciliation",
    [
        Transition((R.GENERATED,), "send", R.SENT, "insurance.send_reconciliation"),
        Transition((R.SENT,), "pay", R.PAID, "insurance.pay_reconciliation"),
        Transition((R.GENERATED,), "cancel", R.CANCELLED, "insurance.cancel_reconciliation"),
    ],
    states=R.values,
)

K = Contract.Status
CHANGE: Final = "insurance.change_contract"

# A cancelled contract stays cancelled: who is insured again gets a new one. One that expired comes back with a later
# last day. The verbs follow from the status a change asks for.
CONTRACT: Final = Table(
    "contract",
    [
        Transition((K.ACTIVE,), "suspend", K.SUSPENDED, CHANGE),
        Transition((K.SUSPENDED,), "resume", K.ACTIVE, CHANGE),
        Transition((K.ACTIVE, K.SUSPENDED), "expire", K.EXPIRED, CHANGE),
        Transition((K.EXPIRED,), "extend", K.ACTIVE, CHANGE),
        Transition((K.ACTIVE, K.SUSPENDED, K.EXPIRED), "cancel", K.CANCELLED, CHANGE),
    ],
    states=K.values,
)

D = Dispute.Status

DISPUTE: Final = Table(
    "dispute",
    [
        Transition((D.OPEN,), "accept", D.ACCEPTED, "insurance.decide_dispute"),
        Transition((D.OPEN,), "reject", D.REJECTED, "insurance.decide_dispute"),
    ],
    states=D.values,
)
