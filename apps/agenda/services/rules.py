"""What a visit must respect besides free time: the house, its hours, absences and the room's kind."""

from __future__ import annotations

from collections.abc import Container, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.agenda.models import LONGEST_MINUTES, STEP_MINUTES, Absence, Appointment, OpenHoliday
from apps.agenda.services.resources import Locked
from apps.core.errors import DomainError, InvalidInput
from apps.directory.holidays import holidays_between
from apps.directory.models import OpeningHours, Practice, Practitioner
from apps.directory.selectors import hours_for, in_force
from apps.patients.models import Patient

LAST_MINUTE = time(23, 59)


class OutsideHours(DomainError):
    """Nobody receives then."""

    code = "OUTSIDE_HOURS"
    message = gettext_lazy("This is outside the opening hours.")


class PractitionerAbsent(DomainError):
    """The practitioner or the assistant is away."""

    code = "PRACTITIONER_ABSENT"
    message = gettext_lazy("The practitioner is away at this time.")


class RoomNotSuitable(DomainError):
    """This kind of visit needs another kind of room."""

    code = "ROOM_NOT_SUITABLE"
    message = gettext_lazy("This room is not suitable for this kind of appointment.")


class PatientArchived(DomainError):
    """The patient's file is closed."""

    code = "PATIENT_ARCHIVED"
    message = gettext_lazy("This patient's file is closed; open it again before booking.")


def check_house(appointment: Appointment, rows: Locked) -> None:
    """Refuse anything of another practice, or out of use, worded as what does not exist."""
    wrong: dict[str, Any] = {}
    people = {"practitioner": appointment.practitioner_id, "assistant": appointment.assistant_id}
    for name, key in people.items():
        person = rows.practitioners.get(key) if key else None
        if key and (person is None or person.practice_id != appointment.practice_id or not person.is_active):
            wrong[name] = [_("This does not exist.")]
    room = rows.rooms.get(appointment.room_id)
    if room is None or room.practice_id != appointment.practice_id or room.is_deleted or not room.is_active:
        wrong["room"] = [_("This does not exist.")]
    patient = rows.patients.get(appointment.patient_id)
    if patient is None or patient.practice_id != appointment.practice_id or patient.merged_into_id:
        wrong["patient"] = [_("This does not exist.")]
    kind = appointment.type
    if kind.practice_id != appointment.practice_id or kind.is_deleted:
        wrong["type"] = [_("This does not exist.")]
    if wrong:
        raise InvalidInput(**wrong)
    if rows.practitioners[appointment.practitioner_id].kind == Practitioner.Kind.ASSISTANT:
        raise InvalidInput(practitioner=[_("An assistant cannot be the practitioner of a visit.")])
    if appointment.assistant_id == appointment.practitioner_id:
        raise InvalidInput(assistant=[_("The assistant must be another person than the practitioner.")])
    if rows.patients[appointment.patient_id].status in {Patient.Status.ARCHIVED, Patient.Status.DECEASED}:
        raise PatientArchived


def check_length(starts_at: datetime, ends_at: datetime) -> None:
    """Refuse a visit that ends before it starts, or is shorter or longer than any visit."""
    if ends_at <= starts_at:
        raise InvalidInput(ends_at=[_("The end must come after the start.")])
    minutes = (ends_at - starts_at).total_seconds() / 60
    if not STEP_MINUTES <= minutes <= LONGEST_MINUTES:
        limits = {"least": STEP_MINUTES, "most": LONGEST_MINUTES}
        raise InvalidInput(ends_at=[_("Between %(least)d and %(most)d minutes.") % limits])


def check_room_kind(appointment: Appointment, rows: Locked) -> None:
    """Refuse a room of another kind than the type of visit needs."""
    needed = appointment.type.room_kind
    room = rows.rooms[appointment.room_id]
    if needed and room.kind != needed:
        sentence = _("%(type)s needs another kind of room than %(room)s.")
        raise RoomNotSuitable(
            sentence % {"type": appointment.type.name, "room": room.name}, needed=needed, kind=room.kind
        )


