"""Practitioners, rooms and insurers over HTTP."""

from __future__ import annotations

from uuid import uuid4

import pytest

from apps.audit.models import AuditEntry
from apps.directory.models import OpeningHours, Room

pytestmark = pytest.mark.django_db
PEOPLE, ROOMS, INSURERS = "/api/v1/practitioners", "/api/v1/rooms", "/api/v1/insurers"
MORNING = {"weekday": 1, "opens_at": "09:00", "closes_at": "12:00"}


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


class TestPractitioners:
    def test_are_listed_with_the_hours_that_count(self, house, ben, api) -> None:
        body = api(ben).get(PEOPLE).json()

        row = next(row for row in body["results"] if row["last_name"] == "Morel")
        assert body["count"] == 3
        assert (row["display_name"], row["has_own_hours"]) == ("Dr Ana Morel", False)
        assert row["opening_hours"][0] == {
            "weekday": 1, "opens_at": "08:00", "closes_at": "19:00", "valid_from": None, "valid_until": None,
        }  # fmt: skip

    @pytest.mark.parametrize("extra", [0, 40])
    def test_cost_the_same_however_many(self, house, dora, api, extra, django_assert_max_num_queries) -> None:
        client = api(dora)
        for number in range(extra):
            client.post(PEOPLE, {"first_name": "A", "last_name": f"B{number}", "opening_hours": [MORNING]})

        with django_assert_max_num_queries(5):
            assert client.get(PEOPLE).json()["count"] == 3 + extra

    def test_are_added_with_their_own_hours(self, house, dora, api) -> None:
        answer = api(dora).post(
            PEOPLE,
            {
                "kind": "hygienist",
                "first_name": "Zoé",
                "last_name": "Blin",
                "default_room": str(house.rooms[0].pk),
                "opening_hours": [MORNING],
            },
        )

        assert (answer.status_code, answer.json()["has_own_hours"]) == (201, True)
        assert answer.json()["default_room"] == str(house.rooms[0].pk)
        assert answer.json()["practice"] == str(house.practice.pk)

    def test_change_and_their_hours_are_replaced(self, house, dora, api) -> None:
        client, url = api(dora), f"{PEOPLE}/{house.practitioners[0].pk}"
        client.patch(url, {"opening_hours": [MORNING, {**MORNING, "weekday": 2}]})

        answer = client.patch(url, {"color": "#112233", "opening_hours": [MORNING]})
        assert (answer.json()["color"], len(answer.json()["opening_hours"])) == ("#112233", 1)
        assert OpeningHours.objects.filter(practitioner=house.practitioners[0]).count() == 1

    def test_leave_audit_entries(self, house, dora, api) -> None:
        api(dora).patch(f"{PEOPLE}/{house.practitioners[0].pk}", {"color": "#112233"})

        entry = AuditEntry.objects.filter(object_pk=str(house.practitioners[0].pk)).latest("id")
        assert (entry.event, entry.actor_id) == ("directory.practitioner.change", dora.pk)

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"first_name": "Z"}, "last_name"),
            ({"first_name": "Z", "last_name": "B", "rpps": "10000000001"}, "rpps"),
            ({"first_name": "Z", "last_name": "B", "color": "red"}, "color"),
            ({"first_name": "Z", "last_name": "B", "default_room": str(uuid4())}, "default_room"),
            ({"first_name": "Z", "last_name": "B", "kind": "king"}, "kind"),
            ({"first_name": "Z", "last_name": "B", "opening_hours": [MORNING, MORNING]}, "opening_hours"),
            (
                {"first_name": "Z", "last_name": "B", "opening_hours": [{**MORNING, "closes_at": "08:00"}]},
                "opening_hours",
            ),
        ],
    )
    def test_refuse_what_makes_no_sense(self, dora, api, body, field) -> None:
        answer = api(dora).post(PEOPLE, body)

        assert code(answer) == (400, "VALIDATION_ERROR")
        assert list(answer.json()["error"]["details"]) == [field]

    def test_are_the_practice_s_own_to_change(self, house, ben, api) -> None:
        assert code(api(ben).post(PEOPLE, {"first_name": "Z", "last_name": "B"})) == (403, "FORBIDDEN")

    def test_cleo_finds_nothing(self, house, cleo, carl, api) -> None:
        assert api(cleo).get(PEOPLE).json()["count"] == 1
        assert code(api(cleo).get(f"{PEOPLE}/{house.practitioners[0].pk}")) == (404, "NOT_FOUND")

    def test_another_practice_s_administrator_changes_nothing(self, house, other_house, dora, api) -> None:
        url = f"{PEOPLE}/{other_house.practitioners[0].pk}"

        assert code(api(dora).patch(url, {"color": "#112233"})) == (404, "NOT_FOUND")

    def test_the_platform_sees_all_and_names_the_practice(self, house, other_house, root, api) -> None:
        client, body = api(root), {"first_name": "Z", "last_name": "B"}

        assert client.get(PEOPLE).json()["count"] == 4
        assert client.get(PEOPLE, {"practice": str(other_house.practice.pk)}).json()["count"] == 1
        assert list(client.post(PEOPLE, body).json()["error"]["details"]) == ["practice"]
        made = client.post(PEOPLE, {**body, "practice": str(other_house.practice.pk)})
        assert made.json()["practice"] == str(other_house.practice.pk)

    def test_an_insurer_has_no_business_here(self, house, ines, api) -> None:
        assert code(api(ines).get(PEOPLE)) == (403, "FORBIDDEN")


