"""Who may call what: the hand-written table against every route the resolver knows."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.directory.models import Insurer, Practice
from tests.cast import make_user
from tests.contract.routes import routes

TABLE = Path(__file__).with_name("permissions.csv")
HOUSE_OF_ROLE = {
    "assistant": "dental", "practitioner": "dental", "practice_admin": "dental", "pharmacist": "pharmacy",
    "doctor": "medical", "lab_manager": "laboratory", "clinic_admin": "clinic",
}  # fmt: skip


def expected() -> dict[tuple[str, str], frozenset[str]]:
    with TABLE.open() as lines:
        return {
            (row["method"], row["path"]): frozenset(row["roles"].split()) for row in csv.DictReader(lines)
        }


def call(client: APIClient, method: str, path: str):
    url = "/api/v1" + re.sub(r"\{\}", lambda _match: str(uuid4()), path)
    body = {} if method in {"POST", "PATCH", "DELETE"} else None
    return getattr(client, method.lower())(url, body, format="json") if body is not None else client.get(url)


@pytest.fixture
def people(db: None, practice: Practice, insurer: Insurer, acting) -> dict[str, User]:
    """One user per role."""
    users = {}
    for role in Role:
        if role in {Role.INSURER_ADMIN, Role.INSURER_AGENT}:
            house = {"insurer": insurer}
        elif role == Role.ADMIN:
            house = {}
        else:
            house = {"practice": practice}
        users[role.value] = make_user(f"{role.value}@matrix.test", role, role.value, **house)
    return users


class TestPermissions:
    def test_names_every_route(self) -> None:
        table = expected()
        assert [f"{method} {path}" for method, path, _named in routes() if (method, path) not in table] == []

    @pytest.mark.parametrize("route", routes(), ids=lambda route: f"{route[0]} {route[1]}")
    def test_holds_for_every_role(self, route: tuple[str, str, str], people: dict[str, User], api) -> None:
        method, path, _named = route
        allowed = expected()[method, path]
        if allowed == {"signed"}:
            assert call(api(None), method, path).status_code in {401, 403}
            return
        answer = call(api(None), method, path)
        if "anonymous" in allowed:
            assert answer.status_code not in {403, 405, 500}, answer.content
            return
        assert answer.status_code == 401, answer.content
        for role, user in people.items():
            answer = call(api(user), method, path)
            if "any" in allowed or role in allowed:
                assert answer.status_code not in {401, 403, 405, 500}, (
                    role,
                    answer.status_code,
                    answer.content,
                )
            else:
                assert answer.status_code == 403, (role, answer.status_code, answer.content)