def check_hours(appointment: Appointment, rows: Locked) -> None:
    """Refuse time in which the practitioner, or the assistant, does not receive."""
    people = people_of(appointment)
    hours = hours_for(practice_id=appointment.practice_id, practitioners=people)
    zone = appointment.practice.zone
    today = appointment.starts_at.astimezone(zone).date()
    first = today - timedelta(days=1)
    last = appointment.ends_at.astimezone(zone).date()
    closed = closed_days(appointment.practice, first, last)
    if today in closed:
        shown = {"day": f"{today:%d/%m/%Y}", "name": closed[today]}
        raise OutsideHours(_("The practice is closed on %(day)s: %(name)s.") % shown, day=today.isoformat())
    for person in people:
        open_time = opening_periods(hours[person], first, last, zone, closed=closed)
        if not any(
            since <= appointment.starts_at and appointment.ends_at <= until for since, until in open_time
        ):
            sentence = _("%(name)s does not receive at this time.")
            raise OutsideHours(
                sentence % {"name": rows.practitioners[person].display_name}, practitioner=str(person)
            )


def check_absences(appointment: Appointment, rows: Locked) -> None:
    """Refuse time in which somebody needed is away, or the practice is closed."""
    away = Absence.objects.filter(practice=appointment.practice_id)
    away = away.between(appointment.starts_at, appointment.ends_at).concerning(people_of(appointment))
    absence = away.in_order().first()
    if absence is None:
        return
    zone = appointment.practice.zone
    shown = {
        "since": absence.starts_at.astimezone(zone).strftime("%d/%m %H:%M"),
        "until": absence.ends_at.astimezone(zone).strftime("%d/%m %H:%M"),
    }
    if absence.practitioner_id is None:
        raise OutsideHours(_("The practice is closed from %(since)s to %(until)s.") % shown)
    shown["name"] = rows.practitioners[absence.practitioner_id].display_name
    raise PractitionerAbsent(
        _("%(name)s is away from %(since)s to %(until)s.") % shown, practitioner=str(absence.practitioner_id)
    )


def closed_days(practice: Practice, first: date, last: date) -> dict[date, Any]:
    """Return the public holidays from `first` to `last` on which the practice does not receive, with their names."""
    holidays = holidays_between(practice.country, first, last)
    if not holidays:
        return {}
    worked = set(
        OpenHoliday.objects.filter(practice=practice, day__in=holidays).values_list("day", flat=True)
    )
    return {day: name for day, name in holidays.items() if day not in worked}


def people_of(appointment: Appointment) -> list[Any]:
    """Return the keys of who is needed."""
    return [key for key in (appointment.practitioner_id, appointment.assistant_id) if key]


def opening_periods(
    hours: Iterable[OpeningHours], first: date, last: date, zone: ZoneInfo, *, closed: Container[date] = ()
) -> list[tuple[datetime, datetime]]:
    """Return the open time from `first` to `last` as UTC periods, touching ones joined, `closed` days left out.

    Hours are wall-clock times: the day of the spring change is an hour shorter, that of autumn longer.
    """
    rows = list(hours)
    periods: list[tuple[datetime, datetime]] = []
    day = first
    while day <= last:
        stretches = () if day in closed else in_force(rows, day)
        for row in sorted(stretches, key=lambda stretch: stretch.opens_at):
            since, until = wall(day, row.opens_at, zone), closing(day, row.closes_at, zone)
            if periods and since <= periods[-1][1]:
                periods[-1] = (periods[-1][0], max(until, periods[-1][1]))
            elif since < until:
                periods.append((since, until))
        day += timedelta(days=1)
    return periods


def closing(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return the closing moment; 23:59 stands for midnight, which a time of day cannot say."""
    if at >= LAST_MINUTE:
        return wall(day + timedelta(days=1), time.min, zone)
    return wall(day, at, zone, fold=1)


def wall(day: date, at: time, zone: ZoneInfo, fold: int = 0) -> datetime:
    """Return the UTC moment of a wall-clock time; a closing time that comes twice is the second one."""
    return datetime.combine(day, at, tzinfo=zone).replace(fold=fold).astimezone(UTC)
