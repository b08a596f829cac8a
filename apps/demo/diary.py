"""Eight weeks of visits: four behind, four ahead, booked and run through the same services as real ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from apps.accounts.models import User
from apps.agenda.models import Appointment, AppointmentType
from apps.agenda.services import (
    add_note,
    book_appointment,
    cancel_appointment,
    change_appointment,
    create_type,
)
from apps.core.errors import DomainError
from apps.core.scope import Viewer
from apps.demo.houses import DentalHouse
from apps.directory.models import Practitioner, Room
from apps.patients.models import Patient

# name, minutes, colour, room kind, share of the diary
TYPES = (
    ("Contrôle et détartrage", 30, "#2563eb", "", 34),
    ("Première visite", 45, "#0891b2", "", 14),
    ("Soin conservateur", 45, "#059669", "", 24),
    ("Endodontie", 60, "#d97706", "", 8),
    ("Couronne, préparation", 60, "#7c3aed", "", 6),
    ("Urgence", 20, "#dc2626", "", 8),
    ("Chirurgie", 60, "#be123c", Room.Kind.SURGERY, 6),
)
WEEKS_BEHIND, WEEKS_AHEAD = 4, 4
NOTES = (
    "Prévient qu’elle aura dix minutes de retard.",
    "Préfère le fauteuil près de la fenêtre.",
    "Vient avec son fils.",
    "A demandé un devis.",
)


@dataclass(slots=True)
class Diary:
    """One practice's diary in the making."""

    house: DentalHouse
    patients: list[Patient]
    desk: Viewer
    dentists: dict[object, User]
    random: Random
    now: datetime
    types: list[AppointmentType] = field(default_factory=list)

    def build_types(self) -> None:
        """Create the kinds of visit; surgery only where there is a surgical room."""
        kinds = {room.kind for room in self.house.rooms}
        for position, (name, minutes, color, room_kind, _share) in enumerate(TYPES):
            self.types.append(
                create_type(
                    actor=self.desk,
                    practice=self.house.practice,
                    name=name,
                    duration_minutes=minutes,
                    color=color,
                    room_kind=room_kind if room_kind in kinds else "",
                    position=position,
                )
            )

    def days(self) -> Iterator[date]:
        """Yield the working days of the eight weeks, none of them further ahead."""
        today = self.now.astimezone(self.house.practice.zone).date()
        monday = today - timedelta(days=today.weekday())
        for n in range(-7 * WEEKS_BEHIND, 7 * WEEKS_AHEAD):
            day = monday + timedelta(days=n)
            if day.isoweekday() <= 5:
                yield day

    def fill(self, progress: Callable[[], None]) -> list[Appointment]:
        """Book every day and let the past ones happen; returns the visits that took place, oldest first."""
        done = []
        for day in self.days():
            free = self.random.sample(self.patients, len(self.patients))
            for dentist in self.house.dentists:
                done += self.fill_day(day, dentist, free)
            progress()
        return sorted(done, key=lambda visit: visit.starts_at)

    def fill_day(self, day: date, dentist: Practitioner, free: list[Patient]) -> list[Appointment]:
        """Book one dentist's day, thinner the further ahead it lies."""
        zone = self.house.practice.zone
        begins = datetime.combine(day, time(9), tzinfo=zone)
        ends = datetime.combine(day, time(18), tzinfo=zone)
        ahead = max(0, (begins - self.now).days)
        moment, done = begins + timedelta(minutes=15 * self.random.randrange(3)), []
        while moment < ends - timedelta(hours=1) and free:
            kind = self.random.choices(self.types, weights=[share for *_rest, share in TYPES])[0]
            lunch = 12 <= moment.hour < 14
            if not lunch and self.random.random() < max(0.25, 0.62 - ahead * 0.015):
                visit = self.book(moment, dentist, kind, free.pop())
                if visit is not None and visit.ends_at < self.now and self.happen(visit):
                    done.append(visit)
            moment += timedelta(minutes=kind.duration_minutes + self.random.choice((0, 15, 30)))
        return done

    def book(
        self, starts_at: datetime, dentist: Practitioner, kind: AppointmentType, patient: Patient
    ) -> Appointment | None:
        """Book in the first room that is free; a full house is nobody's fault."""
        rooms = sorted(self.house.rooms, key=lambda room: room.pk != dentist.default_room_id)
        booked_at = min(starts_at.astimezone(UTC) - timedelta(days=self.random.randrange(2, 21)), self.now)
        for room in rooms:
            try:
                visit = book_appointment(
                    actor=self.desk,
                    practice=self.house.practice,
                    patient=patient,
                    practitioner=dentist,
                    room=room,
                    type=kind,
                    starts_at=starts_at.astimezone(UTC),
                    at=booked_at,
                )
            except DomainError:
                continue
            if self.random.random() < 0.04:
                add_note(actor=self.desk, appointment=visit, body=self.random.choice(NOTES), at=booked_at)
            if starts_at > self.now and self.random.random() < 0.35:
                visit = change_appointment(actor=self.desk, appointment=visit, verb="confirm", at=self.now)
            return visit
        return None

    def happen(self, visit: Appointment) -> bool:
        """Let a past visit take place, be cancelled or be missed; says whether it took place."""
        fate = self.random.random()
        if fate < 0.05:
            who = self.random.choice(("patient", "practice"))
            when = visit.starts_at - timedelta(hours=self.random.randrange(3, 40))
            cancel_appointment(
                actor=self.desk, appointment=visit, at=when, reason="Empêchement", cancelled_by=who
            )
            return False
        if fate < 0.09:
            change_appointment(
                actor=self.desk, appointment=visit, verb="no-show", at=visit.starts_at + timedelta(minutes=20)
            )
            return False
        late = timedelta(minutes=self.random.randrange(-5, 10))
        change_appointment(actor=self.desk, appointment=visit, verb="arrive", at=visit.starts_at + late)
        dentist = self.dentists.get(visit.practitioner_id, self.desk)
        change_appointment(
            actor=dentist, appointment=visit, verb="seat", at=visit.starts_at + timedelta(minutes=8)
        )
        change_appointment(actor=dentist, appointment=visit, verb="complete", at=visit.ends_at)
        return True
