"""Free time: which starts a booking of some type would be given, over days and practitioners, in six queries at most."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import DateField, DateTimeField, F, UUIDField, Value

from apps.agenda.models import Absence, AppointmentType, OpenHoliday
from apps.agenda.services.resources import stretches
from apps.agenda.services.rules import opening_periods
from apps.core.clock import start_of_day
from apps.directory.holidays import holidays_between
from apps.directory.models import Practice, Practitioner
from apps.directory.selectors import hours_for

Period = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Slot:
    """A start that is free; `leftover` is the idle time it would leave around it."""

    practitioner_id: UUID
    room_id: UUID
    starts_at: datetime
    ends_at: datetime
    leftover: timedelta


@dataclass(slots=True)
class Busy:
    """Held time of one person or room, disjoint or not, looked up by bisection."""

    starts: list[datetime] = field(default_factory=list)
    ends: list[datetime] = field(default_factory=list)

    def fill(self, periods: Sequence[Period]) -> None:
        """Take periods in any order; overlapping ones (overbooking) are joined."""
        for since, until in sorted(periods):
            if self.ends and since <= self.ends[-1]:
                self.ends[-1] = max(self.ends[-1], until)
            else:
                self.starts.append(since)
                self.ends.append(until)

    def is_free(self, since: datetime, until: datetime) -> bool:
        """Say whether nothing is held in the half-open range."""
        return bisect_right(self.ends, since) == bisect_left(self.starts, until)

    def gap(self, since: datetime, until: datetime, around: Period) -> timedelta:
        """Return how long the free time around a free range is, within `around`."""
        before, after = bisect_right(self.ends, since), bisect_left(self.starts, until)
        opens = max(around[0], self.ends[before - 1]) if before else around[0]
        closes = min(around[1], self.starts[after]) if after < len(self.starts) else around[1]
        return closes - opens


def find_slots(
    *,
    practice: Practice,
    kind: AppointmentType,
    practitioners: Collection[Practitioner],
    first: date,
    last: date,
    at: datetime,
    minutes: int | None = None,
    step: int = 15,
    best_fit: bool = False,
    limit: int = 500,
) -> list[Slot]:
    """Return free starts from `first` to `last`, local days inclusive, on a grid of `step` minutes; none in the past.

    Ordered by time, or by the idle time they would leave (`best_fit`). Hours, public holidays, absences, closures, held
    time, the type's pattern, room kind and room buffers are those booking respects; assistants receive nobody.
    """
    zone = practice.zone
    window = (start_of_day(first, zone), start_of_day(last + timedelta(days=1), zone))
    people = [person.pk for person in practitioners if person.kind != Practitioner.Kind.ASSISTANT]
    hours = hours_for(practice_id=practice.pk, practitioners=people)
    margin = timedelta(hours=4)  # buffers and visits that began before the window
    rooms, busy = held_time(practice, kind, people, (window[0] - margin, window[1] + margin))
    away, worked = exceptions(practice, people, window)
    closed = set(holidays_between(practice.country, first, last)) - worked
    for person, periods in away.items():
        busy[person] += periods
    lookups: dict[UUID, Busy] = defaultdict(Busy)
    for resource, periods in busy.items():
        lookups[resource].fill(periods)
    length = timedelta(minutes=minutes or kind.duration_minutes)
    found: list[Slot] = []
    for person in people:
        for opening in opening_periods(hours[person], first, last, zone, closed=closed):
            within = (max(opening[0], window[0], at), min(opening[1], window[1]))
            for start in grid(opening[0], within, length, step):
                slot = slot_at(kind, person, rooms, lookups, span=(start, start + length), opening=opening)
                if slot is not None:
                    found.append(slot)
    found.sort(
        key=lambda slot: (slot.leftover, slot.starts_at) if best_fit else (slot.starts_at, slot.leftover)
    )
    return found[:limit]


def grid(origin: datetime, within: Period, length: timedelta, step: int) -> Iterator[datetime]:
    """Yield starts every `step` minutes from the opening that fit the period whole."""
    stride = timedelta(minutes=step)
    late = max(within[0] - origin, timedelta())
    start = origin + stride * -(-late // stride)
    while start + length <= within[1]:
        yield start
        start += stride


def slot_at(
    kind: AppointmentType,
    person: UUID,
    rooms: Sequence[UUID],
    busy: dict[UUID, Busy],
    *,
    span: Period,
    opening: Period,
) -> Slot | None:
    """Return the slot of one practitioner in the first room that is free, or None."""
    runs = stretches(kind.pattern, "X", *span)
    if not all(busy[person].is_free(*run) for run in runs):
        return None
    before = timedelta(minutes=kind.buffer_before_minutes)
    after = timedelta(minutes=kind.buffer_after_minutes)
    room = next((key for key in rooms if busy[key].is_free(span[0] - before, span[1] + after)), None)
    if room is None:
        return None
    idle = busy[person].gap(runs[0][0], runs[0][1], opening) - (runs[0][1] - runs[0][0])
    return Slot(person, room, *span, leftover=idle)


# One index scan per resource: with `resource_id = ANY(...)` the planner takes the index for the period alone and reads the
# time of the whole network. Rooms are numbered in the order of the screen; people have no number.
HELD = """
SELECT r.id, r.place, lower(o.period), upper(o.period)
FROM (
    SELECT id, 0 AS place FROM unnest(%(people)s::uuid[]) AS p(id)
    UNION ALL
    SELECT id, row_number() OVER (ORDER BY position, name, id) FROM directory_room
    WHERE practice_id = %(practice)s AND is_active AND deleted_at IS NULL AND %(kind)s IN ('', kind)
) AS r
LEFT JOIN LATERAL (
    SELECT period FROM agenda_occupancy WHERE resource_id = r.id AND period && %(window)s
) AS o ON true
ORDER BY r.place
"""


def held_time(
    practice: Practice, kind: AppointmentType, people: Sequence[UUID], window: Period
) -> tuple[list[UUID], dict[UUID, list[Period]]]:
    """Return the rooms in use in which a type of visit may take place, and the time held of them and of people."""
    asked = {
        "people": list(people),
        "practice": practice.pk,
        "kind": kind.room_kind,
        "window": DateTimeTZRange(*window, "[)"),
    }
    rooms: dict[UUID, None] = {}
    found: dict[UUID, list[Period]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(HELD, asked)
        for resource, place, since, until in cursor.fetchall():
            if place:
                rooms[resource] = None
            if since is not None:
                found[resource].append((since, until))
    return list(rooms), found


def exceptions(
    practice: Practice, people: Sequence[UUID], window: Period
) -> tuple[dict[UUID, list[Period]], set[date]]:
    """Return time away by practitioner, and the public holidays worked, in one query.

    A closure of the practice counts for everybody.
    """
    gone: Any = Absence.objects.filter(practice=practice).between(*window).concerning(people)
    gone = gone.annotate(who=F("practitioner_id"), since=F("starts_at"), until=F("ends_at"))
    gone = gone.annotate(worked=Value(None, DateField())).values_list("who", "since", "until", "worked")
    opened: Any = OpenHoliday.objects.filter(
        practice=practice, day__range=(window[0].date(), window[1].date())
    )
    opened = opened.annotate(
        who=Value(None, UUIDField()),
        since=Value(None, DateTimeField()),
        until=Value(None, DateTimeField()),
        worked=F("day"),
    ).values_list("who", "since", "until", "worked")
    away: dict[UUID, list[Period]] = defaultdict(list)
    worked: set[date] = set()
    for who, since, until, day in gone.union(opened, all=True):
        if day is not None:
            worked.add(day)
            continue
        for person in people if who is None else [who]:
            away[person].append((since, until))
    return away, worked
