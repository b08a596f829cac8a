"""What else the insurer's people decide about a claim: reject, block, take up again.

Every verb names the status it was decided on (`expected_status`) and is refused when that has moved.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.core import changes
from apps.core.errors import DomainError
from apps.core.scope import Viewer
from apps.core.service import service
from apps.insurance.models import Claim, ClaimAdjudication, ClaimReview
from apps.insurance.services.balances import book, lock_held_by
from apps.insurance.services.decisions import Inputs
from apps.insurance.services.guards import refusing
from apps.insurance.services.redeciding import (
    AMOUNTS,
    agreement_of,
    close,
    decide_again,
    hold_again,
    inputs_today,
    last_decision,
    next_decision,
    released,
    stored_result,
)
from apps.insurance.services.taking_up import require, taken_up
from apps.insurance.states import CLAIM


class SameCareAlive(DomainError):
    """Another claim for the same care is alive."""

    code = "CARE_CLAIMED_BEFORE"
    message = _("Another claim for the same care is under way or paid.")


@service("insurance.claim.reject")
def reject_claim(*, actor: Viewer, claim: Claim, expected_status: str, reason: str, at: datetime) -> Claim:
    """Refuse a claim under review or blocked, with a reason; what it held is released."""
    claim = taken_up(actor, claim, "reject", expected_status)
    require(reason)
    with changes.gathered():
        note(actor, claim, ClaimReview.Verb.REJECT, reason, at)
        close(actor, claim, verb="reject", code="REVIEW_REJECTED", at=at)
    return claim


@service("insurance.claim.block")
def block_claim(*, actor: Viewer, claim: Claim, expected_status: str, reason: str, at: datetime) -> Claim:
    """Block a claim under review, with a reason; what it held is released, its prices stay as they are."""
    claim = taken_up(actor, claim, "block", expected_status)
    require(reason)
    with changes.gathered():
        note(actor, claim, ClaimReview.Verb.BLOCK, reason, at)
        last = last_decision(claim)
        held = lock_held_by(claim)
        decision = next_decision(
            actor, claim, last, stored_result(last), changes={"status": Claim.Status.BLOCKED.value}
        )
        book(claim=claim, decision=decision, deltas=released(held), at=at)
        claim.status = CLAIM.next_state(claim.status, "block", claim)
        claim.save(update_fields=["status", "updated_at"])
    return claim


@service("insurance.claim.review")
def review_claim(*, actor: Viewer, claim: Claim, expected_status: str, reason: str, at: datetime) -> Claim:
    """Take an approved claim under review, its amounts held; or take up a blocked one again.

    A blocked claim is decided again under the locks, for its amounts are held by nobody meanwhile and may now be
    capped; one that was blocked as a repeat is then no repeat.
    """
    claim = taken_up(actor, claim, "review", expected_status)
    require(reason)
    with changes.gathered():
        note(actor, claim, ClaimReview.Verb.REVIEW, reason, at)
        if claim.status == Claim.Status.BLOCKED:
            resume(actor, claim, at)
        claim.status = CLAIM.next_state(claim.status, "review", claim)
        claim.validated_at = None
        with refusing({"insurance_claim_fingerprint_unique": SameCareAlive()}):
            claim.save(update_fields=AMOUNTS)
    return claim


def note(actor: Viewer, claim: Claim, verb: str, reason: str, at: datetime) -> None:
    """Write down who decided what and why."""
    ClaimReview.objects.create(
        insurer_id=claim.insurer_id, claim=claim, verb=verb, by_id=actor.id, decided_at=at, reason=reason
    )


def resume(actor: Viewer, claim: Claim, at: datetime) -> None:
    """Decide a blocked claim again, by the terms and what is left today."""
    last = last_decision(claim)
    stored = Inputs.from_stored(last.inputs)
    repeats = [UUID(stored.history.duplicate_of)] if stored.history.duplicate_of else []
    agreement = agreement_of(claim)
    held = hold_again(claim, agreement, at)
    inputs = inputs_today(claim, stored, agreement, held, leaving_out=repeats)
    result = inputs.decide()
    claim.bareme_id = agreement.bareme_id
    decision = next_decision(actor, claim, last, result, kind=ClaimAdjudication.Kind.RESUME, inputs=inputs)
    decide_again(claim=claim, decision=decision, result=result, held=held, at=at)
