"""The day of a visit, by a table written by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.agenda.lifecycle import CONFIRMATION, LIFECYCLE, allowed_verbs
from apps.agenda.models import Appointment, Occupancy
from apps.agenda.services import cancel_appointment, change_appointment
from apps.agenda.services.resources import SlotTaken
from apps.core.errors import InvalidInput, PermissionRefused
from apps.core.transitions import IllegalTransition
from tests.agenda.scenes import Desk, clock

STATUS = {
    ("requested", "confirm"): "booked",
    ("requested", "no-show"): "no_show",
    ("requested", "cancel-by-patient"): "cancelled_by_patient",
    ("requested", "cancel-by-practice"): "cancelled_by_practice",
    ("booked", "arrive"): "arrived",
    ("booked", "no-show"): "no_show",
    ("booked", "cancel-by-patient"): "cancelled_by_patient",
    ("booked", "cancel-by-practice"): "cancelled_by_practice",
    ("arrived", "seat"): "in_chair",
    ("arrived", "undo"): "booked",
    ("arrived", "cancel-by-patient"): "cancelled_by_patient",
    ("arrived", "cancel-by-practice"): "cancelled_by_practice",
    ("in_chair", "complete"): "done",
    ("in_chair", "undo"): "arrived",
    ("done", "undo"): "in_chair",
    ("cancelled_by_patient", "undo"): "booked",
    ("cancelled_by_practice", "undo"): "booked",
    ("no_show", "undo"): "booked",
}
ANSWER = {
    ("unconfirmed", "remind"): "reminded",
    ("unconfirmed", "confirm"): "confirmed",
    ("unconfirmed", "decline"): "declined",
    ("reminded", "confirm"): "confirmed",
    ("reminded", "decline"): "declined",
    ("confirmed", "decline"): "declined",
    ("confirmed", "undo"): "unconfirmed",
    ("declined", "confirm"): "confirmed",
    ("declined", "undo"): "unconfirmed",
}


class TestTables:
    @pytest.mark.parametrize(("table", "expected"), [(LIFECYCLE, STATUS), (CONFIRMATION, ANSWER)])
    def test_lead_where_the_house_says_and_nowhere_else(self, table, expected) -> None:
        for state in table.states:
            for verb in table.verbs:
                if (state, verb) in expected:
                    assert table.next_state(state, verb) == expected[state, verb]
                else:
                    with pytest.raises(IllegalTransition):
                        table.next_state(state, verb)

    @pytest.mark.parametrize(
        ("status", "confirmation", "verbs"),
        [
            ("booked", "unconfirmed", ["arrive", "no-show", "cancel", "confirm", "decline"]),
            ("booked", "confirmed", ["arrive", "no-show", "cancel", "decline", "undo"]),
            ("arrived", "confirmed", ["seat", "cancel", "undo"]),
            ("in_chair", "unconfirmed", ["complete", "undo"]),
            ("done", "confirmed", ["undo"]),
        ],
    )
    def test_name_the_verbs_of_the_api(self, status: str, confirmation: str, verbs: list[str]) -> None:
        assert allowed_verbs(status, confirmation) == verbs


def run(desk: Desk, visit: Appointment, *verbs: str, at=None, actor=None) -> Appointment:
    for verb in verbs:
        visit = change_appointment(actor=actor or desk.actor, appointment=visit, verb=verb, at=at or desk.at)
    return visit


@pytest.mark.django_db
class TestChangeAppointment:
    def test_notes_when_the_visit_reached_each_state(self, desk: Desk) -> None:
        visit = run(desk, desk.book(clock(9)), "arrive", at=clock(8, 55))
        visit = run(desk, visit, "seat", at=clock(9, 2))
        visit = run(desk, visit, "complete", at=clock(9, 25))

        assert (visit.arrived_at, visit.seated_at, visit.dismissed_at, visit.version) == (
            clock(8, 55),
            clock(9, 2),
            clock(9, 25),
            4,
        )

    def test_names_the_allowed_verbs_when_it_refuses(self, desk: Desk) -> None:
        with pytest.raises(IllegalTransition) as refused:
            run(desk, desk.book(clock(9)), "complete")
        assert refused.value.details["allowed"] == ["arrive", "no-show", "cancel", "confirm", "decline"]

    def test_an_early_end_frees_the_rest(self, desk: Desk) -> None:
        run(desk, desk.book(clock(9), 60), "arrive", "seat", "complete", at=clock(9, 20))

        assert desk.book(clock(9, 20), patient=1).status == "booked"

    def test_an_end_before_the_start_frees_everything(self, desk: Desk) -> None:
        visit = run(desk, desk.book(clock(9)), "arrive", "seat", "complete")

        assert not Occupancy.objects.filter(appointment=visit).exists()

    @pytest.mark.parametrize("verb", ["no-show", "cancel"])
    def test_what_does_not_take_place_frees_its_time(self, desk: Desk, verb: str) -> None:
        visit = desk.book(clock(9))
        if verb == "cancel":
            cancel_appointment(actor=desk.actor, appointment=visit, at=desk.at)
        else:
            run(desk, visit, verb)

        assert desk.book(clock(9), patient=1).status == "booked"

    def test_declined_still_holds_its_time(self, desk: Desk) -> None:
        run(desk, desk.book(clock(9)), "decline")

        with pytest.raises(SlotTaken):
            desk.book(clock(9), patient=1)

    def test_undo_takes_the_step_and_its_stamp_back(self, desk: Desk) -> None:
        visit = run(desk, desk.book(clock(9)), "arrive", "seat", "undo", at=clock(9))

        assert (visit.status, visit.arrived_at, visit.seated_at) == ("arrived", clock(9), None)

    def test_undo_of_a_cancellation_books_the_time_again(self, desk: Desk) -> None:
        gone = cancel_appointment(
            actor=desk.actor, appointment=desk.book(clock(9)), reason="Grippe", at=desk.at
        )
        back = run(desk, gone, "undo")

        assert (back.status, back.cancelled_at, back.cancel_reason) == ("booked", None, "")
        with pytest.raises(SlotTaken):
            desk.book(clock(9), patient=1)

    def test_undo_refuses_when_the_time_was_given_away(self, desk: Desk) -> None:
        gone = cancel_appointment(actor=desk.actor, appointment=desk.book(clock(9)), at=desk.at)
        desk.book(clock(9), patient=1)

        with pytest.raises(SlotTaken):
            run(desk, gone, "undo")

    def test_undo_of_an_early_end_holds_the_whole_time_again(self, desk: Desk, dora) -> None:
        visit = run(desk, desk.book(clock(9), 60), "arrive", "seat", "complete", at=clock(9, 20))
        back = run(desk, visit, "undo", actor=dora)

        assert (back.status, back.dismissed_at) == ("in_chair", None)
        with pytest.raises(SlotTaken):
            desk.book(clock(9, 30), patient=1)

    def test_undo_of_a_finished_visit_needs_the_stronger_right(self, desk: Desk) -> None:
        visit = run(desk, desk.book(clock(9)), "arrive", "seat", "complete")

        with pytest.raises(PermissionRefused):
            run(desk, visit, "undo")

    def test_confirming_a_requested_visit_books_it(self, desk: Desk, acting) -> None:
        visit = desk.book(clock(9))
        with acting(desk.actor):
            visit.status = "requested"
            visit.save()

        visit = run(desk, visit, "confirm")
        assert (visit.status, visit.confirmation) == ("booked", "confirmed")


@pytest.mark.django_db
class TestCancelAppointment:
    @pytest.mark.parametrize("who", ["patient", "practice"])
    def test_says_who_and_why(self, desk: Desk, who: str) -> None:
        gone = cancel_appointment(
            actor=desk.actor, appointment=desk.book(clock(9)), reason="Grippe", cancelled_by=who, at=desk.at
        )

        assert (gone.status, gone.cancel_reason, gone.cancelled_at) == (
            f"cancelled_by_{who}",
            "Grippe",
            desk.at,
        )

    def test_refuses_anybody_else(self, desk: Desk) -> None:
        with pytest.raises(InvalidInput):
            cancel_appointment(
                actor=desk.actor, appointment=desk.book(clock(9)), cancelled_by="weather", at=desk.at
            )

    def test_refuses_a_visit_in_the_chair(self, desk: Desk) -> None:
        visit = run(desk, desk.book(clock(9)), "arrive", "seat")

        with pytest.raises(IllegalTransition):
            cancel_appointment(actor=desk.actor, appointment=visit, at=desk.at + timedelta(minutes=1))
