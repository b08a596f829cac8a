"""The agenda in the admin."""

from apps.agenda.admin import feeds, visits, waiting

__all__ = ["feeds", "visits", "waiting"]
