"""Approving a claim under review: at whose amounts, by how many people, and what a question becomes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.accounts.roles import Role
from apps.core import changes
from apps.core.errors import DomainError
from apps.core.scope import Viewer
from apps.core.service import service
from apps.insurance.hooks import claim_decided
from apps.insurance.models import Claim, ClaimItem, ClaimReview
from apps.insurance.services.amending import Amended, amend
from apps.insurance.services.balances import book
from apps.insurance.services.decisions import PRICED
from apps.insurance.services.guards import refusing
from apps.insurance.services.prior_agreements import agree_to
from apps.insurance.services.redeciding import (
    AMOUNTS,
    BY_ENGINE,
    agreement_of,
    hold_again,
    last_decision,
    next_decision,
    stored_result,
)
from apps.insurance.services.taking_up import taken_up
from apps.insurance.states import CLAIM


class SamePerson(DomainError):
    """The second of two people is the first."""

    code = "SECOND_PERSON_REQUIRED"
    message = _("An amount this high needs a second person; you have agreed already.")


class LimitReached(DomainError):
    """The contract's limits leave no room for the amount."""

    code = "LIMIT_REACHED"
    message = _("The limits of the contract do not leave this amount.")


@service("insurance.claim.approve")
def approve_claim(
    *,
    actor: Viewer,
    claim: Claim,
    expected_status: str,
    at: datetime,
    reason: str = "",
    amounts: Mapping[UUID, int] | None = None,
) -> Claim:
    """Approve a claim under review, at the engine's amounts or at others line by line, with a reason.

    A question becomes eligible: its provider confirms the care, or names the question in the claim for it within the
    time the agreement holds. Above the insurer's limit the first person's word waits for a second, one of both an
    insurer_admin; the claim then stays under review. Refuses (Stale) a status that has moved, the claim's own author
    (OwnClaim), the same person twice (SamePerson), and amounts nobody may set (InvalidInput, PermissionRefused,
    LimitReached).
    """
    claim = taken_up(actor, claim, "approve", expected_status)
    items = list(claim.items.order_by("sequence"))
    first = waiting_approval(claim)
    if first is not None and first.by_id == actor.id:
        raise SamePerson
    if first is not None and amounts is None:
        amounts = {UUID(key): amount for key, amount in first.amounts.items()}
        proposed_by_head = True  # the first person was asked whether they may
    else:
        proposed_by_head = actor.role == Role.INSURER_ADMIN
        first = first if first is not None and same_amounts(first, amounts) else None
    amended = amend(
        items,
        amounts or {},
        reason=reason or ("-" if first else ""),
        engine=None if proposed_by_head else engine_amounts(claim),
    )
    covered = sum(item.covered_amount for item in items)
    review = ClaimReview(
        insurer_id=claim.insurer_id,
        claim=claim,
        verb=ClaimReview.Verb.APPROVE,
        by_id=actor.id,
        decided_at=at,
        reason=reason,
        amounts={str(key): amount for key, amount in (amounts or {}).items()},
        seconds=first,
        is_final=enough_people(claim, covered, actor, first),
    )
    with changes.gathered():
        review.save(force_insert=True)
        if not review.is_final:
            return Claim.objects.get(pk=claim.pk)
        if amended:
            carry_amendment(actor, claim, items, amended, at)
        is_question = claim.use == Claim.Use.PREDETERMINATION
        claim.status = CLAIM.next_state(claim.status, "agree" if is_question else "approve", claim)
        claim.validated_at = at
        claim.save(update_fields=AMOUNTS)
        if is_question:
            agree_to(claim, items, at)
        else:
            claim_decided.send(claim, at)
    return claim


def waiting_approval(claim: Claim) -> ClaimReview | None:
    """Return the approval that waits for a second person, if it is the last word."""
    last: ClaimReview | None = claim.reviews.order_by("-id").first()
    return last if last is not None and not last.is_final and last.verb == ClaimReview.Verb.APPROVE else None


def same_amounts(first: ClaimReview, amounts: Mapping[UUID, int] | None) -> bool:
    """Whether the second person means the amounts of the first; others are a proposal of their own."""
    return bool(first.amounts == {str(key): amount for key, amount in (amounts or {}).items()})


def enough_people(claim: Claim, covered: int, actor: Viewer, first: ClaimReview | None) -> bool:
    """Whether this approval takes effect: an agent up to its amount, two people above the insurer's limit."""
    settings = claim.insurer.config
    two_above: int | None = settings.get("two_person_above")
    agent_up_to: int | None = settings.get("agent_up_to", two_above)
    heads: list[bool] = [
        actor.role == Role.INSURER_ADMIN,
        first is not None and first.by.role == Role.INSURER_ADMIN,
    ]
    if two_above is not None and covered > two_above:
        return bool(first is not None and any(heads))
    return bool(agent_up_to is None or covered <= agent_up_to or any(heads))


def engine_amounts(claim: Claim) -> dict[int, int]:
    """Return what the engine would cover, line by line: who is no insurer_admin goes no higher."""
    decided = claim.adjudications.filter(kind__in=BY_ENGINE).order_by("-version")[0]
    return {line.sequence: line.covered for line in stored_result(decided).lines}


def carry_amendment(
    actor: Viewer, claim: Claim, items: list[ClaimItem], amended: Amended, at: datetime
) -> None:
    """Write amounts a person set: a new version of the decision, the lines, the balances and the claim."""
    last = last_decision(claim)
    held = hold_again(claim, agreement_of(claim), at)
    delta = amended.delta
    deltas = {key: delta for scope, key in held.keys.items() if ":" not in scope} if delta else {}
    decision = next_decision(
        actor,
        claim,
        last,
        amended.result(stored_result(last)),
        changes={str(key): amount for key, amount in amended.amounts.items()},
    )
    with refusing({"insurance_balance_within_limit": LimitReached()}):
        book(claim=claim, decision=decision, deltas=deltas, at=at)
    ClaimItem.objects.bulk_update(items, PRICED)
    claim.covered_amount = sum(item.covered_amount for item in items)
    claim.copay_amount = sum(item.copay_amount for item in items)
    claim.inputs_sha256 = decision.digest
