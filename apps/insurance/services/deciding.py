"""What the insurer's people decide about a claim: approve, reject, block, take up again.

Every verb names the status it was decided on (`expected_status`) and is refused when that has moved. Who filed a claim
does not review it, and a large one needs two people.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.accounts.roles import Role
from apps.core import changes
from apps.core.errors import DomainError, InvalidInput, PermissionRefused, Stale
from apps.core.scope import Viewer
from apps.core.service import service
from apps.insurance.engine import Balances, Result, refuse
from apps.insurance.engine.canonical import from_plain
from apps.insurance.hooks import claim_decided
from apps.insurance.models import Claim, ClaimAdjudication, ClaimItem, ClaimReview
from apps.insurance.services.agreements import Agreement, load_agreement
from apps.insurance.services.amending import Amended, amend
from apps.insurance.services.balances import NOTHING_HELD, Decision, Held, book, lock_balances, lock_held_by
from apps.insurance.services.decisions import PRICED, Inputs, decision_of, store_result
from apps.insurance.services.guards import refusing
from apps.insurance.services.histories import read_history
from apps.insurance.states import CLAIM

AMOUNTS: Final = (
    "status",
    "covered_amount",
    "copay_amount",
    "writeoff_amount",
    "tax_amount",
    "reason_code",
    "engine_version",
    "inputs_sha256",
    "bareme",
    "validated_at",
    "updated_at",
)


class OwnClaim(DomainError):
    """Who filed a claim does not decide it."""

    code = "SEPARATION_OF_DUTIES"
    message = _("Whoever entered a claim does not review it.")


class SamePerson(DomainError):
    """The second of two people is the first."""

    code = "SECOND_PERSON_REQUIRED"
    message = _("An amount this high needs a second person; you have agreed already.")


class LimitReached(DomainError):
    """The contract's limits leave no room for the amount."""

    code = "LIMIT_REACHED"
    message = _("The limits of the contract do not leave this amount.")


class ClaimReconciled(DomainError):
    """The claim stands in a reconciliation."""

    code = "CLAIM_RECONCILED"
    message = _("This claim stands in a reconciliation and does not change any more.")


class SameCareAlive(DomainError):
    """Another claim for the same care is alive."""

    code = "CARE_CLAIMED_BEFORE"
    message = _("Another claim for the same care is under way or paid.")


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

    Above the insurer's limit the first person's word waits for a second, one of both an insurer_admin; the claim then
    stays under review. Refuses (Stale) a status that has moved, the claim's own author (OwnClaim), the same person
    twice (SamePerson), and amounts nobody may set (InvalidInput, PermissionRefused, LimitReached).
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
    amended = amend(items, amounts or {}, reason=reason or ("-" if first else ""), may_raise=proposed_by_head)
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
        claim.status = CLAIM.next_state(claim.status, "approve", claim)
        claim.validated_at = at
        claim.save(update_fields=AMOUNTS)
        claim_decided.send(claim, at)
    return claim


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
        inputs = Inputs.from_stored(last.inputs)
        decision = decision_of(
            inputs,
            stored_result(last),
            kind=ClaimAdjudication.Kind.REVIEW,
            by=actor.id,
            bareme_id=claim.bareme_id,
            version=last.version + 1,
            changes={"status": Claim.Status.BLOCKED.value},
        )
        book(claim=claim, decision=decision, deltas={key: -amount for key, amount in held.items()}, at=at)
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


# --- what the verbs share ---------------------------------------------------------------------------------------------


def taken_up(actor: Viewer, claim: Claim, verb: str, expected_status: str) -> Claim:
    """Lock a claim and check that this person may do this to it as it stands."""
    claim = locked(claim)
    if claim.status != expected_status:
        raise Stale(status=claim.status)
    transition = CLAIM.find(claim.status, verb)
    if not actor.has_perm(transition.permission):
        raise PermissionRefused
    if claim.created_by_id is not None and claim.created_by_id == actor.id:
        raise OwnClaim
    if claim.reconciliation_id is not None:
        raise ClaimReconciled
    return claim


def locked(claim: Claim) -> Claim:
    """Return the claim under a lock, with whom it is between."""
    rows = Claim.objects.select_for_update(of=("self",), no_key=True)
    found: Claim = rows.select_related("insurer", "provider", "contract__insurer", "adherent").get(
        pk=claim.pk
    )
    return found


def require(reason: str) -> None:
    """Refuse a decision without a reason."""
    if not reason.strip():
        raise InvalidInput(reason=[_("A reason is needed.")])


def note(actor: Viewer, claim: Claim, verb: str, reason: str, at: datetime) -> None:
    """Write down who decided what and why."""
    ClaimReview.objects.create(
        insurer_id=claim.insurer_id, claim=claim, verb=verb, by_id=actor.id, decided_at=at, reason=reason
    )


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


