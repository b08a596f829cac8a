"""GET /audit: one's own house's entries, by object, actor, action and day."""

from __future__ import annotations

from typing import Any

import pytest

from apps.accounts.models import User
from apps.core.context import bind
from apps.directory.models import Practice, Room

AUDIT = "/api/v1/audit"


@pytest.fixture
def renamed(room: Room, dora: User, acting) -> Room:
    with (
        acting(dora),
        bind(action="directory.room.change", address="203.0.113.7", user_agent="pytest", request_id="r-1"),
    ):
        room.name = "Salle bleue"
        room.save()
    return room


def results(answer: Any) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


@pytest.mark.django_db
class TestAudit:
    def test_shows_a_change(self, api, dora: User, renamed: Room, practice: Practice) -> None:
        rows = results(api(dora).get(AUDIT, {"object_type": "directory.room", "object_id": str(renamed.pk)}))
        assert len(rows) == 2
        change = rows[0]
        assert change.pop("id")
        assert change.pop("at")[-6:] in {"+01:00", "+02:00"}
        assert len(change.pop("payload_sha256")) == 64
        assert change == {
            "action": "directory.room.change",
            "object_type": "directory.room",
            "object_id": str(renamed.pk),
            "actor": {"id": str(dora.pk), "role": "practice_admin"},
            "practice": str(practice.pk),
            "insurer": None,
            "address": "203.0.113.7",
            "user_agent": "pytest",
            "request_id": "r-1",
            "changes": {"name": ["Fauteuil 1", "Salle bleue"]},
        }

    def test_envelope_is_a_cursor(self, api, dora: User, renamed: Room) -> None:
        client = api(dora)
        first = client.get(AUDIT, {"page_size": 2}).json()
        assert (first["count"], first["previous"]) == (None, None)
        second = client.get(first["next"]).json()
        seen = [row["id"] for row in first["results"] + second["results"]]
        assert seen == sorted(seen, reverse=True)
        assert len(set(seen)) == 4

    def test_finds_an_object_without_its_kind(self, api, dora: User, renamed: Room) -> None:
        assert len(results(api(dora).get(AUDIT, {"object_id": str(renamed.pk)}))) == 2

    def test_filters_by_action_and_actor(self, api, dora: User, ben: User, renamed: Room) -> None:
        client = api(dora)
        assert len(results(client.get(AUDIT, {"action": "directory.room.change,no.such"}))) == 1
        assert (
            len(results(client.get(AUDIT, {"action": "directory.room.change", "actor": str(dora.pk)}))) == 1
        )
        assert results(client.get(AUDIT, {"action": "directory.room.change", "actor": str(ben.pk)})) == []

    def test_filters_by_local_days_both_included(self, api, dora: User, renamed: Room) -> None:
        client = api(dora)
        day = results(client.get(AUDIT, {"action": "directory.room.change"}))[0]["at"][:10]
        assert (
            len(results(client.get(AUDIT, {"action": "directory.room.change", "from": day, "to": day}))) == 1
        )
        assert results(client.get(AUDIT, {"action": "directory.room.change", "to": "2020-01-01"})) == []

    @pytest.mark.parametrize(
        "query",
        [
            {"nonsense": "1"},
            {"actor": "x"},
            {"from": "yesterday"},
            {"object_type": "no.such"},
            {"page": "x", "order": "id"},
        ],
    )
    def test_refuses_what_it_does_not_know(self, api, dora: User, query: dict[str, str]) -> None:
        answer = api(dora).get(AUDIT, query)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "VALIDATION_ERROR"

    def test_costs_the_same_for_one_entry_and_for_fifty(
        self, api, dora: User, room: Room, acting, django_assert_num_queries
    ) -> None:
        client = api(dora)
        query = {"object_id": str(room.pk), "page_size": 50}
        results(client.get(AUDIT, query))
        with django_assert_num_queries(2):
            assert len(results(client.get(AUDIT, query))) == 1
        with acting(dora):
            for n in range(49):
                room.name = f"Salle {n}"
                room.save()
        with django_assert_num_queries(2):
            assert len(results(client.get(AUDIT, query))) == 50


@pytest.mark.django_db
class TestWhoMayRead:
    @pytest.mark.parametrize("who", ["ana", "ben", "cleo", "omar"])
    def test_roles_without_the_right_are_refused(self, api, request, who: str) -> None:
        assert api(request.getfixturevalue(who)).get(AUDIT).status_code == 403

    def test_nobody_is_asked_to_log_in(self, api) -> None:
        assert api(None).get(AUDIT).status_code == 401

    def test_another_practice_sees_nothing_of_it(
        self, api, renamed: Room, other_practice: Practice, cast_admin
    ) -> None:
        elsewhere = cast_admin(other_practice)
        assert results(api(elsewhere).get(AUDIT, {"object_id": str(renamed.pk)})) == []
        own = results(api(elsewhere).get(AUDIT, {"page_size": 200}))
        assert {row["practice"] for row in own} == {str(other_practice.pk)}

    def test_an_insurer_sees_only_its_own(self, api, ines: User, renamed: Room, nora: User) -> None:
        rows = results(api(ines).get(AUDIT, {"page_size": 200}))
        assert {row["insurer"] for row in rows} == {str(ines.insurer_id)}

    def test_the_platform_sees_all(self, api, root: User, renamed: Room) -> None:
        assert len(results(api(root).get(AUDIT, {"object_id": str(renamed.pk)}))) == 2
