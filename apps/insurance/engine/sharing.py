"""Line rule 15 of claims.md 3.4: who bears what the insurer does not pay, and the result of a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from apps.core.money import apply_rate
from apps.insurance.engine.lines import Case, Draft
from apps.insurance.engine.reasons import PATIENT_GROUP, PROVIDER_GROUP, REASONS, Reason
from apps.insurance.engine.types import Adjustment, LineResult, Step

RATES = ("RATE", "GENERIC_RATE")
_EXCESS = ("PRICE_CEILING", "REFERENCE_PRICE")


class Bearer(NamedTuple):
    """Who bears an amount: the X12 group, the codes, and whether nobody may ask it of the patient."""

    group: str
    carc: str
    rarc: str
    code: str
    is_written_off: bool


def _bearer_of(reason: Reason) -> Bearer:
    return Bearer(reason.group, reason.carc, reason.rarc, reason.code, reason.is_written_off)


_USUAL = {code: _bearer_of(reason) for code, reason in REASONS.items()}
_USUAL["GENERIC_RATE"] = _USUAL["RATE"]
_BY_PROVIDER = {code: Bearer(PROVIDER_GROUP, REASONS[code].other, "", code, True) for code in _EXCESS}
_FREQUENCY_BY_PATIENT = Bearer(PATIENT_GROUP, REASONS["FREQUENCY"].other, "", "FREQUENCY", False)


def bearer(case: Case | None, rule: str) -> Bearer:
    """Return who bears what a rule takes off: the table's word, unless convention or contract say otherwise."""
    if case is not None:
        if rule in _EXCESS and case.bareme.provider_bears_excess:
            return _BY_PROVIDER[rule]
        if rule == "FREQUENCY" and case.care.frequency_liability == "patient":
            return _FREQUENCY_BY_PATIENT
    return _USUAL[rule]


def share_out(case: Case | None, draft: Draft, *, eligible: int = 0, deductible: int = 0) -> LineResult:
    """Return the result of a line: what is neither covered nor written off is the patient's, rounding included."""
    line, steps = draft.line, draft.steps
    covered = draft.amount
    adjustments, writeoff = _adjustments(case, steps, line.prior_paid)
    tax = steps[0].before - line.total
    if draft.act.tax_bp and not tax:
        # Tax is due on what may be charged, and the patient's unless the contract pays it.
        tax = apply_rate(line.total - writeoff, draft.act.tax_bp)
        if tax:
            adjustments.append(_adjustment(tax, _USUAL["TAX"]))
    cuts = [step.rule for step in steps if step.after < step.before]
    last = cuts[-1] if cuts else ""
    rates = [step for step in steps if step.rule in RATES]
    return LineResult(
        sequence=line.sequence,
        code=line.code,
        line_total=line.total,
        tax=tax,
        quantity_allowed=0 if draft.reason else draft.quantity,
        allowed=eligible,
        deductible=deductible,
        rate_bp=rates[0].params["rate_bp"] if rates else 0,
        prior_paid=line.prior_paid,
        covered=covered,
        copay=line.total + tax - covered - writeoff,
        writeoff=writeoff,
        is_generic=draft.act.is_generic,
        reason_code=draft.reason or (_USUAL[last].code if last else ""),
        rule_applied=draft.reason or ">".join(s.rule for s in steps if s.after < s.before or s.rule in RATES),
        is_stopped=bool(draft.reason),
        steps=tuple(steps),
        adjustments=tuple(adjustments),
    )


def _adjustments(case: Case | None, steps: Sequence[Step], prior_paid: int) -> tuple[list[Adjustment], int]:
    """Turn the steps into adjustments, the earlier payer's part among them; says how much is written off."""
    borne: list[tuple[int, Bearer]] = []
    from_prior = 0
    for step in steps:
        if step.rule == "PRIOR_PAYER":
            from_prior += step.before - step.after
        elif step.after < step.before:
            borne.append((step.before - step.after, bearer(case, step.rule)))
    if prior_paid:
        borne = _without(borne, prior_paid - from_prior)
        borne.append((prior_paid, _USUAL["PRIOR_PAYER"]))
    writeoff = sum(amount for amount, who in borne if who.is_written_off)
    return [_adjustment(amount, who) for amount, who in borne], writeoff


def _without(borne: list[tuple[int, Bearer]], amount: int) -> list[tuple[int, Bearer]]:
    """Take an amount an earlier payer gave out of the others' parts: the patient's first, the latest first."""
    left = amount
    rest: list[tuple[int, Bearer]] = []
    latest_first = borne[::-1]
    for part, who in sorted(latest_first, key=lambda pair: pair[1].is_written_off):
        taken = min(part, left)
        left -= taken
        if part > taken:
            rest.append((part - taken, who))
    return rest[::-1]


def _adjustment(amount: int, who: Bearer) -> Adjustment:
    return Adjustment(amount, who.group, who.carc, who.rarc, who.code)
