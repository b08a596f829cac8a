"""Moving and resizing."""

from __future__ import annotations

import pytest

from apps.agenda.models import Appointment, Occupancy
from apps.agenda.services import cancel_appointment, change_appointment, move_appointment
from apps.agenda.services.resources import RoomTaken, SlotTaken
from apps.core.errors import PermissionRefused, Stale
from apps.core.transitions import IllegalTransition
from tests.agenda.scenes import Desk, clock

pytestmark = pytest.mark.django_db


def move(desk: Desk, appointment: Appointment, **changes) -> Appointment:
    changes.setdefault("version", appointment.version)
    return move_appointment(actor=desk.actor, appointment=appointment, at=desk.at, **changes)


class TestMoveAppointment:
    def test_keeps_the_length(self, desk: Desk) -> None:
        moved = move(desk, desk.book(clock(9), 45), starts_at=clock(14))

        assert (moved.starts_at, moved.ends_at, moved.version) == (clock(14), clock(14, 45), 2)

    def test_frees_the_former_time_and_holds_the_new(self, desk: Desk) -> None:
        booked = desk.book(clock(9))
        move(desk, booked, starts_at=clock(14))

        assert desk.book(clock(9), patient=1).status == "booked"
        with pytest.raises(SlotTaken):
            desk.book(clock(14), patient=1)

    def test_resizes_over_its_own_time(self, desk: Desk) -> None:
        moved = move(desk, desk.book(clock(9)), ends_at=clock(10))

        assert moved.duration_minutes == 60

    def test_changes_the_room(self, desk: Desk) -> None:
        moved = move(desk, desk.book(clock(9)), room=desk.house.rooms[1])

        assert Occupancy.objects.filter(appointment=moved, resource_id=desk.house.rooms[1].pk).exists()

    def test_refuses_a_room_that_is_taken(self, desk: Desk) -> None:
        desk.book(clock(9), who=1, chair=1, patient=1)

        with pytest.raises(RoomTaken):
            move(desk, desk.book(clock(9)), room=desk.house.rooms[1])

    def test_refuses_a_stale_version(self, desk: Desk) -> None:
        booked = desk.book(clock(9))
        move(desk, booked, starts_at=clock(10))

        with pytest.raises(Stale):
            move(desk, booked, starts_at=clock(11), version=1)

    def test_asks_the_patient_anew_when_the_start_changes(self, desk: Desk) -> None:
        booked = desk.book(clock(9))
        confirmed = change_appointment(actor=desk.actor, appointment=booked, verb="confirm", at=desk.at)

        resized = move(desk, confirmed, ends_at=clock(10))
        assert resized.confirmation == "confirmed"
        assert move(desk, resized, starts_at=clock(11)).confirmation == "unconfirmed"

    def test_refuses_a_cancelled_visit(self, desk: Desk) -> None:
        gone = cancel_appointment(actor=desk.actor, appointment=desk.book(clock(9)), at=desk.at)

        with pytest.raises(IllegalTransition) as refused:
            move(desk, gone, starts_at=clock(11))
        assert refused.value.details["allowed"] == ["undo"]

    def test_a_finished_visit_needs_the_stronger_right(self, desk: Desk, dora) -> None:
        visit = desk.book(clock(9))
        for verb in ("arrive", "seat", "complete"):
            visit = change_appointment(actor=desk.actor, appointment=visit, verb=verb, at=clock(9, 30))

        with pytest.raises(PermissionRefused):
            move(desk, visit, ends_at=clock(10))
        moved = move_appointment(
            actor=dora, appointment=visit, version=visit.version, ends_at=clock(10), at=desk.at
        )
        assert moved.status == "done"

    def test_an_overbooked_visit_keeps_its_reason_until_it_moves(self, desk: Desk) -> None:
        desk.book(clock(9))
        over = desk.book(clock(9), patient=1, override_reason="Urgence")

        painted = move(desk, over, color="#ff0000")
        assert painted.override_reason == "Urgence"
        with pytest.raises(SlotTaken):
            move(desk, painted, ends_at=clock(9, 45))
        assert move(desk, painted, starts_at=clock(14)).override_reason == ""
