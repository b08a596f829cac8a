"""GET /availability, checked against booking itself."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import transaction

from apps.agenda.models import Absence
from apps.agenda.slots import find_slots
from apps.core.errors import DomainError
from apps.directory.models import Practitioner
from tests.agenda.scenes import PARIS, TUESDAY, Desk, clock, make_type

pytestmark = pytest.mark.django_db
URL = "/api/v1/availability"


def starts(slots) -> list[str]:
    return [slot.starts_at.astimezone(PARIS).strftime("%H:%M") for slot in slots]


def find(desk: Desk, *, who=(0,), **more) -> list:
    asked = {
        "practice": desk.house.practice,
        "kind": desk.type,
        "practitioners": [desk.house.practitioners[n] for n in who],
        "first": TUESDAY.date(),
        "last": TUESDAY.date(),
        "at": desk.at,
        **more,
    }
    return find_slots(**asked)


class TestFindSlots:
    def test_an_empty_day_is_free_from_opening_to_closing(self, desk: Desk) -> None:
        found = starts(find(desk))

        assert (found[0], found[-1], len(found)) == ("08:00", "18:30", 43)

    def test_offers_nothing_in_the_past(self, desk: Desk) -> None:
        assert starts(find(desk, at=clock(15, 5)))[0] == "15:15"

    def test_best_fit_comes_between_two_visits_first(self, desk: Desk) -> None:
        desk.book(clock(9))
        desk.book(clock(10), patient=1)

        assert starts(find(desk, best_fit=True))[0] == "09:30"

    def test_sundays_have_none(self, desk: Desk) -> None:
        sunday = (TUESDAY + timedelta(days=5)).date()

        assert find(desk, first=sunday, last=sunday) == []

    def test_assistants_receive_nobody(self, desk: Desk) -> None:
        desk.house.practitioners[0].kind = Practitioner.Kind.ASSISTANT

        assert find(desk) == []

    def test_offers_exactly_what_booking_would_take(self, desk: Desk, acting) -> None:
        """Every start of the day is tried for real, in every room, and taken back."""
        surgery = make_type(
            desk.house.practice,
            "Chirurgie",
            duration_minutes=40,
            pattern="XX////XX",
            buffer_before_minutes=10,
            buffer_after_minutes=15,
        )
        desk.book(clock(9), 45)
        desk.book(clock(9, 30), 30, who=1, chair=1, patient=1)
        desk.book(clock(11), 25, who=1, patient=1)
        desk.book(clock(15), 60, chair=1, type=surgery)
        with acting(desk.actor):
            Absence.objects.create(
                practice=desk.house.practice,
                practitioner=desk.house.practitioners[1],
                starts_at=clock(13),
                ends_at=clock(14, 10),
            )

        for kind in (desk.type, surgery):
            for who in (0, 1):
                offered = set(starts(find(desk, who=(who,), kind=kind)))
                taken = {
                    f"{start:%H:%M}"
                    for start in (clock(7) + timedelta(minutes=15 * n) for n in range(52))
                    if any(self.would_book(desk, start, who, chair, kind) for chair in (0, 1))
                }
                assert offered == taken, (kind.name, who)

    def would_book(self, desk: Desk, start: datetime, who: int, chair: int, kind) -> bool:
        try:
            with transaction.atomic():
                desk.book(start, kind.duration_minutes, who=who, chair=chair, patient=2, type=kind)
                transaction.set_rollback(True)
        except DomainError:
            return False
        return True


class TestApi:
    def query(self, desk: Desk, **more) -> dict:
        return {"type": str(desk.type.pk), "from": "2026-11-24", "to": "2026-11-24", **more}

    def test_answers_slots_in_the_practice_s_time(self, desk: Desk, api) -> None:
        who = str(desk.house.practitioners[0].pk)
        answer = api(desk.actor).get(URL, self.query(desk, practitioner=who)).json()

        assert answer["results"][0] == {
            "practitioner": who,
            "room": str(desk.house.rooms[0].pk),
            "starts_at": "2026-11-24T08:00:00+01:00",
            "ends_at": "2026-11-24T08:30:00+01:00",
        }

    def test_finds_three_months_of_everybody_in_few_queries(
        self, desk: Desk, api, django_assert_max_num_queries
    ) -> None:
        client = api(desk.actor)

        # Login, type and practitioners are three; the search itself takes three.
        with django_assert_max_num_queries(6):
            answer = client.get(URL, self.query(desk, to="2027-02-23", limit="2000"))
        assert answer.json()["count"] == 2000

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"type": "x"}, "type"),
            ({"practitioner": "x"}, "practitioner"),
            ({"to": "2026-11-23"}, "to"),
            ({"to": "2027-11-23"}, "to"),
            ({"step": "0"}, "step"),
            ({"colour": "red"}, "colour"),
        ],
    )
    def test_refuses_a_query_it_cannot_answer(self, desk: Desk, api, change, field) -> None:
        answer = api(desk.actor).get(URL, self.query(desk, **change))

        assert answer.status_code == 400
        assert list(answer.json()["error"]["details"]) == [field]

    def test_cleo_finds_neither_our_types_nor_our_people(self, desk: Desk, api, cleo, other_house) -> None:
        theirs = make_type(other_house.practice)

        assert api(cleo).get(URL, self.query(desk)).status_code == 400
        who = str(desk.house.practitioners[0].pk)
        answer = api(cleo).get(URL, self.query(desk, type=str(theirs.pk), practitioner=who))
        assert list(answer.json()["error"]["details"]) == ["practitioner"]
