"""The agenda in the admin."""

from apps.agenda.admin import feeds, pinboard, recalls, series, visits, waiting

__all__ = ["feeds", "pinboard", "recalls", "series", "visits", "waiting"]
