"""What a provider does with its own claims, what the clock does, and how a paid error is taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core import changes
from apps.core.errors import DomainError, PermissionRefused
from apps.core.scope import SystemActor, Viewer
from apps.core.service import service
from apps.directory.models import Insurer
from apps.insurance.hooks import claim_decided
from apps.insurance.models import BalanceEntry, Claim, ClaimAdjudication, ClaimItem, Dispute
from apps.insurance.services.balances import book, lock_held_by
from apps.insurance.services.decisions import Inputs, decision_of
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
)
from apps.insurance.services.taking_up import ClaimReconciled, locked, own_claim, require
from apps.insurance.states import CLAIM

# An answer older than this is asked again when the care is confirmed.
FRESH: Final = timedelta(hours=24)
CONFIRM_HOURS: Final = 72


class TooLateToVoid(DomainError):
    """A claim is withdrawn on the day it was filed, not later."""

    code = "VOID_TOO_LATE"
    message = _("A claim can be withdrawn on the day it was filed only.")


class NoPaidClaim(DomainError):
    """Only what was paid is taken back by a reversal."""

    code = "CLAIM_NOT_PAID"
    message = _("Only a paid claim is taken back.")


class CorrectedByDispute(DomainError):
    """What was paid of the claim is, or was, corrected by a dispute: taking all of it back would take too much."""

    code = "CLAIM_DISPUTED"
    message = _(
        "A dispute corrects what was paid of this claim. What is wrong beyond it is disputed as well."
    )


class ReversedBefore(DomainError):
    """The claim was taken back already."""

    code = "CLAIM_REVERSED"
    message = _("This claim was taken back already.")


@service("insurance.claim.void")
def void_claim(*, actor: Viewer, claim: Claim, expected_status: str, at: datetime) -> Claim:
    """Withdraw one's own claim: an approved one on the day it was filed, an eligible one at any time.

    What it held is released. Refuses a later day (TooLateToVoid) and a claim in a reconciliation (ClaimReconciled).
    """
    verb = "cancel" if expected_status == Claim.Status.ELIGIBLE else "void"
    claim = own_claim(actor, claim, verb, expected_status)
    if claim.reconciliation_id is not None:
        raise ClaimReconciled
    zone = claim.provider.zone
    if verb == "void" and claim.submitted_at.astimezone(zone).date() != at.astimezone(zone).date():
        raise TooLateToVoid
    with changes.gathered():
        close(actor, claim, verb=verb, code="VOIDED", at=at)
    return claim


@service("insurance.claim.confirm")
def confirm_claim(*, actor: Viewer, claim: Claim, expected_status: str, at: datetime) -> Claim:
    """Confirm that eligible care was given: the claim is approved, or rejected where nothing is payable any more.

    It is decided again when its answer is older than a day or what was agreed has changed meanwhile, unless a person
    of the insurer set its amounts.
    """
    claim = own_claim(actor, claim, "confirm", expected_status)
    with changes.gathered():
        rejected = renewed(actor, claim, at)
        claim.status = CLAIM.next_state(claim.status, "cancel" if rejected else "confirm", claim)
        claim.validated_at = None if rejected else at
        claim.save(update_fields=AMOUNTS)
        claim_decided.send(claim, at)
    return claim


def renewed(actor: Viewer, claim: Claim, at: datetime) -> bool:
    """Decide an eligible claim again if need be; returns whether nothing is payable any more."""
    last = last_decision(claim)
    if last.kind == ClaimAdjudication.Kind.REVIEW:
        return False
    stored = Inputs.from_stored(last.inputs)
    agreement = agreement_of(claim)
    bareme = agreement.priced_for({line.code for line in stored.request.lines})
    unchanged = (agreement.contract, bareme) == (stored.contract, stored.bareme)
    if unchanged and at - last.made_at <= FRESH:
        return False
    own = lock_held_by(claim)
    held = hold_again(claim, agreement, at)
    inputs = inputs_today(claim, stored, agreement, held, own=own)
    result = inputs.decide()
    claim.bareme_id = agreement.bareme_id
    decision = next_decision(actor, claim, last, result, kind=ClaimAdjudication.Kind.CONFIRM, inputs=inputs)
    decide_again(claim=claim, decision=decision, result=result, held=held, at=at, own=own)
    return result.status != "payable"


@service("insurance.claim.expire")
def expire_eligible(*, actor: Viewer, insurer: Insurer, at: datetime, most: int = 500) -> int:
    """Reject an insurer's eligible claims nobody confirmed in its time; returns how many of at most `most`.

    The time of one a person agreed to begins with that word; the agreement itself holds longer than the amounts do.
    """
    since = at - timedelta(hours=insurer.config.get("confirm_hours", CONFIRM_HOURS))
    due = Claim.objects.filter(
        Q(validated_at__isnull=True, submitted_at__lte=since) | Q(validated_at__lte=since),
        insurer=insurer,
        status=Claim.Status.ELIGIBLE,
    )
    count = 0
    for claim in due.order_by("submitted_at", "pk")[:most]:
        row = locked(claim)
        if row.status != Claim.Status.ELIGIBLE:
            continue
        with changes.gathered():
            close(actor, row, verb="expire", code="VOIDED", at=at)
        count += 1
    return count


@service("insurance.claim.reverse")
def reverse_claim(*, actor: Viewer, claim: Claim, reason: str, at: datetime) -> Claim:
    """Take a paid claim back: a claim of the same lines with negative amounts, a credit of the next reconciliation.

    What the paid claim held is released. Refuses one that is not paid (NoPaidClaim), taken back (ReversedBefore), or
    whose payment a dispute corrects (CorrectedByDispute; a credit note takes all of it back nevertheless).
    """
    if not isinstance(actor, SystemActor) and actor.insurer_id != claim.insurer_id:
        raise PermissionRefused
    require(reason)
    paid = locked(claim)
    if paid.status != Claim.Status.PAID or paid.reversal_of_id is not None:
        raise NoPaidClaim
    disputes = Dispute.objects.filter(line__claim=paid)
    if disputes.filter(
        Q(status=Dispute.Status.OPEN) | Q(outcome_amount__lt=0) | Q(outcome_amount__gt=0)
    ).exists():
        raise CorrectedByDispute
    with changes.gathered():
        try:
            with transaction.atomic():
                reversal = mirrored(actor, paid, reason, at)
                reversal.save(force_insert=True)
        except IntegrityError as error:
            raise ReversedBefore from error
        ClaimItem.objects.bulk_create(
            [mirrored_line(reversal, item) for item in paid.items.order_by("sequence")]
        )
        last = last_decision(paid)
        held = lock_held_by(paid)
        book(
            claim=reversal,
            decision=replace(
                decision_of(
                    Inputs.from_stored(last.inputs),
                    Inputs.from_stored(last.inputs).decide(),
                    kind=ClaimAdjudication.Kind.REVERSAL,
                    by=actor.id,
                    bareme_id=paid.bareme_id,
                    changes={"reversal_of": str(paid.pk)},
                ),
                result=negative(last.result),
            ),
            deltas=released(held),
            at=at,
            kind=BalanceEntry.Kind.REVERSAL,
        )
        reversal.status = CLAIM.next_state(reversal.status, "accept", reversal)
        reversal.validated_at = at
        reversal.save(update_fields=["status", "validated_at", "updated_at"])
    return reversal


def is_corrected(paid: Claim) -> bool:
    """Whether a dispute is open over what was paid of a claim, or has changed it."""
    disputes = Dispute.objects.filter(line__claim=paid)
    return disputes.filter(Q(status=Dispute.Status.OPEN) | ~Q(outcome_amount=0)).exists()


def mirrored(actor: Viewer, paid: Claim, reason: str, at: datetime) -> Claim:
    """Build the claim that takes another back."""
    return Claim(
        insurer=paid.insurer,
        provider=paid.provider,
        contract=paid.contract,
        adherent=paid.adherent,
        member_id=paid.member_id,
        type=paid.type,
        use=paid.use,
        service_date=paid.service_date,
        service_end_date=paid.service_end_date,
        submitted_at=at,
        currency=paid.currency,
        total_amount=-paid.total_amount,
        covered_amount=-paid.covered_amount,
        copay_amount=-paid.copay_amount,
        writeoff_amount=-paid.writeoff_amount,
        tax_amount=-paid.tax_amount,
        reason_code="REVERSAL",
        bareme_id=paid.bareme_id,
        engine_version=paid.engine_version,
        inputs_sha256=paid.inputs_sha256,
        idempotency_key=f"reversal:{paid.pk}",
        body_sha256=paid.body_sha256,
        reversal_of=paid,
        practitioner_ref=paid.practitioner_ref,
        prescriber=paid.prescriber,
        notes=reason,
        source_type=paid.source_type,
        source_id=paid.source_id,
        created_by_id=None if isinstance(actor, SystemActor) else actor.id,
    )


_ASKED: Final = (
    "sequence code label category quantity unit_price tooth surfaces diagnosis prescriber is_substitutable "
    "non_substitutable_reason is_trauma preauthorisation minutes is_generic reimbursement_rate_bp reason_code "
    "rule_applied prior_paid"
).split()
_MIRRORED: Final = "line_total allowed_amount covered_amount copay_amount writeoff_amount tax_amount".split()


def mirrored_line(reversal: Claim, item: ClaimItem) -> ClaimItem:
    """Build the line that takes another back."""
    same: dict[str, Any] = {name: getattr(item, name) for name in _ASKED}
    turned = {name: -getattr(item, name) for name in _MIRRORED}
    return ClaimItem(
        insurer_id=item.insurer_id, provider_id=item.provider_id, claim=reversal, **same, **turned
    )


def negative(result: dict[str, Any]) -> dict[str, Any]:
    """Return a stored result with the opposite amounts."""
    return {
        **result,
        **{name: -result[name] for name in ("total", "covered", "copay", "writeoff", "tax")},
        "consumption": {scope: -amount for scope, amount in result["consumption"].items()},
    }
