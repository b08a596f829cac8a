"""GET, POST and PATCH /appointments, and the verbs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from apps.agenda.models import Appointment
from apps.agenda.services import cancel_appointment, change_appointment
from tests.agenda.scenes import Desk, clock, make_patient, make_type

pytestmark = pytest.mark.django_db
URL = "/api/v1/appointments"
CARD = {
    "id", "patient", "practitioner", "assistant", "room", "type", "starts_at", "ends_at", "status",
    "confirmation", "color", "note_count", "version", "arrived_at", "seated_at", "dismissed_at",
    "cancelled_at", "is_overbooked",
}  # fmt: skip


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


class TestCreate:
    def test_answers_the_whole_appointment(self, desk: Desk, api) -> None:
        answer = api(desk.actor).post(URL, desk.body("2026-11-24T09:00:00", note="Apporter la radio"))

        body = answer.json()
        assert answer.status_code == 201
        assert set(body) >= CARD
        assert body["patient"] == {"id": str(desk.patients[0].pk), "display_name": "Camille DURAND1"}
        assert (body["starts_at"], body["ends_at"]) == (
            "2026-11-24T09:00:00+01:00",
            "2026-11-24T09:30:00+01:00",
        )
        assert (body["status"], body["confirmation"], body["version"]) == ("booked", "unconfirmed", 1)
        assert (body["note_count"], body["color"]) == (1, desk.type.color)

    def test_refuses_an_overlap_with_a_sentence(self, desk: Desk, api) -> None:
        desk.book(clock(9))

        answer = api(desk.actor).post(URL, desk.body("2026-11-24T09:15:00"))
        assert code(answer) == (409, "SLOT_TAKEN")
        assert "Ana Morel" in answer.json()["error"]["message"]

    def test_takes_an_override(self, desk: Desk, api) -> None:
        desk.book(clock(9))

        body = desk.body(
            "2026-11-24T09:15:00", patient=str(desk.patients[1].pk), override={"reason": "Urgence"}
        )
        answer = api(desk.actor).post(URL, body)
        assert (answer.status_code, answer.json()["is_overbooked"]) == (201, True)

    def test_the_same_key_books_once(self, desk: Desk, api) -> None:
        client, headers = api(desk.actor), {"Idempotency-Key": "book-1234"}
        body = desk.body("2026-11-24T09:00:00")

        first = client.post(URL, body, headers=headers)
        second = client.post(URL, body, headers=headers)
        assert (first.status_code, second.status_code) == (201, 201)
        assert first.json()["id"] == second.json()["id"]

    @pytest.mark.parametrize("field", ["patient", "practitioner", "assistant", "room", "type"])
    def test_a_foreign_reference_reads_like_an_unknown_one(
        self, desk: Desk, api, other_house, field: str
    ) -> None:
        theirs = {
            "patient": make_patient(other_house.practice).pk,
            "practitioner": other_house.practitioners[0].pk,
            "assistant": other_house.practitioners[0].pk,
            "room": other_house.rooms[0].pk,
            "type": make_type(other_house.practice).pk,
        }
        client = api(desk.actor)
        foreign = client.post(URL, desk.body("2026-11-24T09:00:00", **{field: str(theirs[field])}))
        unknown = client.post(URL, desk.body("2026-11-24T09:00:00", **{field: str(uuid4())}))

        assert code(foreign) == (400, "VALIDATION_ERROR")
        assert foreign.json()["error"]["details"] == unknown.json()["error"]["details"]
        assert list(foreign.json()["error"]["details"]) == [field]

    def test_names_every_missing_field(self, desk: Desk, api) -> None:
        answer = api(desk.actor).post(URL, {})

        missing = {"patient", "practitioner", "room", "type", "starts_at"}
        assert set(answer.json()["error"]["details"]) == missing

    @pytest.mark.parametrize("who", ["ines", "root"])
    def test_is_for_the_practice_only(self, desk: Desk, api, who: str, request) -> None:
        answer = api(request.getfixturevalue(who)).post(URL, desk.body("2026-11-24T09:00:00"))

        assert code(answer) == (403, "FORBIDDEN")


class TestList:
    def test_shows_each_visit_as_its_own_page_does(self, desk: Desk, api) -> None:
        visit = desk.book(clock(9), note="Sonner deux fois")
        other = desk.book(clock(10), override_reason="Urgence")
        now = datetime(2026, 11, 24, 8, 1, 2, 345678, tzinfo=UTC)
        for verb in ("arrive", "seat", "complete"):
            change_appointment(actor=desk.actor, appointment=visit, verb=verb, at=now)
        cancel_appointment(actor=desk.actor, appointment=other, at=now)
        listed = api(desk.actor).get(URL, {"date": "2026-11-24"}).json()["results"]
        assert len(listed) == 2
        for row in listed:
            whole = api(desk.actor).get(f"{URL}/{row['id']}").json()
            assert row == {name: whole[name] for name in row}
        assert listed[0]["arrived_at"] == "2026-11-24T09:01:02.345678+01:00"

    def test_shows_one_local_day(self, desk: Desk, api) -> None:
        desk.book(clock(9))
        desk.book(clock(9, day=clock(0) + timedelta(days=1)), patient=1)

        answer = api(desk.actor).get(URL, {"date": "2026-11-24"}).json()
        assert (answer["count"], answer["next"], answer["previous"]) == (1, None, None)
        assert set(answer["results"][0]) == CARD

    def test_both_ends_of_a_period_belong_to_it(self, desk: Desk, api) -> None:
        for days in range(3):
            desk.book(clock(9, day=clock(0) + timedelta(days=days)))

        answer = api(desk.actor).get(URL, {"from": "2026-11-24", "to": "2026-11-25"})
        assert answer.json()["count"] == 2

    @pytest.mark.parametrize(
        "query",
        [
            {"from": "2026-11-24"},
            {"to": "2026-11-24"},
            {"from": "2026-11-24", "to": "2026-11-23"},
            {"from": "2026-11-24", "to": "2027-01-05"},
            {"date": "2026-11-24", "from": "2026-11-24"},
            {"date": "tomorrow"},
            {"status": "asleep"},
            {"practitioner": "Ana"},
            {"colour": "red"},
        ],
    )
    def test_refuses_a_query_it_cannot_answer(self, desk: Desk, api, query: dict[str, str]) -> None:
        assert code(api(desk.actor).get(URL, query)) == (400, "VALIDATION_ERROR")

    def test_takes_42_days(self, desk: Desk, api) -> None:
        answer = api(desk.actor).get(URL, {"from": "2026-11-24", "to": "2027-01-04"})

        assert answer.status_code == 200

    def test_filters_by_people_room_and_status(self, desk: Desk, api) -> None:
        first = desk.book(clock(9))
        second = desk.book(clock(9), who=1, chair=1, patient=1)
        client, day = api(desk.actor), {"date": "2026-11-24"}

        def found(**query) -> set[str]:
            return {row["id"] for row in client.get(URL, {**day, **query}).json()["results"]}

        assert found(practitioner=first.practitioner_id) == {str(first.pk)}
        both = f"{first.practitioner_id},{second.practitioner_id}"
        assert found(practitioner=both) == {str(first.pk), str(second.pk)}
        assert found(room=second.room_id) == {str(second.pk)}
        assert found(patient=second.patient_id) == {str(second.pk)}
        assert found(status="booked,arrived") == {str(first.pk), str(second.pk)}
        assert found(status="cancelled_by_patient") == set()

    def test_shows_every_visit_of_a_patient_without_a_period(self, desk: Desk, api) -> None:
        desk.book(clock(9, day=clock(0) + timedelta(days=100)))

        answer = api(desk.actor).get(URL, {"patient": str(desk.patients[0].pk)})
        assert answer.json()["count"] == 1

    @pytest.mark.parametrize("count", [1, 50])
    def test_asks_the_database_four_times_at_most(
        self, desk: Desk, api, count: int, django_assert_max_num_queries
    ) -> None:
        for number in range(count):
            start = clock(8, day=clock(0) + timedelta(days=number % 3)) + timedelta(
                minutes=30 * (number // 3)
            )
            desk.book(start, note="Rappeler")
        client = api(desk.actor)

        with django_assert_max_num_queries(4):
            answer = client.get(URL, {"from": "2026-11-24", "to": "2026-11-30"})
        assert answer.json()["count"] == count

    def test_cleo_sees_nothing_of_it(self, desk: Desk, api, cleo) -> None:
        desk.book(clock(9))

        assert api(cleo).get(URL, {"date": "2026-11-24"}).json()["count"] == 0

    def test_hides_the_visits_of_a_restricted_patient(self, desk: Desk, api, acting) -> None:
        desk.book(clock(9))
        with acting(desk.actor):
            desk.patients[0].restricted_at = desk.at
            desk.patients[0].save()

        assert api(desk.actor).get(URL, {"date": "2026-11-24"}).json()["count"] == 0


class TestDetail:
    def test_shows_what_may_happen_next(self, desk: Desk, api) -> None:
        booked = desk.book(clock(9))

        body = api(desk.actor).get(f"{URL}/{booked.pk}").json()
        assert body["allowed"] == ["arrive", "no-show", "cancel", "confirm", "decline"]

    @pytest.mark.parametrize("key", [uuid4(), "not-a-key"])
    def test_knows_no_other(self, desk: Desk, api, key) -> None:
        assert code(api(desk.actor).get(f"{URL}/{key}")) == (404, "NOT_FOUND")


class TestMove:
    def test_moves_with_the_version(self, desk: Desk, api) -> None:
        booked = desk.book(clock(9))

        body = {"version": 1, "starts_at": "2026-11-24T14:00:00"}
        answer = api(desk.actor).patch(f"{URL}/{booked.pk}", body)
        assert (answer.status_code, answer.json()["version"]) == (200, 2)
        assert answer.json()["ends_at"] == "2026-11-24T14:30:00+01:00"

    def test_insists_on_the_version(self, desk: Desk, api) -> None:
        answer = api(desk.actor).patch(
            f"{URL}/{desk.book(clock(9)).pk}", {"starts_at": "2026-11-24T14:00:00"}
        )

        assert list(answer.json()["error"]["details"]) == ["version"]

    def test_refuses_a_stale_version(self, desk: Desk, api) -> None:
        booked = desk.book(clock(9))
        client = api(desk.actor)
        client.post(f"{URL}/{booked.pk}/confirm")

        assert code(client.patch(f"{URL}/{booked.pk}", {"version": 1, "duration_minutes": 45})) == (
            409,
            "STALE",
        )


class TestVerbs:
    def test_a_visit_runs_through_its_day(self, desk: Desk, api) -> None:
        client, url = api(desk.actor), f"{URL}/{desk.book(clock(9)).pk}"

        states = [
            client.post(f"{url}/{verb}").json()["status"]
            for verb in ("confirm", "arrive", "seat", "complete")
        ]
        assert states == ["booked", "arrived", "in_chair", "done"]

    def test_an_impossible_verb_names_the_possible_ones(self, desk: Desk, api) -> None:
        answer = api(desk.actor).post(f"{URL}/{desk.book(clock(9)).pk}/seat")

        assert code(answer) == (409, "ILLEGAL_TRANSITION")
        assert "arrive" in answer.json()["error"]["details"]["allowed"]

    def test_no_show_and_undo(self, desk: Desk, api) -> None:
        client, url = api(desk.actor), f"{URL}/{desk.book(clock(9)).pk}"

        assert client.post(f"{url}/no-show").json()["status"] == "no_show"
        assert client.post(f"{url}/undo").json()["status"] == "booked"

    def test_decline(self, desk: Desk, api) -> None:
        answer = api(desk.actor).post(f"{URL}/{desk.book(clock(9)).pk}/decline")

        assert answer.json()["confirmation"] == "declined"

    def test_cancel_is_a_patch_with_a_reason(self, desk: Desk, api) -> None:
        answer = api(desk.actor).patch(
            f"{URL}/{desk.book(clock(9)).pk}/cancel", {"reason": "Grippe", "cancelled_by": "patient"}
        )

        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled_by_patient")
        assert answer.json()["cancel_reason"] == "Grippe"

    def test_undo_of_a_finished_visit_is_not_for_the_front_desk(self, desk: Desk, api) -> None:
        client, url = api(desk.actor), f"{URL}/{desk.book(clock(9)).pk}"
        for verb in ("arrive", "seat", "complete"):
            client.post(f"{url}/{verb}")

        assert code(client.post(f"{url}/undo")) == (403, "FORBIDDEN")


class TestCleo:
    """Somebody of another practice, on every route of one appointment."""

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("get", "", None),
            ("patch", "", {"version": 1, "starts_at": "2026-11-24T14:00:00"}),
            ("patch", "/cancel", {"reason": "x"}),
            *[("post", f"/{verb}", None) for verb in ("confirm", "decline", "arrive", "seat", "complete")],
            *[("post", f"/{verb}", None) for verb in ("no-show", "undo")],
            ("get", "/notes", None),
            ("post", "/notes", {"body": "x"}),
        ],
    )  # fmt: skip
    def test_finds_nothing(self, desk: Desk, api, cleo, method: str, path: str, body) -> None:
        booked = desk.book(clock(9))

        answer = getattr(api(cleo), method)(f"{URL}/{booked.pk}{path}", body)
        assert code(answer) == (404, "NOT_FOUND")
        assert Appointment.objects.get(pk=booked.pk).version == 1


class TestNotes:
    def test_are_added_and_listed_in_order(self, desk: Desk, api) -> None:
        client, url = api(desk.actor), f"{URL}/{desk.book(clock(9)).pk}/notes"

        added = client.post(url, {"body": "Apporter la radio"})
        client.post(url, {"body": "Anxieuse"})
        listed = client.get(url).json()
        assert added.status_code == 201
        assert [row["body"] for row in listed["results"]] == ["Apporter la radio", "Anxieuse"]
        assert listed["results"][0]["author"]["id"] == str(desk.actor.pk)

    def test_are_sealed_in_the_database(self, desk: Desk, api) -> None:
        from django.db import connection

        desk.book(clock(9), note="Apporter la radio")

        with connection.cursor() as cursor:
            cursor.execute("SELECT body FROM agenda_appointmentnote")
            assert b"radio" not in bytes(cursor.fetchone()[0])

    @pytest.mark.parametrize("body", [{}, {"body": ""}, {"body": "   "}, {"body": "x" * 4001}])
    def test_refuse_an_empty_or_overlong_text(self, desk: Desk, api, body) -> None:
        answer = api(desk.actor).post(f"{URL}/{desk.book(clock(9)).pk}/notes", body)

        assert code(answer) == (400, "VALIDATION_ERROR")
