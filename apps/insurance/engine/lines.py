"""Line rules 1 to 9 of claims.md 3.4: whether a line is paid at all, and for how many units.

Each rule takes the draft of a line and answers the parameters of its refusal, or None to let it pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.core.money import apply_rate
from apps.insurance.engine.terms import (
    ActTerms,
    BaremeAct,
    BaremeTerms,
    CareTerms,
    ContractTerms,
    InsurerConfig,
)
from apps.insurance.engine.types import CARE_TYPES, History, Request, RequestLine, Step

Params = Mapping[str, Any]

_NO_ACT = BaremeAct()
_NO_TERMS = ActTerms()


class Draft:
    """A line on its way through the rules; `notes` are what some of them say of a line that passes, by rule."""

    __slots__ = (
        "act",
        "allowed",
        "amount",
        "association_bp",
        "ceiling",
        "is_known",
        "line",
        "notes",
        "quantity",
        "reason",
        "review",
        "steps",
        "terms",
        "unit",
    )

    def __init__(self, line: RequestLine, bareme: BaremeTerms | None, care: CareTerms | None) -> None:
        act = bareme.acts.get(line.code) if bareme is not None else None
        self.line = line
        self.act = act or _NO_ACT
        self.is_known = act is not None
        self.terms = care.acts.get(line.code, _NO_TERMS) if care is not None else _NO_TERMS
        self.quantity = line.quantity
        self.ceiling = self.unit = line.unit_price
        self.association_bp = 10_000
        self.allowed = self.amount = 0
        self.notes: dict[str, Params] = {}
        self.reason = ""
        self.review = ""
        self.steps: list[Step] = []

    def stop(self, reason: str, params: Params) -> None:
        """Refuse the whole line."""
        self.reason = reason
        self.steps = [Step(reason, self.line.total, 0, params)]


@dataclass(slots=True)
class Case:
    """One claim under the rules, with what its earlier lines leave behind."""

    request: Request
    contract: ContractTerms
    bareme: BaremeTerms
    config: InsurerConfig
    care: CareTerms
    history: History
    had_today: set[tuple[str, str]] = field(default_factory=set)
    granted: dict[str, int] = field(default_factory=dict)
    drawn: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        day = self.request.service_date
        for past in self.history.lines:
            if past.service_date == day:
                self.had_today.add((past.code, past.tooth))
            self.draw(past.agreement, past.code, past.tooth, past.quantity)

    def draw(self, agreement: str, code: str, tooth: str, quantity: int) -> None:
        """Count units given on a prior agreement."""
        if agreement:
            key = (agreement, code, tooth)
            self.drawn[key] = self.drawn.get(key, 0) + quantity


def admit(case: Case, drafts: list[Draft]) -> None:
    """Take every line through the rules, in line sequence; what is left standing has its allowed amount."""
    for draft in drafts:
        _admit_line(case, draft)
    if case.bareme.incompatible:
        _part_incompatible(case, [draft for draft in drafts if not draft.reason])
    for draft in drafts:
        if not draft.reason:
            _ask_authorisation(case, draft)


def _admit_line(case: Case, draft: Draft) -> None:
    for reason, rule in RULES:
        params = rule(case, draft)
        if params is not None:
            draft.stop(reason, params)
            return
    line = draft.line
    if draft.terms.has_frequency:
        case.granted[line.code] = case.granted.get(line.code, 0) + draft.quantity
    case.had_today.add((line.code, line.tooth))
    _set_price(case, draft)
    draft.allowed = draft.quantity * draft.unit


def _category(case: Case, draft: Draft) -> Params | None:
    """Rule 1: the provider's kind may bill the act's category."""
    category, kind = draft.act.category, case.request.provider_kind
    allowed = case.config.billable.get(kind)
    if allowed is None or category not in CARE_TYPES or category in allowed:
        return None
    return {"category": category, "kind": kind}


def _excluded(case: Case, draft: Draft) -> Params | None:
    """Rule 2: the contract does not exclude it on the service date."""
    for exclusion in case.contract.exclusions:
        if exclusion.excludes(draft.line, case.request.type, case.request.service_date):
            return {
                "exclusion": exclusion.code
                or exclusion.prefix
                or exclusion.diagnosis_prefix
                or exclusion.care_type
            }
    return None


def _not_covered(case: Case, draft: Draft) -> Params | None:
    """Rule 3: the contract covers the care type."""
    care_type = case.request.type
    return None if care_type in case.contract.coverage else {"care_type": care_type}


def _waiting(case: Case, draft: Draft) -> Params | None:
    """Rule 4: the waiting period is over, or the care follows an accident that does not wait."""
    first = case.contract.first_payable_day(case.request.type)
    if case.request.service_date >= first:
        return None
    params = {"first_day": first.isoformat()}
    if draft.line.is_accident and case.care.accident_exempt:
        draft.notes["ACCIDENT"] = params
        return None
    return params


def _not_priced(case: Case, draft: Draft) -> Params | None:
    """Rule 5: the bareme has a price, or pays what is asked."""
    return None if draft.is_known or case.bareme.pays_asked else {"bareme": case.bareme.version}


def _had_today(case: Case, draft: Draft) -> Params | None:
    """Rule 6: the person has not had the same act on the same tooth and day, wherever."""
    line = draft.line
    if draft.act.is_repeatable or (line.code, line.tooth) not in case.had_today:
        return None
    return {"service_date": case.request.service_date.isoformat()}


def _too_often(case: Case, draft: Draft) -> Params | None:
    """Rule 7: units left in the window on both sides of the service date; some may be left and not all."""
    terms = draft.terms
    if not terms.has_frequency:
        return None
    code, day = draft.line.code, case.request.service_date
    most = 1 if terms.max_qty is None else terms.max_qty
    days = 1 if terms.per_days is None else terms.per_days
    used = case.granted.get(code, 0) + sum(
        past.quantity
        for past in case.history.lines
        if past.code == code and abs((past.service_date - day).days) < days
    )
    left = max(0, most - used)
    if left >= draft.quantity:
        return None
    params = {"max_qty": most, "per_days": days, "used": used, "left": left}
    if left == 0:
        return params
    draft.quantity = left
    draft.notes["FREQUENCY"] = params
    return None


RULES: tuple[tuple[str, Callable[[Case, Draft], Params | None]], ...] = (
    ("ACT_NOT_ALLOWED_FOR_TYPE", _category),
    ("EXCLUDED", _excluded),
    ("NOT_COVERED", _not_covered),
    ("WAITING", _waiting),
    ("NOT_IN_BAREME", _not_priced),
    ("DUPLICATE", _had_today),
    ("FREQUENCY", _too_often),
)


def _set_price(case: Case, draft: Draft) -> None:
    """Rule 10, needed here to tell which of two acts is dearer: the agreed price, then the generic's."""
    line, act = draft.line, draft.act
    if act.price is not None and act.price < draft.ceiling:
        draft.ceiling = act.price
    draft.unit = draft.ceiling
    if not act.generic_group or act.is_generic or case.care.brand_policy != "reference_price":
        return
    reference = case.bareme.reference_prices.get(act.generic_group)
    if reference is None or reference >= draft.ceiling:
        return
    # A brand stays at its own price only if a prescriber said so and why.
    if not line.is_substitutable and line.prescriber and line.non_substitutable_reason:
        draft.notes["NON_SUBSTITUTABLE"] = {"group": act.generic_group, "price": reference}
    else:
        draft.unit = reference


