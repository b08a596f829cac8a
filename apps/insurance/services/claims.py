"""Submitting a claim: one transaction from what is asked to what is decided.

The order is that of the specification: what cannot change is read first, the claim is inserted as pending, the
balances are locked, what can race is read under the lock, the engine decides, and everything is written. Nothing in it
waits for a network, and the number of statements does not depend on the number of lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Final, ParamSpec
from uuid import UUID, uuid4

from django.db import IntegrityError

from apps.core import changes
from apps.core.errors import PermissionRefused
from apps.core.idempotency import KeyReused
from apps.core.scope import SystemActor, Viewer
from apps.core.service import service
from apps.directory.models import Practice
from apps.insurance.engine import History, InsurerConfig, Result
from apps.insurance.engine.gates import first_refusal
from apps.insurance.fraud.config import FraudConfig
from apps.insurance.models import Claim, ClaimAdjudication, ClaimItem
from apps.insurance.models.claims import HOLDING
from apps.insurance.services import screening
from apps.insurance.services.agreements import Agreement, load_agreement
from apps.insurance.services.asking import Asked, check_shape, fingerprint_of, items_of, request_of, salt_of
from apps.insurance.services.balances import NOTHING_HELD, book, lock_balances
from apps.insurance.services.decisions import Inputs, decision_of, store_result
from apps.insurance.services.guards import today_at
from apps.insurance.services.histories import read_history
from apps.insurance.services.prior_agreements import close_questions
from apps.insurance.services.replacing import refuse_replacement
from apps.insurance.states import CLAIM

P = ParamSpec("P")

# Which kinds of provider file which claims (gate 1); the role was asked at the door.
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "pharmacy": (Practice.Kind.PHARMACY,),
    "consultation": (Practice.Kind.MEDICAL, Practice.Kind.CLINIC),
    "hospitalization": (Practice.Kind.CLINIC,),
    "laboratory": (Practice.Kind.LABORATORY, Practice.Kind.CLINIC),
    "dental": (Practice.Kind.DENTAL,),
}
_VERBS: Final = {
    Claim.Status.ELIGIBLE.value: "hold",
    Claim.Status.APPROVED.value: "accept",
    Claim.Status.PENDING_REVIEW.value: "question",
    Claim.Status.BLOCKED.value: "stop",
    Claim.Status.REJECTED.value: "refuse",
}
ANSWERED: Final = (
    "status",
    "covered_amount",
    "copay_amount",
    "writeoff_amount",
    "tax_amount",
    "reason_code",
    "engine_version",
    "inputs_sha256",
    "fingerprint",
    "fraud_score",
    "rules_version",
    "validated_at",
    "updated_at",
)

INITIAL: Final = ClaimAdjudication.Kind.INITIAL.value
_RACES: Final = frozenset(
    {
        "insurance_claim_key_unique",
        "insurance_claim_fingerprint_unique",
        "insurance_balance_within_limit",
        "insurance_claim_bareme_in_force",
    }
)


def settled_again(function: Callable[P, Claim]) -> Callable[P, Claim]:
    """Decide once more when a constraint says that another transaction was first: it then reads what that one wrote."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> Claim:
        try:
            return function(*args, **kwargs)
        except IntegrityError as error:
            if violated(error) not in _RACES:
                raise
        return function(*args, **kwargs)

    return run


def violated(error: IntegrityError) -> str:
    """Return the name of the constraint that refused."""
    return str(getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or "")


@settled_again
@service("insurance.claim.submit")
def submit_claim(*, actor: Viewer, asked: Asked, idempotency_key: str, at: datetime) -> Claim:
    """File a claim and decide it; a key that was used answers its claim again, or 422 for another body (KeyReused).

    Refuses (InvalidInput) what has no shape, and (PermissionRefused) claims in another provider's name or of a kind
    this provider does not file. Whatever else is wrong is an answer: a rejected or blocked claim, stored with reasons.
    """
    refuse_stranger(actor, asked)
    check_shape(asked)
    agreement = load_agreement(
        insurer=asked.insurer,
        provider=asked.provider,
        contract=asked.own_contract,
        adherent_id=asked.adherent.pk,
        day=asked.service_date,
        key=idempotency_key,
        quoted=asked.quoted,
    )
    if agreement.known is not None:
        return answered_before(agreement.known, asked)
    refuse_replacement(asked)
    with changes.gathered():
        return _decide(actor, asked, agreement, idempotency_key, at)


