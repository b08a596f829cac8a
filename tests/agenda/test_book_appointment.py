"""Booking: what it writes and everything it refuses."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from apps.agenda.models import Absence, Appointment, Occupancy
from apps.agenda.services.resources import PatientBusy, RoomTaken, SlotTaken
from apps.agenda.services.rules import (
    OutsideHours,
    PatientArchived,
    PractitionerAbsent,
    RoomNotSuitable,
)
from apps.audit.models import AuditEntry
from apps.core.errors import InvalidInput, NotVisible, PermissionRefused
from apps.directory.models import OpeningHours, Room
from tests.agenda.scenes import TUESDAY, Desk, clock, make_patient, make_type

pytestmark = pytest.mark.django_db


def held(appointment: Appointment) -> set[tuple[str, str, str]]:
    """Return what an appointment holds, on the wall clock of Paris."""
    rows = Occupancy.objects.filter(appointment=appointment)
    return {
        (
            row.kind,
            *(m.astimezone(TUESDAY.tzinfo).strftime("%H:%M") for m in (row.period.lower, row.period.upper)),
        )
        for row in rows
    }


class TestBookAppointment:
    def test_holds_practitioner_room_and_patient(self, desk: Desk) -> None:
        booked = desk.book(clock(9))

        assert held(booked) == {
            ("practitioner", "09:00", "09:30"),
            ("room", "09:00", "09:30"),
            ("patient", "09:00", "09:30"),
        }
        assert (booked.status, booked.confirmation, booked.version) == ("booked", "unconfirmed", 1)

    def test_holds_the_assistant_too(self, desk: Desk) -> None:
        booked = desk.book(clock(9), assistant=desk.house.practitioners[2])

        assert ("assistant", "09:00", "09:30") in held(booked)

    def test_lasts_as_long_as_its_type(self, desk: Desk) -> None:
        booked = desk.book(clock(9), ends_at=None)

        assert booked.duration_minutes == 30

    def test_lasts_as_long_as_asked(self, desk: Desk) -> None:
        booked = desk.book(clock(9), ends_at=None, duration_minutes=45)

        assert booked.duration_minutes == 45

    def test_leaves_an_audit_entry_with_the_actor(self, desk: Desk) -> None:
        booked = desk.book(clock(9))

        entry = AuditEntry.objects.get(object_pk=str(booked.pk))
        assert (entry.event, entry.actor_id) == ("agenda.appointment.book", desk.actor.pk)

    def test_refuses_a_practitioner_who_is_taken_and_says_who(self, desk: Desk) -> None:
        desk.book(clock(9))

        with pytest.raises(SlotTaken, match="Ana Morel") as refused:
            desk.book(clock(9, 15), chair=1, patient=1)
        assert refused.value.details["kind"] == "practitioner"

    def test_refuses_a_room_that_is_taken(self, desk: Desk) -> None:
        desk.book(clock(9))

        with pytest.raises(RoomTaken, match="Fauteuil 1"):
            desk.book(clock(9, 15), who=1, patient=1)

    def test_refuses_a_patient_who_is_elsewhere(self, desk: Desk) -> None:
        desk.book(clock(9))

        with pytest.raises(PatientBusy):
            desk.book(clock(9, 15), who=1, chair=1)

    def test_refuses_an_assistant_who_is_taken(self, desk: Desk) -> None:
        ben = desk.house.practitioners[2]
        desk.book(clock(9), assistant=ben)

        with pytest.raises(SlotTaken):
            desk.book(clock(9), who=1, chair=1, patient=1, assistant=ben)

    def test_names_the_practitioner_before_room_and_patient(self, desk: Desk) -> None:
        desk.book(clock(9))

        with pytest.raises(SlotTaken):
            desk.book(clock(9))

    def test_takes_the_time_right_after_another_visit(self, desk: Desk) -> None:
        desk.book(clock(9))

        assert desk.book(clock(9, 30)).status == "booked"

    def test_leaves_nothing_of_a_refused_booking(self, desk: Desk) -> None:
        desk.book(clock(9))
        before = (Appointment.objects.count(), Occupancy.objects.count(), AuditEntry.objects.count())

        with pytest.raises(SlotTaken):
            desk.book(clock(9))
        assert (Appointment.objects.count(), Occupancy.objects.count(), AuditEntry.objects.count()) == before

    @pytest.mark.parametrize(("hour", "minute"), [(7, 45), (18, 45), (3, 0)])
    def test_refuses_closed_hours(self, desk: Desk, hour: int, minute: int) -> None:
        with pytest.raises(OutsideHours):
            desk.book(clock(hour, minute))

    def test_refuses_a_sunday(self, desk: Desk) -> None:
        with pytest.raises(OutsideHours):
            desk.book(clock(10, day=TUESDAY + timedelta(days=5)))

    def test_takes_a_visit_across_two_touching_stretches(self, desk: Desk, acting) -> None:
        with acting(desk.actor):
            OpeningHours.objects.filter(weekday=2).delete()
            for opens, closes in (("08:00", "12:00"), ("12:00", "14:00")):
                OpeningHours.objects.create(
                    practice=desk.house.practice, weekday=2, opens_at=opens, closes_at=closes
                )

        assert desk.book(clock(11, 45)).status == "booked"

    def test_own_hours_of_a_practitioner_replace_the_house_hours(self, desk: Desk, acting) -> None:
        with acting(desk.actor):
            OpeningHours.objects.create(
                practice=desk.house.practice,
                practitioner=desk.house.practitioners[0],
                weekday=2,
                opens_at="06:00",
                closes_at="08:00",
            )

        assert desk.book(clock(6)).status == "booked"
        with pytest.raises(OutsideHours):
            desk.book(clock(10))

    def test_refuses_an_absent_practitioner(self, desk: Desk, acting) -> None:
        with acting(desk.actor):
            Absence.objects.create(
                practice=desk.house.practice,
                practitioner=desk.house.practitioners[0],
                starts_at=clock(10),
                ends_at=clock(12),
            )

        with pytest.raises(PractitionerAbsent, match="Ana Morel"):
            desk.book(clock(9, 45))
        assert desk.book(clock(12)).status == "booked"

    def test_refuses_a_day_the_practice_is_closed(self, desk: Desk, acting) -> None:
        with acting(desk.actor):
            Absence.objects.create(practice=desk.house.practice, starts_at=clock(0), ends_at=clock(23))

        with pytest.raises(OutsideHours):
            desk.book(clock(9))

    def test_refuses_a_room_of_another_kind(self, desk: Desk) -> None:
        surgery = make_type(desk.house.practice, "Implant", room_kind=Room.Kind.SURGERY)

        with pytest.raises(RoomNotSuitable):
            desk.book(clock(9), type=surgery)

    def test_refuses_a_room_out_of_use(self, desk: Desk, acting) -> None:
        room = desk.house.rooms[0]
        with acting(desk.actor):
            room.is_active = False
            room.save()

        with pytest.raises(InvalidInput) as refused:
            desk.book(clock(9))
        assert "room" in refused.value.details

    def test_refuses_anything_of_another_practice(self, desk: Desk, other_house) -> None:
        theirs = {
            "practitioner": other_house.practitioners[0],
            "assistant": other_house.practitioners[0],
            "room": other_house.rooms[0],
            "type": make_type(other_house.practice),
        }
        for name, row in theirs.items():
            with pytest.raises(InvalidInput) as refused:
                desk.book(clock(9), **{name: row})
            assert name in refused.value.details
        desk.patients[0] = make_patient(other_house.practice)
        with pytest.raises(InvalidInput) as refused:
            desk.book(clock(9))
        assert "patient" in refused.value.details

    def test_refuses_to_book_for_another_practice(self, desk: Desk, carl) -> None:
        with pytest.raises(NotVisible):
            desk.book(clock(9), actor=carl)

    def test_refuses_an_assistant_as_practitioner(self, desk: Desk) -> None:
        with pytest.raises(InvalidInput):
            desk.book(clock(9), who=2)

    def test_refuses_a_closed_file(self, desk: Desk) -> None:
        desk.patients[0] = make_patient(desk.house.practice, 9, status="archived")

        with pytest.raises(PatientArchived):
            desk.book(clock(9))

    @pytest.mark.parametrize("minutes", [-30, 0, 4, 13 * 60])
    def test_refuses_an_impossible_length(self, desk: Desk, minutes: int) -> None:
        with pytest.raises(InvalidInput) as refused:
            desk.book(clock(9), minutes)
        assert "ends_at" in refused.value.details

    def test_refuses_an_end_that_contradicts_the_duration(self, desk: Desk) -> None:
        with pytest.raises(InvalidInput):
            desk.book(clock(9), 30, duration_minutes=45)


class TestPatterns:
    def test_one_practitioner_serves_two_chairs_in_turn(self, desk: Desk) -> None:
        crown = make_type(desk.house.practice, "Couronne", duration_minutes=30, pattern="XX//XX")
        desk.book(clock(9), type=crown)

        between = desk.book(clock(9, 10), 10, chair=1, patient=1)
        assert between.status == "booked"
        with pytest.raises(SlotTaken):
            desk.book(clock(9, 20), 10, chair=1, patient=2)

    def test_the_assistant_stays_where_the_practitioner_leaves(self, desk: Desk) -> None:
        crown = make_type(desk.house.practice, "Couronne", duration_minutes=20, pattern="X//.")
        booked = desk.book(clock(9), 20, type=crown, assistant=desk.house.practitioners[2])

        assert held(booked) == {
            ("practitioner", "09:00", "09:05"),
            ("assistant", "09:00", "09:15"),
            ("room", "09:00", "09:20"),
            ("patient", "09:00", "09:20"),
        }

    def test_buffers_hold_the_room_only(self, desk: Desk) -> None:
        surgery = make_type(
            desk.house.practice, "Chirurgie", buffer_before_minutes=10, buffer_after_minutes=15
        )
        booked = desk.book(clock(9), type=surgery)

        assert held(booked) == {
            ("practitioner", "09:00", "09:30"),
            ("room", "08:50", "09:45"),
            ("patient", "09:00", "09:30"),
        }


class TestOverride:
    def test_books_over_another_visit_with_a_reason(self, desk: Desk) -> None:
        desk.book(clock(9))

        over = desk.book(clock(9), patient=1, override_reason="Urgence, rage de dents")
        rows = Occupancy.objects.filter(appointment=over)
        assert over.is_overbooked
        assert {row.kind: row.blocking for row in rows} == {
            "practitioner": False,
            "room": False,
            "patient": True,
        }

    def test_needs_the_permission(self, desk: Desk, monkeypatch) -> None:
        monkeypatch.setattr(
            type(desk.actor), "has_perm", lambda self, perm, obj=None: perm != "agenda.override_appointment"
        )

        with pytest.raises(PermissionRefused):
            desk.book(clock(9), override_reason="Urgence")

    def test_a_third_visit_needs_its_own_reason(self, desk: Desk) -> None:
        desk.book(clock(9))
        desk.book(clock(9), patient=1, override_reason="Urgence")

        with pytest.raises(SlotTaken):
            desk.book(clock(9), patient=2)

    def test_opens_closed_hours(self, desk: Desk) -> None:
        assert desk.book(clock(7), override_reason="Urgence").status == "booked"


class TestOccupancyConstraints:
    @pytest.mark.parametrize(
        "period", ["empty", "(2026-11-24 09:00, 2026-11-24 10:00]", "[2026-11-24 09:00,)"]
    )
    def test_refuses_a_period_that_would_escape_the_exclusion(self, desk: Desk, period: str) -> None:
        booked = desk.book(clock(9))

        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "UPDATE agenda_occupancy SET period = %s::tstzrange WHERE appointment_id = %s",
                [period, booked.pk],
            )

    def test_refuses_an_overlap_whoever_writes_it(self, desk: Desk) -> None:
        row = desk.book(clock(9)).occupancies.all()[0]
        other = desk.book(clock(10))

        with pytest.raises(IntegrityError), transaction.atomic():
            Occupancy.objects.create(
                practice=desk.house.practice,
                appointment=other,
                resource_id=row.resource_id,
                kind=row.kind,
                period=row.period,
            )