class TestRooms:
    def test_are_added_changed_and_taken_out_of_use(self, house, dora, api) -> None:
        client = api(dora)
        made = client.post(ROOMS, {"name": "Bloc", "kind": "surgery", "equipment": ["microscope"]})
        url = f"{ROOMS}/{made.json()['id']}"

        assert made.status_code == 201
        assert client.patch(url, {"color": "#112233"}).json()["color"] == "#112233"
        assert client.delete(url).status_code == 204
        assert client.get(url).status_code == 404
        assert client.get(ROOMS).json()["count"] == 2
        assert Room.objects.filter(name="Bloc", deleted_at__isnull=False).exists()

    def test_refuse_a_name_in_use_but_not_one_set_free(self, house, dora, api) -> None:
        client, name = api(dora), house.rooms[0].name

        assert code(client.post(ROOMS, {"name": name})) == (400, "VALIDATION_ERROR")
        client.delete(f"{ROOMS}/{house.rooms[0].pk}")
        assert client.post(ROOMS, {"name": name}).status_code == 201

    @pytest.mark.parametrize("method", ["patch", "delete"])
    def test_cleo_s_practice_keeps_its_own(self, other_house, dora, api, method) -> None:
        answer = getattr(api(dora), method)(f"{ROOMS}/{other_house.rooms[0].pk}")

        assert code(answer) == (404, "NOT_FOUND")

    def test_are_the_practice_s_own_to_change(self, house, ben, api) -> None:
        client = api(ben)

        assert client.get(f"{ROOMS}/{house.rooms[0].pk}").status_code == 200
        assert code(client.delete(f"{ROOMS}/{house.rooms[0].pk}")) == (403, "FORBIDDEN")


class TestInsurers:
    @pytest.mark.parametrize("who", ["ben", "ines", "root"])
    def test_are_known_to_everybody(self, insurer, other_insurer, api, who, request) -> None:
        client = api(request.getfixturevalue(who))

        assert client.get(INSURERS).json()["count"] == 2
        assert client.get(f"{INSURERS}/{insurer.pk}").json()["code"] == "QUAIS"

    def test_need_a_login(self, insurer, api) -> None:
        assert api().get(INSURERS).status_code == 401

    def test_are_found_by_name(self, insurer, other_insurer, ben, api) -> None:
        assert api(ben).get(INSURERS, {"search": "quais"}).json()["count"] == 1

    def test_change_their_own_card_only(self, insurer, other_insurer, ines, api) -> None:
        client = api(ines)

        changed = client.patch(f"{INSURERS}/{insurer.pk}", {"email": "contact@quais.example"})
        assert changed.json()["email"] == "contact@quais.example"
        assert code(client.patch(f"{INSURERS}/{other_insurer.pk}", {"name": "X"})) == (403, "FORBIDDEN")
