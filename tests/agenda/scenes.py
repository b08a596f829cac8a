"""What the agenda's tests book with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apps.agenda.models import Appointment, AppointmentType
from apps.agenda.services import book_appointment
from apps.core.context import bind
from apps.core.scope import SystemActor
from apps.directory.models import Practice
from apps.patients.models import Patient

PARIS = ZoneInfo("Europe/Paris")
STAGE = SystemActor("test-stage")
# The day after the fixed moment `at`, which is Monday 23 November 2026, 09:00 in Paris.
TUESDAY = datetime(2026, 11, 24, tzinfo=PARIS)


def make_patient(practice: Practice, number: int = 1, **fields: Any) -> Patient:
    """Create a patient without going through the front desk."""
    values = {
        "first_name": "Camille",
        "last_name": f"Durand{number}",
        "phone": "+33612345678",
        "email": "camille@example.org",
        **fields,
    }
    with bind(actor_id=STAGE.id, actor_role=STAGE.role, action="test.stage"):
        return Patient.objects.create(practice=practice, file_number=number, **values)


def make_type(practice: Practice, name: str = "Contrôle", **fields: Any) -> AppointmentType:
    """Create a kind of visit."""
    with bind(actor_id=STAGE.id, actor_role=STAGE.role, action="test.stage"):
        return AppointmentType.objects.create(
            practice=practice, name=name, **{"duration_minutes": 30, **fields}
        )


def clock(hour: int, minute: int = 0, day: datetime = TUESDAY) -> datetime:
    """Return a wall-clock time of a day in Paris."""
    return day.replace(hour=hour, minute=minute)


class Desk:
    """Books at one practice with as few words as possible."""

    def __init__(self, actor: Any, house: Any, at: datetime) -> None:
        self.actor, self.house, self.at = actor, house, at
        self.type = make_type(house.practice)
        self.patients = [make_patient(house.practice, number) for number in (1, 2, 3)]

    def book(
        self,
        starts_at: datetime,
        minutes: int = 30,
        *,
        who: int = 0,
        chair: int = 0,
        patient: int = 0,
        **more: Any,
    ) -> Appointment:
        """Book the numbered practitioner, room and patient."""
        asked = {
            "actor": self.actor,
            "practice": self.house.practice,
            "patient": self.patients[patient],
            "practitioner": self.house.practitioners[who],
            "room": self.house.rooms[chair],
            "type": self.type,
            "starts_at": starts_at,
            "ends_at": starts_at.astimezone(UTC) + timedelta(minutes=minutes),
            "at": self.at,
            **more,
        }
        return book_appointment(**asked)

    def body(self, starts_at: str, **more: Any) -> dict[str, Any]:
        """Return the body of POST /appointments."""
        return {
            "patient": str(self.patients[0].pk),
            "practitioner": str(self.house.practitioners[0].pk),
            "room": str(self.house.rooms[0].pk),
            "type": str(self.type.pk),
            "starts_at": starts_at,
            **more,
        }
