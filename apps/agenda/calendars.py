"""The iCalendar feed of a practitioner: times and rooms, nothing about anybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from icalendar import Calendar, Event

from apps.agenda.models import Appointment
from apps.directory.models import Practitioner

BACK: Final = timedelta(days=30)
AHEAD: Final = timedelta(days=365)
GONE: Final = frozenset({"cancelled_by_patient", "cancelled_by_practice", "no_show"})


def calendar_of(practitioner: Practitioner, at: datetime) -> bytes:
    """Write the visits from a month ago to a year ahead, as practitioner or assistant.

    A visit keeps its UID for life; SEQUENCE is its version, so that a program takes over a move. A cancelled visit
    stays in as cancelled: programs that merge feeds would otherwise keep it.
    """
    feed = Calendar()
    feed.add("prodid", "-//OSdentaire//agenda//FR")
    feed.add("version", "2.0")
    feed.add("calscale", "GREGORIAN")
    feed.add("method", "PUBLISH")
    feed.add("x-wr-calname", _("Appointments"))
    feed.add("refresh-interval", timedelta(minutes=15), parameters={"value": "DURATION"})
    host = urlsplit(settings.PUBLIC_URL).hostname or "osdentaire"
    rows = Appointment.objects.filter(practice=practitioner.practice_id).of_person(practitioner.pk)
    for visit in rows.between(at - BACK, at + AHEAD).select_related("room").in_order():
        feed.add_component(event_of(visit, host))
    return bytes(feed.to_ical())


def event_of(visit: Appointment, host: str) -> Event:
    """Describe one visit without a word on who comes and why."""
    event = Event()
    event.add("uid", f"{visit.pk}@{host}")
    event.add("sequence", visit.version)
    event.add("dtstamp", visit.updated_at.astimezone(UTC))
    event.add("dtstart", visit.starts_at.astimezone(UTC))
    event.add("dtend", visit.ends_at.astimezone(UTC))
    event.add("summary", _("Appointment"))
    event.add("location", visit.room.name)
    event.add("class", "PRIVATE")
    gone = visit.status in GONE
    event.add("status", "CANCELLED" if gone else "CONFIRMED")
    event.add("transp", "TRANSPARENT" if gone else "OPAQUE")
    return event
