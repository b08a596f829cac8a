"""Writes of the agenda."""

from apps.agenda.services.absences import change_absence, create_absence, remove_absence
from apps.agenda.services.booking import book_appointment, move_appointment
from apps.agenda.services.notes import add_note
from apps.agenda.services.types import change_type, create_type, remove_type
from apps.agenda.services.visits import cancel_appointment, change_appointment

__all__ = [
    "add_note",
    "book_appointment",
    "cancel_appointment",
    "change_absence",
    "change_appointment",
    "change_type",
    "create_absence",
    "create_type",
    "move_appointment",
    "remove_absence",
    "remove_type",
]
