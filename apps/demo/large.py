"""A big database in minutes: COPY straight into the tables, for measuring and for nothing else."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from random import Random
from typing import Any

from django.db import connection
from psycopg.types.range import Range
from uuid6 import uuid7

from apps.agenda.models import Appointment, AppointmentType, Occupancy
from apps.core.context import bind
from apps.core.scope import SystemActor
from apps.demo.houses import DentalHouse, build_house
from apps.demo.names import person
from apps.directory.models import Practice, Room
from apps.patients.models import Patient
from apps.patients.search import search_fields

ACTOR = SystemActor("demo-large")
PATIENTS_PER_HOUSE = 5_000
SLOT = timedelta(minutes=30)
SLOTS_PER_DAY = 20
Progress = Callable[[int], None]


def build_houses(count: int, *, start: int) -> list[DentalHouse]:
    """Create `count` practices of four dentists and four rooms each."""
    houses = []
    with bind(actor_id=ACTOR.id, actor_role=ACTOR.role, action="demo.large.build"):
        for n in range(start, start + count):
            house = build_house(
                {
                    "name": f"Cabinet {n:04d}",
                    "kind": Practice.Kind.DENTAL,
                    "license_no": f"LARGE-{n:06d}",
                    "city": "Lille",
                },
                dentists=tuple(("Dentiste", f"{n}-{k}", "", "#2563eb") for k in range(4)),
                assistants=(),
                rooms=tuple((f"Fauteuil {k}", Room.Kind.TREATMENT) for k in range(4)),
                hours=(time(8), time(19)),
            )
            AppointmentType.objects.create(practice=house.practice, name="Contrôle", duration_minutes=30)
            houses.append(house)
    return houses


def copy_rows(
    table: str, columns: list[str], rows: Iterator[tuple[Any, ...]], progress: Progress, every: int = 5000
) -> int:
    """COPY rows into a table; returns how many. Nothing is audited: these are not people."""
    written = 0
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor, cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)
            written += 1
            if written % every == 0:
                progress(every)
    progress(written % every)
    return written


def key() -> uuid.UUID:
    """Return a new time-ordered key."""
    return uuid.UUID(int=uuid7().int)


class PatientLoader:
    """Writes patients of one practice and remembers their keys."""

    def __init__(self, seed: int, today: date) -> None:
        self.random = Random(seed)  # noqa: S311 - repeatable data, not secrets
        self.today = today
        self.ids: list[uuid.UUID] = []
        self.columns, self.defaults = defaults_of(Patient)

    def rows(self, practice: Practice, count: int) -> Iterator[tuple[Any, ...]]:
        """Yield `count` rows in the order of `columns`."""
        now = datetime.now(UTC)
        for number in range(1, count + 1):
            someone = person(self.random, number=number, today=self.today)
            patient = Patient(
                practice=practice,
                file_number=number,
                first_name=someone.first_name,
                last_name=someone.last_name,
                sex=someone.sex,
                birth_date=someone.birth_date,
                email=someone.email,
                phone=someone.phone,
                city="Lille",
            )
            self.ids.append(patient.pk)
            values = {
                **self.defaults,
                **{
                    name: getattr(patient, name)
                    for name in ("first_name", "last_name", "sex", "birth_date", "email", "phone", "city")
                },
                **search_fields(patient),
                "id": patient.pk,
                "practice_id": practice.pk,
                "file_number": number,
                "created_at": now,
                "updated_at": now,
            }
            yield tuple(values[name] for name in self.columns)


def defaults_of(model: Any) -> tuple[list[str], dict[str, Any]]:
    """Return a model's columns and what an instance holds in them by default."""
    blank = model()
    names = [field.attname for field in model._meta.concrete_fields if not field.generated]
    return names, {name: blank.__dict__.get(name) for name in names}


def appointment_rows(
    house: DentalHouse, patients: list[uuid.UUID], count: int, *, first_day: date
) -> Iterator[tuple[dict[str, Any], list[tuple[Any, ...]]]]:
    """Yield appointments back to back, one per dentist, room and slot, with the time each of them holds.

    Patients are dealt in turn, and there are more of them than dentists, so that nobody is in two chairs at once.
    """
    kind = AppointmentType.objects.filter(practice=house.practice).values_list("pk", flat=True).first()
    made, day = 0, first_day
    while made < count:
        if day.isoweekday() <= 5:
            opening = datetime.combine(day, time(8), tzinfo=house.practice.zone).astimezone(UTC)
            for slot in range(SLOTS_PER_DAY):
                starts = opening + SLOT * slot
                for chair, dentist in enumerate(house.dentists):
                    if made >= count:
                        return
                    yield appointment(
                        house,
                        kind=kind,
                        dentist=dentist.pk,
                        room=house.rooms[chair].pk,
                        patient=patients[made % len(patients)],
                        starts=starts,
                    )
                    made += 1
        day += timedelta(days=1)


def appointment(
    house: DentalHouse,
    *,
    kind: Any,
    dentist: uuid.UUID,
    room: uuid.UUID,
    patient: uuid.UUID,
    starts: datetime,
) -> tuple[dict[str, Any], list[tuple[Any, ...]]]:
    """Return one appointment's values and its three occupancies."""
    pk, ends = key(), starts + SLOT
    past = ends < datetime.now(UTC)
    values = {
        "id": pk,
        "practice_id": house.practice.pk,
        "patient_id": patient,
        "practitioner_id": dentist,
        "room_id": room,
        "type_id": kind,
        "starts_at": starts,
        "ends_at": ends,
        "scheduled_at": starts - timedelta(days=14),
        "status": Appointment.Status.DONE.value if past else Appointment.Status.BOOKED.value,
    }
    period = Range(starts, ends, "[)")
    held = [
        (house.practice.pk, pk, resource, role, period, True)
        for resource, role in (
            (dentist, Occupancy.Kind.PRACTITIONER.value),
            (room, Occupancy.Kind.ROOM.value),
            (patient, Occupancy.Kind.PATIENT.value),
        )
    ]
    return values, held


def load_diary(
    house: DentalHouse,
    patients: list[uuid.UUID],
    count: int,
    *,
    first_day: date,
    progress: Progress,
    chunk: int = 20_000,
) -> int:
    """Write `count` appointments with their occupancies, a chunk at a time: one connection runs one COPY."""
    columns, defaults = defaults_of(Appointment)
    now = datetime.now(UTC)
    source = appointment_rows(house, patients, count, first_day=first_day)
    written = 0
    while batch := list(islice(source, chunk)):
        rows = ({**defaults, "created_at": now, "updated_at": now, **values} for values, _held in batch)
        table = Appointment._meta.db_table
        written += copy_rows(table, columns, (tuple(row[name] for name in columns) for row in rows), progress)
        held = (row for _values, rows_held in batch for row in rows_held)
        copy_rows(Occupancy._meta.db_table, OCCUPANCY_COLUMNS, held, lambda _done: None)
    return written


OCCUPANCY_COLUMNS = ["practice_id", "appointment_id", "resource_id", "kind", "period", "blocking"]
