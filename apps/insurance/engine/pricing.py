"""Line rules 10 to 15 of claims.md 3.4: the amounts of a line that is paid.

The amount under consideration starts at what is asked and only ever falls, one step per binding rule; what each
step takes off is one adjustment, so that charge = covered + adjustments holds by construction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.core.money import apply_rate
from apps.insurance.engine.lines import Case, Draft
from apps.insurance.engine.purse import Purse
from apps.insurance.engine.sharing import bearer, share_out
from apps.insurance.engine.types import LineResult, Step


def price(case: Case, draft: Draft, purse: Purse) -> LineResult:
    """Return the price of an admitted line and take it out of the purse."""
    tax_bp = draft.act.tax_bp if case.care.tax_reimbursed else 0
    draft.amount = _with_tax(draft.line.total, tax_bp)
    _tell(draft, "ACCIDENT")
    _eligible(draft, tax_bp)
    eligible = draft.amount
    deductible = _base_deductible_rate(case, draft, purse, tax_bp)
    if case.care.fixed_copay:
        _cut(draft, "FIXED_COPAY", draft.amount - case.care.fixed_copay, {"copay": case.care.fixed_copay})
    _prior_payer(case, draft, eligible)
    _ceilings(case, draft, purse)
    purse.spend(draft.amount)
    return share_out(case, draft, eligible=eligible, deductible=deductible)


def _cut(draft: Draft, rule: str, most: int, params: Mapping[str, Any]) -> None:
    """Bring the amount down to `most`, not below nothing, and note the rule if it bites."""
    after = max(0, most)
    if after < draft.amount:
        draft.steps.append(Step(rule, draft.amount, after, params))
        draft.amount = after


def _tell(draft: Draft, rule: str) -> None:
    """Note a rule that let the line pass where it might have taken something off."""
    if rule in draft.notes:
        draft.steps.append(Step(rule, draft.amount, draft.amount, draft.notes[rule]))


def _with_tax(amount: int, tax_bp: int) -> int:
    return amount + apply_rate(amount, tax_bp) if tax_bp else amount


def _eligible(draft: Draft, tax_bp: int) -> None:
    """Rules 10 and 11: the units granted at the price that counts."""
    line, quantity = draft.line, draft.quantity
    if "FREQUENCY" in draft.notes:
        granted = _with_tax(quantity * line.unit_price, tax_bp)
        _cut(draft, "FREQUENCY", granted, draft.notes["FREQUENCY"])
    if draft.ceiling < line.unit_price:
        asked = {"asked": line.unit_price, "price": draft.ceiling}
        _cut(draft, "PRICE_CEILING", _with_tax(quantity * draft.ceiling, tax_bp), asked)
    _tell(draft, "NON_SUBSTITUTABLE")
    if draft.unit < draft.ceiling:
        params: dict[str, Any] = {
            "asked": draft.ceiling,
            "price": draft.unit,
            "group": draft.act.generic_group,
        }
        _cut(draft, "REFERENCE_PRICE", _with_tax(quantity * draft.unit, tax_bp), params)
    if draft.association_bp != 10_000:
        _cut(draft, "BUNDLED", _with_tax(draft.allowed, tax_bp), {"share_bp": draft.association_bp})


def _base_deductible_rate(case: Case, draft: Draft, purse: Purse, tax_bp: int) -> int:
    """Rules 12 and 13: base, deductible, rate, rounded half up once; returns the deductible taken.

    A complementary payer states its share in per cent of the base (`of_base_bp`, which may pass 100 %); what the fee
    has above that is the patient's.
    """
    care, act = case.care, draft.act
    of_base_bp = care.of_base_bp if draft.terms.of_base_bp is None else draft.terms.of_base_bp
    unit = draft.unit if act.base is None else act.base
    if of_base_bp is None:
        unit = min(unit, draft.unit)
    base = draft.quantity * unit
    if draft.association_bp != 10_000:
        base = apply_rate(base, draft.association_bp)
    base = _with_tax(base, tax_bp)
    deductible = purse.take_deductible(min(base, draft.amount))
    rate_bp, rule = (of_base_bp, "RATE") if of_base_bp is not None else rate_of(case, draft)
    target = apply_rate(base - deductible, rate_bp)
    _cut(draft, "ABOVE_BASE", max(base, target + deductible), {"base": base})
    _cut(draft, "DEDUCTIBLE", draft.amount - deductible, {"deductible": deductible})
    after = min(draft.amount, target)
    draft.steps.append(Step(rule, draft.amount, after, {"rate_bp": rate_bp}))
    draft.amount = after
    return deductible


def rate_of(case: Case, draft: Draft) -> tuple[int, str]:
    """Return the rate and its rule: the contract's for the act, the convention's for it, the care type's."""
    if draft.terms.rate_bp is not None:
        return draft.terms.rate_bp, "RATE"
    if draft.act.rate_bp is not None:
        return draft.act.rate_bp, "RATE"
    if draft.act.is_generic and case.care.generic_rate_bp is not None:
        return case.care.generic_rate_bp, "GENERIC_RATE"
    return case.care.rate_bp, "RATE"


def _prior_payer(case: Case, draft: Draft, eligible: int) -> None:
    """What an earlier payer gave is not paid again; a share "prior included" is less that amount."""
    prior = draft.line.prior_paid
    if not prior:
        return
    care = case.care
    of_base_bp = care.of_base_bp if draft.terms.of_base_bp is None else draft.terms.of_base_bp
    if of_base_bp is None:
        asked = draft.steps[0].before
        cuts = [step for step in draft.steps if step.after < step.before]
        written_off = sum(cut.before - cut.after for cut in cuts if bearer(case, cut.rule).is_written_off)
        most = asked - written_off - prior
    elif care.prior_included:
        most = draft.amount - prior
    else:
        most = eligible - prior
    after = max(0, min(draft.amount, most))
    draft.steps.append(Step("PRIOR_PAYER", draft.amount, after, {"paid": prior}))
    draft.amount = after


def _ceilings(case: Case, draft: Draft, purse: Purse) -> None:
    """Rule 14: the ceilings of the act, the claim, the care type and the year, in this order."""
    cap = case.care.act_cap if draft.terms.cap is None else draft.terms.cap
    if cap is not None:
        _cut(draft, "LIMIT_ACT", cap * draft.quantity, {"cap": cap})
    for rule, left in purse.ceilings():
        _cut(draft, rule, left, {"left": left})
