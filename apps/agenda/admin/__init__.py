"""The agenda in the admin."""

from apps.agenda.admin import feeds, recalls, visits, waiting

__all__ = ["feeds", "recalls", "visits", "waiting"]
