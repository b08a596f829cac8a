"""Disputes over lines: opened by either side, decided by the insurer, settled in the next reconciliation."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.insurance.models import Claim, Dispute, Reconciliation, ReconciliationLine
from apps.insurance.services.settling import locked
from apps.insurance.states import DISPUTE

DAYS_AFTER_PAYMENT: Final = 60


class NotDisputable(DomainError):
    """The line's reconciliation was not sent yet, or was paid too long ago."""

    code = "NOT_DISPUTABLE"
    message = _("A line is disputed once it was sent, and up to 60 days after it was paid.")


class ClaimTakenBack(DomainError):
    """The claim of the line was reversed: nothing is left to dispute."""

    code = "CLAIM_REVERSED"
    message = _("This claim was taken back already.")


class AlreadyDisputed(DomainError):
    """Somebody disputes the line already."""

    code = "ALREADY_DISPUTED"
    message = _("This line is being disputed already.")


class NoDispute(DomainError):
    """Nobody disputes the line."""

    code = "NO_OPEN_DISPUTE"
    message = _("Nobody disputes this line.")


class OpenerMayNotDecide(DomainError):
    """Whoever opened a dispute does not decide it."""

    code = "SEPARATION_OF_DUTIES"
    message = _("You opened this dispute: somebody else decides it.")


@service("insurance.dispute.open")
def open_dispute(
    *,
    actor: Viewer,
    line: ReconciliationLine,
    reason: str,
    amount: int | None = None,
    document: str = "",
    at: datetime,
) -> Dispute:
    """Dispute a line for a reason, by default for all of its net.

    While the line is only sent, what is disputed will be left out of the payment. Refuses NOT_DISPUTABLE,
    ALREADY_DISPUTED, CLAIM_REVERSED and VALIDATION_ERROR (no reason; an amount beyond what was asked).
    """
    whole = locked(line.reconciliation)
    if not is_disputable(whole, at):
        raise NotDisputable(status=whole.status)
    lock_claim(line)
    if line.claim_id is not None and Claim.objects.filter(reversal_of=line.claim_id).exists():
        raise ClaimTakenBack
    most = max(abs(line.net), abs(line.amount))
    amount = abs(line.net) if amount is None else amount
    if not 0 < amount <= most:
        raise InvalidInput(amount=[str(_("The amount lies between 1 and what was asked."))])
    if not reason.strip():
        raise InvalidInput(reason=[str(_("A dispute has a reason."))])
    side = Dispute.Side.PROVIDER if actor.insurer_id is None else Dispute.Side.INSURER
    dispute = Dispute(
        insurer_id=line.insurer_id,
        provider_id=line.provider_id,
        line=line,
        side=side,
        opened_by_id=actor.id,
        opened_at=at,
        reason=reason.strip(),
        document=document.strip(),
        amount=amount,
    )
    dispute.clean_fields(exclude=["insurer", "provider", "line", "opened_by"])
    try:
        with transaction.atomic():
            dispute.save()
    except IntegrityError as error:
        if "insurance_dispute_one_open" in str(error):
            raise AlreadyDisputed from error
        raise
    return dispute


def is_disputable(whole: Reconciliation, at: datetime) -> bool:
    """Whether lines of a reconciliation may be disputed now; days are the insurer's."""
    if whole.status == Reconciliation.Status.SENT:
        return True
    if whole.status != Reconciliation.Status.PAID or whole.paid_at is None:
        return False
    zone = whole.insurer.zone
    return (at.astimezone(zone).date() - whole.paid_at.astimezone(zone).date()).days <= DAYS_AFTER_PAYMENT


def lock_claim(line: ReconciliationLine) -> None:
    """Take turns with whoever takes the claim of a line back."""
    list(Claim.objects.select_for_update(no_key=True).filter(pk=line.claim_id).values_list("pk"))


def most_of(dispute: Dispute) -> int:
    """Return what an outcome gives or takes at most: what is disputed, and what the line still leaves."""
    return min(dispute.amount, left_of_line(dispute.line, dispute.side))


def left_of_line(line: ReconciliationLine, side: str) -> int:
    """Return what outcomes may still give of a line, or take from it: it ends between nothing and what was asked.

    What it came to so far is its net with the outcomes of before. A line that takes money back ends between what it
    takes and nothing.
    """
    before = Dispute.objects.filter(line=line).aggregate(sum=Sum("outcome_amount"))["sum"] or 0
    so_far = line.net + before
    if side == Dispute.Side.PROVIDER:
        return max(0, max(0, line.amount) - so_far)
    return max(0, so_far - min(0, line.amount))


@service("insurance.dispute.decide")
def decide_dispute(
    *,
    actor: Viewer,
    line: ReconciliationLine,
    verb: str,
    reason: str,
    outcome_amount: int | None = None,
    at: datetime,
) -> Dispute:
    """Accept or reject the open dispute of a line; what follows is a line of the next reconciliation.

    An accepted dispute of the provider gives it what it disputed, one of the insurer takes it, or less where
    `outcome_amount` (positive) says so or the line leaves less (`left_of_line`). Refuses NO_OPEN_DISPUTE,
    SEPARATION_OF_DUTIES and VALIDATION_ERROR.
    """
    locked(line.reconciliation)
    lock_claim(line)
    open_ones = Dispute.objects.select_for_update().filter(line=line, status=Dispute.Status.OPEN)
    dispute: Dispute | None = open_ones.first()
    if dispute is None:
        raise NoDispute
    status = DISPUTE.next_state(dispute.status, verb, dispute)
    if dispute.opened_by_id == actor.id:
        raise OpenerMayNotDecide
    if not reason.strip():
        raise InvalidInput(reason=[str(_("A decision has a reason."))])
    most = most_of(dispute)
    size = 0 if verb == "reject" else most if outcome_amount is None else outcome_amount
    if not 0 <= size <= most or (verb == "reject" and outcome_amount):
        sentence = _(
            "The outcome is at most what is disputed, and what the line still leaves to give or take."
        )
        raise InvalidInput(outcome_amount=[str(sentence)])
    dispute.status = status
    dispute.decided_by_id, dispute.decided_at = actor.id, at
    dispute.decision = reason.strip()
    dispute.outcome_amount = size if dispute.side == Dispute.Side.PROVIDER else -size
    dispute.clean_fields(exclude=["insurer", "provider", "line", "opened_by", "decided_by"])
    dispute.save(
        update_fields=["status", "decided_by", "decided_at", "decision", "outcome_amount", "updated_at"]
    )
    return dispute
