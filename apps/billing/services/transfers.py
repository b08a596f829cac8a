"""Posted adjustments between the shares of an issued invoice, which itself never changes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from apps.billing.models import Invoice, InvoiceShare, LedgerRecord, ShareTransfer
from apps.billing.models.invoices import Payer
from apps.billing.services.ledger import append
from apps.billing.services.network import NETWORK, SOURCE, claims_of
from apps.billing.services.settlement import locked, settle, shares_of
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import SystemActor, Viewer
from apps.core.service import service
from apps.directory.models import Insurer
from apps.insurance.models import Claim, Dispute

S = Claim.Status
# What the insurer stands by; the rest of a share waits for a decision, or for the entry that moves it.
STANDING: Final = frozenset({S.ELIGIBLE, S.APPROVED, S.PAID})
FOLLOWER: Final = SystemActor("network-shares")


class NothingToMove(DomainError):
    """The insurer stands by its whole share."""

    code = "NOTHING_TO_MOVE"
    message = _("The insurer stands by its whole share: there is nothing to move to the patient.")


@service("billing.invoice.move_share")
def move_to_patient(
    *, actor: Viewer, invoice: Invoice, insurer: Insurer | None = None, reason: str, at: datetime
) -> list[ShareTransfer]:
    """Post what the network refused, blocked or has not decided yet as the patient's to pay.

    Should the insurer approve it later, it is moved back as far as the patient has not paid. Refuses NOTHING_TO_MOVE
    and a missing reason.
    """
    if not reason.strip():
        raise InvalidInput(reason=[str(_("An adjustment says why."))])
    invoice = locked(invoice)
    shares = shares_of(invoice)
    user = None if isinstance(actor, SystemActor) else actor.id
    posted = [
        post(invoice, share, patient_of(shares), amount, reason, at=at, user=user)
        for share, amount in movable(invoice, shares)
        if insurer is None or share.insurer_id == insurer.pk
    ]
    if not posted:
        raise NothingToMove
    settle(invoice, at=at)
    return posted


def movable(invoice: Invoice, shares: list[InvoiceShare]) -> list[tuple[InvoiceShare, int]]:
    """Return the network's shares (with their balance) it does not stand by, and how much of each the patient may owe."""
    found = [
        (share, min(left_of(share) - stood_by(invoice, share), balance_of(share)))
        for share in shares
        if share.basis == NETWORK
    ]
    return [(share, amount) for share, amount in found if amount > 0]


def is_adjustable(invoice: Invoice) -> bool:
    """Whether something of an issued invoice can be moved to the patient by a posted entry."""
    if invoice.is_draft or invoice.is_credit_note or invoice.status == Invoice.Status.CREDITED:
        return False
    return bool(movable(invoice, shares_of(invoice)))


@service("billing.invoice.follow_claim")
def follow_claim(*, actor: Viewer, claim: Claim, at: datetime) -> None:
    """Bring the insurer's share of an issued invoice to what its claims are granted, by posted transfers.

    What the patient has paid meanwhile stays paid: no more is moved back than they still owe.
    """
    found = Invoice.objects.filter(pk__in=[claim.source_id], practice_id=claim.provider_id).exclude(
        status__in=(Invoice.Status.DRAFT, Invoice.Status.CREDITED)
    )
    for invoice in map(locked, found):
        shares = shares_of(invoice)
        for share in shares:
            if share.basis != NETWORK or share.insurer_id != claim.insurer_id:
                continue
            excess = left_of(share) - stood_by(invoice, share, waiting=True)
            patient = patient_of(shares)
            reason = _now("Decision of the insurer")
            if excess > 0 and (amount := min(excess, balance_of(share))) > 0:
                post(invoice, share, patient, amount, reason, at=at)
            elif excess < 0 and (amount := min(-excess, balance_of(patient))) > 0:
                post(invoice, patient, share, amount, reason, at=at)
        settle(invoice, at=at)


def give_back(invoice: Invoice, insurer_id: UUID, *, at: datetime) -> None:
    """Move to an insurer's share what it grants beyond it, as far as the patient still owes; the invoice is locked."""
    shares = shares_of(invoice)
    for share in shares:
        if share.basis != NETWORK or share.insurer_id != insurer_id:
            continue
        more = min(stood_by(invoice, share) - left_of(share), balance_of(patient_of(shares)))
        if more > 0:
            post(invoice, patient_of(shares), share, more, _now("Decision of the insurer"), at=at)
    settle(invoice, at=at)


def on_decision(claim: Claim, at: datetime) -> None:
    """Follow a decision about a claim that was filed for an invoice; called within its transaction."""
    if claim.source_type == SOURCE and claim.reversal_of_id is None:
        follow_claim(actor=FOLLOWER, claim=claim, at=at)


def stood_by(invoice: Invoice, share: InvoiceShare, *, waiting: bool = False) -> int:
    """Return what the insurer stands by of its share; `waiting` counts what it still looks at, unless moved away.

    What it took back or gave by the outcome of a dispute counts from the decision on, a claim taken back no more.
    """
    statuses = STANDING | ({S.PENDING_REVIEW, S.BLOCKED} if waiting and not left_moved(share) else set())
    claims = [
        claim
        for claim in claims_of(invoice).values()
        if claim.insurer_id == share.insurer_id and claim.status in statuses
    ]
    decided = Dispute.objects.filter(line__claim__in=claims, outcome_amount__isnull=False)
    outcomes = decided.aggregate(total=Sum("outcome_amount"))["total"] or 0
    return sum(claim.covered_amount for claim in claims) + int(outcomes)


def left_moved(share: Any) -> bool:
    """Whether a part of a share was moved away."""
    return bool(share.moved > 0)


def left_of(share: Any) -> int:
    """Return a share as transfers leave it."""
    return int(share.amount - share.moved - share.credited)


def balance_of(share: Any) -> int:
    """Return what is still due of a share."""
    return int(share.balance)


def patient_of(shares: list[InvoiceShare]) -> InvoiceShare:
    """Return the patient's share."""
    return next(share for share in shares if share.payer == Payer.PATIENT)


def post(
    invoice: Invoice,
    source: InvoiceShare,
    target: InvoiceShare,
    amount: int,
    reason: str,
    *,
    at: datetime,
    user: Any = None,
) -> ShareTransfer:
    """Write a transfer and its record in the chain."""
    transfer = ShareTransfer(
        practice_id=invoice.practice_id,
        invoice=invoice,
        source=source,
        target=target,
        amount=amount,
        reason=reason.strip()[:200],
        posted_at=at,
        posted_by_id=user,
    )
    transfer.save(force_insert=True)
    if not invoice.is_training:
        append(kind=LedgerRecord.Kind.TRANSFER, row=transfer, at=at)
    return transfer
