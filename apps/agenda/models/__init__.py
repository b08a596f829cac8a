"""Rows of the agenda."""

from apps.agenda.models.days import OpenHoliday
from apps.agenda.models.feeds import AgendaChange, AgendaSequence, CalendarToken
from apps.agenda.models.pinboard import PinnedVisit
from apps.agenda.models.recalls import Recall, RecallAttempt, RecallType
from apps.agenda.models.series import Series
from apps.agenda.models.visits import (
    LONGEST_MINUTES,
    STEP_MINUTES,
    Absence,
    Appointment,
    AppointmentNote,
    AppointmentType,
    Occupancy,
    pattern_syntax,
)
from apps.agenda.models.waiting import FreedSlot, WaitlistEntry, WaitlistOffer

__all__ = [
    "LONGEST_MINUTES",
    "STEP_MINUTES",
    "Absence",
    "AgendaChange",
    "AgendaSequence",
    "Appointment",
    "AppointmentNote",
    "AppointmentType",
    "CalendarToken",
    "FreedSlot",
    "Occupancy",
    "OpenHoliday",
    "PinnedVisit",
    "Recall",
    "RecallAttempt",
    "RecallType",
    "Series",
    "WaitlistEntry",
    "WaitlistOffer",
    "pattern_syntax",
]
