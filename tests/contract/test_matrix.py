"""Whose objects a route opens: the hand-written table against every route with an object in its address.

`permissions.csv` says which roles a route is for; `matrix.csv` says what those roles get for an object of their own
house, of another one, of a restricted patient (what the practice's administrator gets: to others it does not
exist) and for one that was put away. `platform` is what the platform's administrator gets, who sees every
house's settings (`own/foreign` where that differs). `404/200` in a column: insurers get the first, providers, who
reach an insured person or a contract of any insurer by its exact key, the second. A dash: there is no such object.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from tests.contract.routes import routes
from tests.contract.scenery import PERSONAL, PRACTICE_ROLES, Stage, build_stage, put_away, restrict
from tests.contract.test_permissions import expected as permitted

TABLE = Path(__file__).with_name("matrix.csv")
WITH_OBJECT = [
    route for route in routes() if "{}" in route[1] and permitted()[route[0], route[1]] != {"signed"}
]


def table() -> dict[tuple[str, str], dict[str, str]]:
    with TABLE.open() as lines:
        return {(row["method"], row["path"]): row for row in csv.DictReader(lines)}


@pytest.fixture
def stage(ana, cleo, house, other_house, insurer, other_insurer, at) -> Stage:
    return build_stage({"ana": ana, "cleo": cleo}, house, other_house, (insurer, other_insurer), at)


def answer_for(client: Any, method: str, path: str, pk: Any) -> Any:
    """Call with an empty body, then take back whatever it did."""
    url = "/api/v1" + path.replace("{}", str(pk))
    with transaction.atomic():
        answer = (
            client.get(url) if method == "GET" else getattr(client, method.lower())(url, {}, format="json")
        )
        transaction.set_rollback(True)
    return answer


@pytest.mark.django_db
class TestMatrix:
    def test_names_every_route_with_an_object(self) -> None:
        assert {(method, path) for method, path, _named in WITH_OBJECT} == set(table())

    @pytest.mark.parametrize("route", WITH_OBJECT, ids=lambda route: f"{route[0]} {route[1]}")
    def test_holds_for_every_role_and_object(self, route: tuple[str, str, str], stage: Stage, api) -> None:
        method, path, _named = route
        row, roles = table()[method, path], permitted()[method, path]
        shared = None if row["object"] in PERSONAL else rows_of(stage, row, "practitioner")
        wrong = []
        for role, user in stage.people.items():
            client = api(user)
            allowed = bool({role, "any"} & roles)
            with transaction.atomic():
                for case, obj in shared or rows_of(stage, row, role):
                    wanted = outcome(row, case, role) if allowed else "403"
                    answer = answer_for(client, method, path, obj.pk)
                    if str(answer.status_code) != wanted:
                        wrong.append((role, case, wanted, answer.status_code, answer.content[:200]))
                transaction.set_rollback(True)
        assert wrong == []


def rows_of(stage: Stage, row: dict[str, str], role: str) -> list[tuple[str, Any]]:
    """Make an object of each case the table knows."""
    kind = row["object"]
    cases = [("own", stage.make(kind, "own", role)), ("foreign", stage.make(kind, "foreign", role))]
    if row["restricted"] != "-":
        hidden = stage.make(kind, "own", role)
        restrict(hidden)
        cases.append(("restricted", hidden))
    if row["archived"] != "-" and kind != "insurer":
        old = stage.make(kind, "own", role)
        put_away(old)
        cases.append(("archived", old))
    return cases


def outcome(row: dict[str, str], case: str, role: str) -> str:
    """Read the status of a case out of its row."""
    if role == "admin" and case in {"own", "foreign"}:
        own, _slash, foreign = row["platform"].partition("/")
        return foreign or own if case == "foreign" else own
    if case == "restricted" and role != "practice_admin":
        return "404"
    provider, insurer = role in PRACTICE_ROLES, row[case].partition("/")
    return insurer[2] if provider and insurer[2] else insurer[0]
