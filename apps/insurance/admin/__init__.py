"""The payer network in the admin."""

from apps.insurance.admin import claims, contracts, conventions, coverages, flags, people, reconciliations

__all__ = ["claims", "contracts", "conventions", "coverages", "flags", "people", "reconciliations"]
