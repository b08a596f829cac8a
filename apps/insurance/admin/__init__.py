"""The payer network in the admin."""

from apps.insurance.admin import (
    claims,
    contracts,
    conventions,
    coverages,
    disputes,
    flags,
    lines,
    people,
    progress,
    proofs,
    reconciliations,
)

__all__ = [
    "claims", "contracts", "conventions", "coverages", "disputes", "flags", "lines", "people", "progress", "proofs",
    "reconciliations",
]  # fmt: skip
