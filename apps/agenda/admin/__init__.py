"""The agenda in the admin."""

from apps.agenda.admin import feeds, visits

__all__ = ["feeds", "visits"]
