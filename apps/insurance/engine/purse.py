"""What a claim may still spend, line after line: deductibles to bear first, ceilings not to pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from apps.insurance.engine.limits import deductible_scope
from apps.insurance.engine.terms import CareTerms
from apps.insurance.engine.types import ALL_CARE, Balances


class Purse:
    """The room left in one claim and in the contract's period; lines draw on it in their order."""

    def __init__(
        self, care_type: str, care: CareTerms, limits: Mapping[str, int | None], balances: Balances
    ) -> None:
        self._care_type = care_type
        self._left = {
            scope: None if limit is None else max(0, limit - balances.used.get(scope, 0))
            for scope, limit in limits.items()
        }
        self._claim_left = care.claim_cap
        self._yearly = self._left.get(deductible_scope(care_type)) or 0
        self._once = care.deductible_per_claim or 0
        self.consumption: dict[str, int] = {}

    def take_deductible(self, amount: int) -> int:
        """Take the deductible out of an amount, the year's before the claim's; returns how much."""
        yearly = min(amount, self._yearly)
        once = min(amount - yearly, self._once)
        self._yearly -= yearly
        self._once -= once
        if yearly:
            self._consume(deductible_scope(self._care_type), yearly)
        return yearly + once

    def ceilings(self) -> Iterator[tuple[str, int]]:
        """Yield every ceiling on the next line's amount, in the order they are applied."""
        for rule, left in (
            ("LIMIT_CLAIM", self._claim_left),
            ("LIMIT_CARE", self._left.get(self._care_type)),
            ("LIMIT_ANNUAL", self._left.get(ALL_CARE)),
        ):
            if left is not None:
                yield rule, left

    def spend(self, amount: int) -> None:
        """Take a covered amount out of every ceiling."""
        if not amount:
            return
        if self._claim_left is not None:
            self._claim_left -= amount
        for scope in (self._care_type, ALL_CARE):
            if scope in self._left:
                left = self._left[scope]
                self._left[scope] = None if left is None else left - amount
                self._consume(scope, amount)

    def _consume(self, scope: str, amount: int) -> None:
        self.consumption[scope] = self.consumption.get(scope, 0) + amount