def carry_amendment(
    actor: Viewer, claim: Claim, items: list[ClaimItem], amended: Amended, at: datetime
) -> None:
    """Write amounts a person set: a new version of the decision, the lines, the balances and the claim."""
    last = last_decision(claim)
    inputs = Inputs.from_stored(last.inputs)
    held = hold_again(claim, agreement_of(claim), at)
    delta = amended.delta
    deltas = {key: delta for scope, key in held.keys.items() if ":" not in scope} if delta else {}
    decision = decision_of(
        inputs,
        amended.result(stored_result(last)),
        kind=ClaimAdjudication.Kind.REVIEW,
        by=actor.id,
        bareme_id=claim.bareme_id,
        version=last.version + 1,
        changes={str(key): amount for key, amount in amended.amounts.items()},
    )
    with refusing({"insurance_balance_within_limit": LimitReached()}):
        book(claim=claim, decision=decision, deltas=deltas, at=at)
    ClaimItem.objects.bulk_update(items, PRICED)
    claim.covered_amount = sum(item.covered_amount for item in items)
    claim.copay_amount = sum(item.copay_amount for item in items)
    claim.inputs_sha256 = decision.digest


def close(actor: Viewer, claim: Claim, *, verb: str, code: str, at: datetime) -> None:
    """Reject a claim: every line carries the reason, nothing is held any more."""
    last = last_decision(claim)
    held = lock_held_by(claim)
    inputs = Inputs.from_stored(last.inputs)
    result = refuse(inputs.request, inputs.bareme, (code, {}))
    if claim.reason_code == "DUPLICATE":
        result = stored_result(last)
    version = decision_of(
        inputs,
        result,
        kind=ClaimAdjudication.Kind.REVIEW,
        by=actor.id,
        bareme_id=claim.bareme_id,
        version=last.version + 1,
        changes={"status": Claim.Status.REJECTED.value},
    )
    book(claim=claim, decision=version, deltas={key: -amount for key, amount in held.items()}, at=at)
    write_result(claim, result, version.digest)
    claim.status = CLAIM.next_state(claim.status, verb, claim)
    claim.validated_at = None
    claim.save(update_fields=AMOUNTS)


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
    decision = decision_of(
        inputs,
        result,
        kind=ClaimAdjudication.Kind.RESUME,
        by=actor.id,
        bareme_id=agreement.bareme_id,
        version=last.version + 1,
    )
    decide_again(claim=claim, decision=decision, result=result, held=held, at=at)


def inputs_today(
    claim: Claim,
    stored: Inputs,
    agreement: Agreement,
    held: Held,
    *,
    leaving_out: Collection[UUID] = (),
    own: Mapping[UUID, int] | None = None,
) -> Inputs:
    """Return what a claim would be decided by now, without what it holds itself (`own`)."""
    mine = own or {}
    used = {scope: amount - mine.get(held.keys[scope], 0) for scope, amount in held.used.items()}
    return replace(
        stored,
        contract=agreement.contract,
        bareme=agreement.priced_for({line.code for line in stored.request.lines}),
        history=read_history(
            request=stored.request, terms=agreement.contract, leaving_out=[claim.pk, *leaving_out]
        ),
        balances=Balances(used),
    )


def decide_again(
    *,
    claim: Claim,
    decision: Decision,
    result: Result,
    held: Held,
    at: datetime,
    own: Mapping[UUID, int] | None = None,
) -> None:
    """Store another decision and move the balances by the difference to what the claim holds (`own`)."""
    wanted = held.deltas(result.consumption)
    before = own or {}
    deltas = {key: wanted.get(key, 0) - before.get(key, 0) for key in {*wanted, *before}}
    book(claim=claim, decision=decision, deltas=deltas, at=at)
    write_result(claim, result, decision.digest)


def write_result(claim: Claim, result: Result, digest: str) -> None:
    """Write a result onto a claim, to be saved, and onto its lines."""
    items = list(claim.items.order_by("sequence"))
    store_result(items, result)
    ClaimItem.objects.bulk_update(items, PRICED)
    claim.covered_amount = result.covered
    claim.copay_amount = result.copay
    claim.writeoff_amount = result.writeoff
    claim.tax_amount = result.tax
    claim.reason_code = result.reason_code
    claim.engine_version = result.engine_version
    claim.inputs_sha256 = digest


def agreement_of(claim: Claim) -> Agreement:
    """Read what applies to a claim today."""
    return load_agreement(
        insurer=claim.insurer,
        provider=claim.provider,
        contract=claim.contract,
        adherent_id=claim.adherent_id,
        day=claim.service_date,
    )


def hold_again(claim: Claim, agreement: Agreement, at: datetime) -> Held:
    """Lock the balances a claim would hold something of today."""
    if claim.contract is None or agreement.contract is None:
        return NOTHING_HELD
    return lock_balances(
        contract=claim.contract,
        terms=agreement.contract,
        adherent_id=claim.adherent_id,
        care_type=claim.type,
        day=claim.service_date,
        at=at,
    )


def last_decision(claim: Claim) -> ClaimAdjudication:
    """Return the decision that stands."""
    found: ClaimAdjudication = claim.adjudications.order_by("-version")[0]
    return found


def stored_result(decision: ClaimAdjudication) -> Result:
    """Read a stored result back."""
    return from_plain(Result, decision.result)
