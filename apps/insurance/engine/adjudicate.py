"""Price a claim: the gates of the whole, the rules of each line, the amounts, the sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from apps.insurance.engine.gates import Refusal, first_refusal
from apps.insurance.engine.limits import deductible_scope, limits_of
from apps.insurance.engine.lines import Case, Draft, admit
from apps.insurance.engine.pricing import price
from apps.insurance.engine.purse import Purse
from apps.insurance.engine.sharing import share_out
from apps.insurance.engine.terms import BaremeTerms, CareTerms, ContractTerms, InsurerConfig
from apps.insurance.engine.types import Balances, History, LineResult, Request, Result

# Raised whenever the same input may give another amount; stored with each decision.
ENGINE_VERSION: Final = "1.1"

# Cuts that make an approval a partial one; an agreed price or a share of the patient's does not.
_CUT_SHORT: Final = frozenset({"FREQUENCY", "LIMIT_ACT", "LIMIT_CLAIM", "LIMIT_CARE", "LIMIT_ANNUAL"})
_UNCOVERED: Final = CareTerms(rate_bp=0)


def adjudicate(  # noqa: PLR0917  # the six things a price depends on, in the order of the specification
    request: Request,
    contract: ContractTerms | None,
    bareme: BaremeTerms | None,
    history: History,
    balances: Balances,
    config: InsurerConfig,
) -> Result:
    """Return what the insurer, the patient and the provider bear of a claim, line by line, and why.

    Pure: the same six arguments give the same result. Amounts are integers of minor units; the lines are taken in
    their sequence, whatever their order in the request.
    """
    refusal = first_refusal(request, contract, bareme, history, config)
    if refusal is not None or contract is None or bareme is None:
        return refuse(request, bareme, refusal or ("IDENTITY_UNKNOWN", {}))
    care = contract.coverage.get(request.type)
    case = Case(request, contract, bareme, config, care or _UNCOVERED, history)
    drafts = [Draft(line, bareme, care) for line in sorted(request.lines, key=lambda line: line.sequence)]
    admit(case, drafts)
    purse = Purse(request.type, case.care, limits_of(contract, request.type), balances)
    lines = [share_out(case, draft) if draft.reason else price(case, draft, purse) for draft in drafts]
    result = _payable(request, lines, purse)
    review = tuple(dict.fromkeys(draft.review for draft in drafts if draft.review))
    return replace(result, review=review) if review else result


def refuse(request: Request, bareme: BaremeTerms | None, refusal: Refusal) -> Result:
    """Return the price of a claim that is stopped as a whole: nothing covered, every line carries the reason."""
    reason, params = refusal
    lines = []
    for line in sorted(request.lines, key=lambda line: line.sequence):
        draft = Draft(line, bareme, None)
        draft.stop(reason, params)
        lines.append(share_out(None, draft))
    return _sum_up("duplicate" if reason == "DUPLICATE" else "rejected", reason, lines)


def _payable(request: Request, lines: list[LineResult], purse: Purse) -> Result:
    """Sum up lines that passed the gates; a claim of which the rules leave nothing is rejected.

    One that only fills a yearly deductible stands: the next claim counts on it.
    """
    covered = any(line.covered for line in lines)
    fills_deductible = deductible_scope(request.type) in purse.consumption
    by_rule = any(line.line_total for line in lines) or all(line.is_stopped for line in lines)
    if by_rule and not covered and not fills_deductible:
        return _sum_up("rejected", next((line.reason_code for line in lines if line.reason_code), ""), lines)
    is_partial = any(line.is_stopped or any(step.rule in _CUT_SHORT for step in line.steps) for line in lines)
    return _sum_up("payable", "", lines, purse, decision="partial" if is_partial else "approved")


def _sum_up(
    status: str,
    reason: str,
    lines: Sequence[LineResult],
    purse: Purse | None = None,
    *,
    decision: str = "denied",
) -> Result:
    return Result(
        status=status,
        decision=decision,
        reason_code=reason,
        total=sum(line.line_total for line in lines),
        covered=sum(line.covered for line in lines),
        copay=sum(line.copay for line in lines),
        writeoff=sum(line.writeoff for line in lines),
        tax=sum(line.tax for line in lines),
        lines=tuple(lines),
        consumption={} if purse is None else dict(purse.consumption),
        review=(),
        engine_version=ENGINE_VERSION,
    )