def _decide(actor: Viewer, asked: Asked, agreement: Agreement, key: str, at: datetime) -> Claim:
    claim = _pending(actor, asked, agreement, key, at)
    items = items_of(claim, asked, agreement.bareme)
    today = today_at(asked.insurer, at)
    request = request_of(asked, filed=today, today=today, prior=agreement.prior)
    config = InsurerConfig.from_content(asked.insurer.config)
    bareme = agreement.priced_for({line.code for line in request.lines})
    # What the first gates refuse needs no history, no screening and no lock.
    is_open = first_refusal(request, agreement.contract, bareme, History(), config) is None
    watch = Watch.over(claim, items, agreement, at) if is_open else None
    claim.save(force_insert=True)
    held, history = NOTHING_HELD, History()
    if is_open and claim.contract is not None and agreement.contract is not None:
        if used := {line.agreement for line in request.lines if line.agreed_quantity}:
            close_questions(actor, used, at)
        held = lock_balances(
            contract=claim.contract,
            terms=agreement.contract,
            adherent_id=claim.adherent_id,
            care_type=claim.type,
            day=claim.service_date,
            at=at,
        )
        history = read_history(request=request, terms=agreement.contract, fingerprint=fingerprint_of(asked))
    inputs = Inputs(request, agreement.contract, bareme, history, held.balances, config)
    result = inputs.decide()
    verdict = watch.judge(result, history) if watch is not None else None
    status = status_of(result, verdict, is_predetermination=asked.is_predetermination)
    decision = decision_of(inputs, result, kind=INITIAL, by=actor.id, bareme_id=agreement.bareme_id)
    store_result(items, result)
    ClaimItem.objects.bulk_create(items)
    deltas = held.deltas(result.consumption) if status in HOLDING else {}
    book(claim=claim, decision=decision, deltas=deltas, at=at)
    # A repeat keeps a fingerprint of its own: somebody may yet find that it is no repeat.
    claim.fingerprint = uuid4().hex * 2 if result.status == "duplicate" else fingerprint_of(asked)
    _answer(claim, result, status, at)
    claim.inputs_sha256 = decision.digest
    if verdict is not None:
        claim.fraud_score, claim.rules_version = verdict.score, verdict.screening.rules_version
    claim.save(update_fields=ANSWERED)
    if verdict is not None:
        screening.store_flags(claim=claim, screening=verdict.screening, at=at)
    return claim


@dataclass(frozen=True, slots=True)
class Watch:
    """The screening of one claim: facts gathered before the locks, judged once the price is known."""

    gathered: screening.Gathered
    config: FraudConfig
    agreed: screening.Agreed

    @classmethod
    def over(cls, claim: Claim, items: list[ClaimItem], agreement: Agreement, at: datetime) -> Watch:
        """Gather the facts, in two statements."""
        settings = claim.insurer.config
        config = screening.fraud_config_of(settings)
        agreed = screening.Agreed(
            agreement.contract,
            agreement.bareme,
            agreement.convention_start,
            settings.get("review_above"),
            settings.get("review_first_claim", True),
        )
        gathered = screening.gather(claim=claim, items=items, agreed=agreed, config=config, at=at)
        return cls(gathered, config, agreed)

    def judge(self, result: Result, history: History) -> screening.Verdict:
        """Score what the engine found; lines it refuses are looked at as well: a repeat elsewhere is one of them."""
        return screening.judge(
            gathered=self.gathered,
            config=self.config,
            covered=result.covered,
            repeats=history.duplicate_of or None,
            urgent_without_agreement="PREAUTH_URGENT" in result.review,
            agreed=self.agreed,
        )


def _pending(actor: Viewer, asked: Asked, agreement: Agreement, key: str, at: datetime) -> Claim:
    """Build the claim as it is asked; it has no answer and, until it has one, no fingerprint."""
    total = sum(line.quantity * line.unit_price for line in asked.lines)
    user = None if isinstance(actor, SystemActor) else actor.id
    return Claim(
        insurer=asked.insurer,
        provider=asked.provider,
        contract=asked.own_contract,
        adherent=asked.adherent,
        member=agreement.member,
        type=asked.type,
        use=Claim.Use.PREDETERMINATION if asked.is_predetermination else Claim.Use.CLAIM,
        service_date=asked.service_date,
        service_end_date=asked.service_end_date,
        submitted_at=at,
        is_urgent=asked.is_urgent,
        currency=asked.currency,
        total_amount=total,
        copay_amount=total,
        idempotency_key=key,
        body_sha256=asked.digest,
        bareme_id=agreement.bareme_id,
        fingerprint_salt=salt_of(asked),
        replaces=asked.replaces,
        practitioner_ref=asked.practitioner_ref,
        prescriber=asked.prescriber,
        notes=asked.notes,
        source_type=asked.source_type,
        source_id=asked.source_id,
        created_by_id=user,
    )


def _answer(claim: Claim, result: Result, status: str, at: datetime) -> None:
    """Set the answer on the pending claim."""
    claim.status = CLAIM.next_state(claim.status, _VERBS[status], claim)
    claim.covered_amount = result.covered
    claim.copay_amount = result.copay
    claim.writeoff_amount = result.writeoff
    claim.tax_amount = result.tax
    claim.reason_code = result.reason_code
    claim.engine_version = result.engine_version
    if status == Claim.Status.APPROVED:
        claim.validated_at = at


def status_of(result: Result, verdict: screening.Verdict | None, *, is_predetermination: bool) -> str:
    """Return where a claim goes: the engine's refusal stands, then what screening says; a question stays eligible."""
    if result.status == "duplicate":
        return Claim.Status.BLOCKED.value
    if result.status == "rejected" or verdict is None:
        return Claim.Status.REJECTED.value
    if verdict.status == Claim.Status.APPROVED and is_predetermination:
        return Claim.Status.ELIGIBLE.value
    return verdict.status


def refuse_stranger(actor: Viewer, asked: Asked) -> None:
    """Refuse to file for another provider, or care this kind of provider does not give."""
    if not isinstance(actor, SystemActor) and actor.practice_id != asked.provider.pk:
        raise PermissionRefused
    if asked.provider.kind not in KINDS[asked.type]:
        raise PermissionRefused


def answered_before(known: tuple[UUID, str], asked: Asked) -> Claim:
    """Return the claim a key made, as it stands; refuses another body (KeyReused)."""
    claim_id, body = known
    if body != asked.digest:
        raise KeyReused
    claim: Claim = Claim.objects.get(pk=claim_id)
    return claim
