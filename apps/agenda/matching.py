"""Who of those who wait fits a time that came free, the best first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Exists, F, OuterRef, Q

from apps.agenda.models import FreedSlot, Occupancy, WaitlistEntry, WaitlistOffer
from apps.directory.models import Room

MOST: Final = 200


def ranked_matches(slot: FreedSlot, *, limit: int = MOST) -> list[WaitlistEntry]:
    """Return the waiting patients to whom a freed time could be offered, in the order they would be asked.

    Fitting: the type's room, the wished practitioner, weekday, hours and dates, a duration that fits, a patient who is
    free then, can be written to, and was not asked for this time before. Order: priority, whoever fills the time best,
    who asked for this practitioner by name, who waits longest.
    """
    zone = slot.practice.zone
    starts = slot.starts_at.astimezone(zone)
    length = int((slot.ends_at - slot.starts_at).total_seconds() // 60)
    busy = Occupancy.objects.filter(
        resource_id=OuterRef("patient_id"),
        period__overlap=DateTimeTZRange(slot.starts_at, slot.ends_at, "[)"),
    )
    asked = WaitlistOffer.objects.filter(entry=OuterRef("pk")).filter(
        Q(state="open") | Q(practitioner=slot.practitioner_id, starts_at=slot.starts_at)
    )
    day = starts.date()
    rows = (
        WaitlistEntry.objects.filter(practice=slot.practice_id, status=WaitlistEntry.Status.WAITING)
        .filter(Q(practitioner=None) | Q(practitioner=slot.practitioner_id))
        .filter(Q(weekdays=[]) | Q(weekdays__contains=[day.isoweekday()]))
        .filter(Q(earliest=None) | Q(earliest__lte=starts.time()))
        .filter(Q(valid_from=None) | Q(valid_from__lte=day), Q(valid_until=None) | Q(valid_until__gte=day))
        .filter(Q(type__room_kind="") | Q(type__room_kind=kind_of(slot)))
        .filter(patient__restricted_at=None, patient__merged_into=None)
        .exclude(Exists(busy))
        .exclude(Exists(asked))
        .select_related("type", "patient", "practice")
        .order_by(F("priority").desc(), "requested_at", "pk")[:MOST]
    )
    fitting = [
        entry
        for entry in rows
        if entry.minutes <= length and ends_in_time(entry, starts) and entry.patient.reminder_channels
    ]
    fitting.sort(
        key=lambda e: (-e.priority, length - e.minutes, e.practitioner_id is None, e.requested_at, e.pk)
    )
    return fitting[:limit]


def ends_in_time(entry: WaitlistEntry, starts: datetime) -> bool:
    """Say whether a visit from `starts` (the practice's clock) would end by the hour wished."""
    ends = starts.replace(tzinfo=None) + timedelta(minutes=entry.minutes)
    return entry.latest is None or (ends.date() == starts.date() and ends.time() <= entry.latest)


def kind_of(slot: FreedSlot) -> str:
    """Return the kind of the room that came free."""
    kind: str = Room.objects.values_list("kind", flat=True).get(pk=slot.room_id)
    return kind
