"""Kinds of visit and absences over HTTP."""

from __future__ import annotations

import pytest

from apps.agenda.models import Absence, AppointmentType
from tests.agenda.scenes import Desk, clock, make_type

pytestmark = pytest.mark.django_db
TYPES, ABSENCES = "/api/v1/appointment-types", "/api/v1/absences"


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


class TestAppointmentTypes:
    def test_are_listed_for_the_practice(self, desk: Desk, api, other_house) -> None:
        make_type(other_house.practice, "Ailleurs")

        rows = api(desk.actor).get(TYPES).json()["results"]
        assert [row["name"] for row in rows] == ["Contrôle"]

    def test_are_added_changed_and_taken_out_of_use(self, desk: Desk, api, dora) -> None:
        client = api(dora)
        made = client.post(TYPES, {"name": "Implant", "duration_minutes": 90, "room_kind": "surgery"})
        url = f"{TYPES}/{made.json()['id']}"

        assert made.status_code == 201
        assert client.patch(url, {"duration_minutes": 60}).json()["duration_minutes"] == 60
        assert client.delete(url).status_code == 204
        assert client.get(url).status_code == 404
        assert client.post(TYPES, {"name": "Implant"}).status_code == 201

    def test_refuse_a_name_in_use(self, desk: Desk, api, dora) -> None:
        assert code(api(dora).post(TYPES, {"name": "Contrôle"})) == (400, "VALIDATION_ERROR")

    def test_refuse_a_pattern_of_another_length(self, desk: Desk, api, dora) -> None:
        answer = api(dora).post(TYPES, {"name": "Couronne", "duration_minutes": 30, "pattern": "XX"})

        assert list(answer.json()["error"]["details"]) == ["pattern"]

    def test_are_not_the_front_desk_s_to_change(self, desk: Desk, api) -> None:
        assert code(api(desk.actor).post(TYPES, {"name": "Implant"})) == (403, "FORBIDDEN")

    def test_the_platform_names_the_practice(self, desk: Desk, api, root) -> None:
        client = api(root)

        assert list(client.post(TYPES, {"name": "Implant"}).json()["error"]["details"]) == ["practice"]
        made = client.post(TYPES, {"name": "Implant", "practice": str(desk.house.practice.pk)})
        assert made.json()["practice"] == str(desk.house.practice.pk)

    def test_cleo_finds_nothing(self, desk: Desk, api, cleo) -> None:
        assert code(api(cleo).get(f"{TYPES}/{desk.type.pk}")) == (404, "NOT_FOUND")
        assert api(cleo).get(TYPES).json()["count"] == 0

    def test_a_type_out_of_use_cannot_be_booked(self, desk: Desk, api, dora) -> None:
        api(dora).delete(f"{TYPES}/{desk.type.pk}")

        answer = api(desk.actor).post("/api/v1/appointments", desk.body("2026-11-24T09:00:00"))
        assert list(answer.json()["error"]["details"]) == ["type"]
        assert AppointmentType.objects.get(pk=desk.type.pk).is_deleted


class TestAbsences:
    def body(self, desk: Desk, **more) -> dict:
        return {
            "practitioner": str(desk.house.practitioners[0].pk),
            "starts_at": "2026-11-24T10:00:00",
            "ends_at": "2026-11-24T12:00:00",
            **more,
        }

    def test_keep_bookings_out(self, desk: Desk, api, ana) -> None:
        assert api(ana).post(ABSENCES, self.body(desk)).status_code == 201

        answer = api(desk.actor).post("/api/v1/appointments", desk.body("2026-11-24T10:30:00"))
        assert code(answer) == (409, "PRACTITIONER_ABSENT")

    def test_are_changed_and_taken_back(self, desk: Desk, api, ana) -> None:
        client = api(ana)
        url = f"{ABSENCES}/{client.post(ABSENCES, self.body(desk)).json()['id']}"

        assert (
            client.patch(url, {"ends_at": "2026-11-24T11:00:00"}).json()["ends_at"]
            == "2026-11-24T11:00:00+01:00"
        )
        assert client.delete(url).status_code == 204
        assert not Absence.objects.exists()

    def test_are_listed_by_day_and_person(self, desk: Desk, api, ana) -> None:
        client = api(ana)
        client.post(ABSENCES, self.body(desk))

        def count(**query) -> int:
            return client.get(ABSENCES, query).json()["count"]

        assert (count(date="2026-11-24"), count(date="2026-11-25")) == (1, 0)
        assert count(practitioner=str(desk.house.practitioners[1].pk)) == 0

    def test_end_after_they_start(self, desk: Desk, api, ana) -> None:
        answer = api(ana).post(ABSENCES, self.body(desk, ends_at="2026-11-24T10:00:00"))

        assert list(answer.json()["error"]["details"]) == ["ends_at"]

    def test_are_not_the_front_desk_s_to_write(self, desk: Desk, api) -> None:
        assert code(api(desk.actor).post(ABSENCES, self.body(desk))) == (403, "FORBIDDEN")
        assert api(desk.actor).get(ABSENCES).status_code == 200

    def test_cleo_finds_nothing(self, desk: Desk, api, ana, cleo) -> None:
        url = f"{ABSENCES}/{api(ana).post(ABSENCES, self.body(desk)).json()['id']}"

        assert api(cleo).get(ABSENCES).json()["count"] == 0
        assert code(api(cleo).patch(url, {"reason": "x"})) == (404, "NOT_FOUND")
        assert code(api(cleo).delete(url)) == (404, "NOT_FOUND")
        assert code(api(cleo).post(ABSENCES, self.body(desk))) == (400, "VALIDATION_ERROR")

    def test_bookings_before_and_after_stand(self, desk: Desk, api, ana) -> None:
        api(ana).post(ABSENCES, self.body(desk))

        assert desk.book(clock(9, 30)).status == "booked"
        assert desk.book(clock(12)).status == "booked"
