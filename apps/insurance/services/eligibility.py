"""What would be paid, asked before the care: the same engine as for a claim, and nothing is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from apps.core.scope import Viewer
from apps.directory.models import Practice
from apps.insurance.engine import BaremeTerms, ContractTerms, History, InsurerConfig, Result, limits_of
from apps.insurance.engine.gates import all_refusals
from apps.insurance.engine.types import CARE_TYPES
from apps.insurance.services.agreements import Agreement, load_agreement
from apps.insurance.services.asking import Asked, fingerprint_of, request_of
from apps.insurance.services.balances import read_balances
from apps.insurance.services.decisions import Inputs
from apps.insurance.services.guards import today_at
from apps.insurance.services.histories import read_history


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of one limit in the period of the day asked for; None is unlimited."""

    scope: str
    limit: int | None
    used: int

    @property
    def remaining(self) -> int | None:
        """The limit less what is used of it."""
        return None if self.limit is None else max(0, self.limit - self.used)


@dataclass(frozen=True, slots=True)
class Eligibility:
    """The answer: `reason` is the first that stands in the way, `reasons` are all of them.

    Where nothing of the acts would be paid, what stops each of them is among the reasons.
    """

    asked: Asked
    reasons: tuple[str, ...]
    first_payable_day: date | None
    balances: tuple[Left, ...]
    preview: Result | None

    @property
    def is_eligible(self) -> bool:
        """Whether something would be paid, or could be where no act is named."""
        return not self.reasons and (self.preview is None or self.preview.status == "payable")

    @property
    def reason(self) -> str:
        """The first reason."""
        return self.reasons[0] if self.reasons else ""


def check_eligibility(*, actor: Viewer, asked: Asked, at: datetime) -> Eligibility:
    """Answer whether a person's care would be paid on a day, what is left, and what these acts would come to.

    `asked.provider` is the practice that asks; an insurer asks without one, and the gates of the provider are then
    open and its prices unknown. Writes nothing.
    """
    contract = asked.own_contract
    agreement = load_agreement(
        insurer=asked.insurer,
        provider=asked.provider,
        contract=contract,
        adherent_id=asked.adherent.pk,
        day=asked.service_date,
        quoted=asked.quoted,
    )
    today = today_at(asked.insurer, at)
    last_day = max(today, asked.service_date, asked.service_end_date or today)
    request = request_of(asked, filed=last_day, today=last_day, prior=agreement.prior)
    config = InsurerConfig.from_content(asked.insurer.config)
    bareme = agreement.priced_for({line.code for line in request.lines})
    if is_nobody(asked.provider):
        bareme = bareme or BaremeTerms("", "", {}, pays_asked=True)
    history, held = History(), None
    if contract is not None and agreement.contract is not None:
        fingerprint = fingerprint_of(asked) if asked.lines else ""
        history = read_history(request=request, terms=agreement.contract, fingerprint=fingerprint)
        held = read_balances(
            contract=contract, care_type=asked.type, terms=agreement.contract, day=asked.service_date
        )
    used: Mapping[str, int] = held.used if held is not None else {}
    refusals = all_refusals(request, agreement.contract, bareme, history, config)
    reasons = [code for code, _params in refusals] + care_reasons(agreement, asked)
    preview = None
    if asked.lines and held is not None:
        inputs = Inputs(request, agreement.contract, bareme, history, held.balances, config)
        preview = inputs.decide()
        if preview.status != "payable":
            reasons += [line.reason_code for line in preview.lines if line.reason_code]
    return Eligibility(
        asked=asked,
        reasons=tuple(dict.fromkeys(reasons)),
        first_payable_day=first_day(agreement.contract, asked.type),
        balances=left_of(agreement.contract, asked.type, used),
        preview=preview,
    )


def nobody(asked_by: Practice | None) -> Practice:
    """Return the practice that asks, or one that stands for none: it is in use and agrees to everything."""
    return asked_by if asked_by is not None else Practice(kind="", license_no="-", is_active=True)


def is_nobody(practice: Practice) -> bool:
    """Whether no practice asks."""
    return practice.kind == ""


def care_reasons(agreement: Agreement, asked: Asked) -> list[str]:
    """Say what stands in the way of this kind of care, whatever the acts."""
    terms = agreement.contract
    if terms is None or not terms.is_member:
        return []
    if asked.type not in terms.coverage:
        return ["NOT_COVERED"]
    waits = asked.service_date < terms.first_payable_day(asked.type)
    after_accident = asked.is_accident or any(line.is_trauma for line in asked.lines)
    is_exempt = after_accident and terms.coverage[asked.type].accident_exempt
    return ["WAITING"] if waits and not is_exempt else []


def first_day(terms: ContractTerms | None, care_type: str) -> date | None:
    """Return the first payable day of a kind of care the contract covers."""
    if terms is None or care_type not in CARE_TYPES or care_type not in terms.coverage:
        return None
    return terms.first_payable_day(care_type)


def left_of(terms: ContractTerms | None, care_type: str, used: Mapping[str, int]) -> tuple[Left, ...]:
    """Return what is left of each limit a claim would touch."""
    if terms is None or not terms.is_member:
        return ()
    return tuple(
        Left(scope, limit, used.get(scope, 0)) for scope, limit in sorted(limits_of(terms, care_type).items())
    )
