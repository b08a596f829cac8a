"""Amounts a person of the insurer sets on the lines of a claim, instead of the engine's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInput, PermissionRefused
from apps.insurance.engine import Adjustment, LineResult, Result, Step
from apps.insurance.engine.canonical import from_plain, to_plain
from apps.insurance.engine.reasons import PATIENT_GROUP, REASONS
from apps.insurance.models import ClaimItem

REVIEW = REASONS["REVIEW"]


@dataclass(frozen=True, slots=True)
class Amended:
    """What was changed, by line; empty when nothing was."""

    amounts: Mapping[UUID, int]
    delta: int
    by_sequence: Mapping[int, ClaimItem]

    def __bool__(self) -> bool:
        return bool(self.by_sequence)

    def result(self, before: Result) -> Result:
        """Return a stored result with these lines changed."""
        lines = tuple(self._line(line) for line in before.lines)
        return replace(
            before,
            lines=lines,
            covered=sum(line.covered for line in lines),
            copay=sum(line.copay for line in lines),
            decision="partial",
        )

    def _line(self, line: LineResult) -> LineResult:
        item = self.by_sequence.get(line.sequence)
        if item is None:
            return line
        return replace(
            line,
            covered=item.covered_amount,
            copay=item.copay_amount,
            reason_code=item.reason_code,
            rule_applied=item.rule_applied,
            steps=from_plain(tuple[Step, ...], item.explanation["steps"]),
            adjustments=from_plain(tuple[Adjustment, ...], item.explanation["adjustments"]),
        )


def amend(
    items: Sequence[ClaimItem],
    amounts: Mapping[UUID, int],
    *,
    reason: str,
    engine: Mapping[int, int] | None,
) -> Amended:
    """Set covered amounts on the rows of lines; the caller saves them.

    `engine` holds the engine's amounts by line where the person may not go above them. Refuses (InvalidInput) lines of
    another claim, a change without a reason, and an amount above what the line allows; (PermissionRefused) one raised
    above the engine's.
    """
    by_key = {item.pk: item for item in items}
    if set(amounts) - set(by_key):
        raise InvalidInput(items=[_("This line does not belong to the claim.")])
    changed = {key: amount for key, amount in amounts.items() if by_key[key].covered_amount != amount}
    if changed and not reason.strip():
        raise InvalidInput(reason=[_("A reason is needed to set another amount.")])
    delta = 0
    for key, amount in changed.items():
        item = by_key[key]
        if not 0 <= amount <= most_of(item):
            raise InvalidInput(items=[_("At most the eligible amount of the line can be covered.")])
        if engine is not None and amount > max(item.covered_amount, engine[item.sequence]):
            raise PermissionRefused
        delta += amount - item.covered_amount
        set_amount(item, amount)
    return Amended(changed, delta, {by_key[key].sequence: by_key[key] for key in changed})


def most_of(item: ClaimItem) -> int:
    """Return the most a line may be covered: never above its eligible amount, nor above what is left to be borne."""
    borne = item.line_total + item.tax_amount - item.writeoff_amount - item.prior_paid
    return max(0, min(item.allowed_amount, borne))


def set_amount(item: ClaimItem, amount: int) -> None:
    """Set a covered amount; what it lacks is the patient's, what it adds is taken off the patient's parts."""
    before = item.covered_amount
    adjustments = list(from_plain(tuple[Adjustment, ...], item.explanation["adjustments"]))
    if amount < before:
        adjustments.append(Adjustment(before - amount, PATIENT_GROUP, REVIEW.carc, "", REVIEW.code))
    else:
        adjustments = less(adjustments, amount - before)
    steps = [*item.explanation["steps"], to_plain(Step(REVIEW.code, before, amount, {}))]
    item.covered_amount = amount
    item.copay_amount += before - amount
    item.reason_code = REVIEW.code
    item.rule_applied = f"{item.rule_applied}>{REVIEW.code}"[-200:].lstrip(">")
    item.explanation = {**item.explanation, "steps": steps, "adjustments": to_plain(adjustments)}


def less(adjustments: list[Adjustment], amount: int) -> list[Adjustment]:
    """Take an amount off the patient's adjustments, the latest first."""
    left = amount
    kept: list[Adjustment] = []
    for part in reversed(adjustments):
        taken = min(part.amount, left) if part.group == PATIENT_GROUP and part.code != "TAX" else 0
        left -= taken
        if part.amount > taken:
            kept.append(part._replace(amount=part.amount - taken))
    return kept[::-1]