def _part_incompatible(case: Case, standing: list[Draft]) -> None:
    """Rule 8: of two acts that exclude each other the dearer stays; an act already had on the day stays too."""
    first = case.request.service_date
    last = case.request.service_end_date or first
    kept = [
        (past.code, past.tooth, "day" if past.service_date == first else "stay")
        for past in case.history.lines
        if first <= past.service_date <= last
    ]
    for draft in sorted(standing, key=lambda draft: (-draft.allowed, draft.line.sequence)):
        rival = _rival(case.bareme, draft.line, kept)
        if rival and not _associate(case.bareme, draft, rival):
            draft.stop("INCOMPATIBLE", {"with": rival})
        else:
            kept.append((draft.line.code, draft.line.tooth, "claim"))


# Where a kept act may stand for a pair of each scope to be one: in the claim, on its day, within its stay.
_REACH: Mapping[str, tuple[str, ...]] = {
    "claim": ("claim",),
    "day": ("claim", "day"),
    "tooth": ("claim", "day"),
    "stay": ("claim", "day", "stay"),
}


def _rival(bareme: BaremeTerms, line: RequestLine, kept: list[tuple[str, str, str]]) -> str:
    """Return the code of the first kept act the line is incompatible with."""
    for one, other, scope in bareme.incompatible:
        if line.code not in (one, other):
            continue
        wanted = other if line.code == one else one
        for code, tooth, place in kept:
            if code == wanted and place in _REACH[scope] and (scope != "tooth" or tooth == line.tooth):
                return code
    return ""


def _associate(bareme: BaremeTerms, draft: Draft, rival: str) -> bool:
    """Keep the lesser act of a pair at a part of its price, where the bareme has one for it."""
    code, shares = draft.line.code, bareme.association_bp
    for key in (f"{rival}+{code}", f"{code}+{rival}", code, "*"):
        if key in shares:
            draft.association_bp = shares[key]
            draft.allowed = apply_rate(draft.quantity * draft.unit, shares[key])
            return True
    return False


def _ask_authorisation(case: Case, draft: Draft) -> None:
    """Rule 9: a dear act needs prior agreement; an urgent one is paid and looked at afterwards.

    An agreement is given for so many units; what was had on it before, in this claim too, is no longer left of it.
    """
    line, above = draft.line, case.care.preauth_above
    left = line.agreed_quantity - case.drawn.get((line.agreement, line.code, line.tooth), 0)
    is_agreed = draft.quantity <= left
    if above is None or draft.allowed <= above or is_agreed:
        case.draw(line.agreement, line.code, line.tooth, draft.quantity)
    elif case.request.is_urgent:
        draft.review = "PREAUTH_URGENT"
    else:
        draft.stop("PREAUTH_MISSING", {"above": above, **({"left": max(0, left)} if line.agreement else {})})
