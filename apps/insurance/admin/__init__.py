"""The payer network in the admin."""

from apps.insurance.admin import contracts, conventions, flags, people

__all__ = ["contracts", "conventions", "flags", "people"]
