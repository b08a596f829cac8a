"""Another decision on a claim that has one: its inputs read back, the balances locked again, the result written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from apps.core.scope import Viewer
from apps.insurance.engine import Balances, Result, refuse
from apps.insurance.engine.canonical import from_plain
from apps.insurance.models import Claim, ClaimAdjudication, ClaimItem
from apps.insurance.services.agreements import Agreement, load_agreement
from apps.insurance.services.balances import NOTHING_HELD, Decision, Held, book, lock_balances, lock_held_by
from apps.insurance.services.decisions import PRICED, Inputs, decision_of, store_result
from apps.insurance.services.histories import read_history
from apps.insurance.states import CLAIM

# What a claim that was decided again is saved with.
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
# Decisions of the engine's own; a person's version of one cannot be decided again.
BY_ENGINE: Final = (
    ClaimAdjudication.Kind.INITIAL.value,
    ClaimAdjudication.Kind.CONFIRM.value,
    ClaimAdjudication.Kind.RESUME.value,
)


def last_decision(claim: Claim) -> ClaimAdjudication:
    """Return the decision that stands."""
    found: ClaimAdjudication = claim.adjudications.order_by("-version")[0]
    return found


def stored_result(decision: ClaimAdjudication) -> Result:
    """Read a stored result back."""
    return from_plain(Result, decision.result)


def next_decision(
    actor: Viewer,
    claim: Claim,
    last: ClaimAdjudication,
    result: Result,
    *,
    kind: str = ClaimAdjudication.Kind.REVIEW,
    inputs: Inputs | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Decision:
    """Return the decision that follows another: by the same inputs unless others are given."""
    return decision_of(
        inputs or Inputs.from_stored(last.inputs),
        result,
        kind=kind,
        by=actor.id,
        bareme_id=claim.bareme_id,
        version=last.version + 1,
        changes=changes,
    )


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


def released(held: Mapping[UUID, int]) -> dict[UUID, int]:
    """Return what gives back all that is held."""
    return {key: -amount for key, amount in held.items()}


def close(actor: Viewer, claim: Claim, *, verb: str, code: str, at: datetime) -> None:
    """Reject a claim: every line carries the reason, nothing is held any more."""
    last = last_decision(claim)
    held = lock_held_by(claim)
    inputs = Inputs.from_stored(last.inputs)
    is_repeat = claim.reason_code == "DUPLICATE"
    result = stored_result(last) if is_repeat else refuse(inputs.request, inputs.bareme, (code, {}))
    decision = next_decision(actor, claim, last, result, changes={"status": Claim.Status.REJECTED.value})
    book(claim=claim, decision=decision, deltas=released(held), at=at)
    write_result(claim, result, decision.digest)
    claim.status = CLAIM.next_state(claim.status, verb, claim)
    claim.validated_at = None
    claim.save(update_fields=AMOUNTS)
