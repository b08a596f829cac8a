"""The ceilings of a contract in one period, by scope; the engine and the balance rows read the same."""

from __future__ import annotations

from apps.insurance.engine.terms import ContractTerms
from apps.insurance.engine.types import ALL_CARE


def deductible_scope(care_type: str) -> str:
    """Name the scope that counts the yearly deductible of a care type."""
    return f"deductible:{care_type}"


def limits_of(contract: ContractTerms, care_type: str) -> dict[str, int | None]:
    """Return the ceiling of every scope a claim of this care type touches; None is unlimited.

    A care type outside the limit does not touch the contract's own, and a yearly deductible is a ceiling on
    what the patient bears first.
    """
    care = contract.coverage.get(care_type)
    limits: dict[str, int | None] = {}
    if care is None:
        return limits
    if not care.outside_limit:
        limits[ALL_CARE] = annual_limit(contract)
    limits[care_type] = care.annual_sublimit
    if care.deductible_annual is not None:
        limits[deductible_scope(care_type)] = care.deductible_annual
    return limits


def annual_limit(contract: ContractTerms) -> int | None:
    """Return the contract's yearly limit; a household's is the one of its number of dependants, or the last."""
    steps = contract.limit_by_dependants
    return steps[min(contract.dependants, len(steps) - 1)] if steps else contract.annual_limit
