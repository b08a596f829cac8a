"""Inputs drawn from the generated schema, right and wrong ones, against every operation for every role.

A drawn key names no row, so most are replaced by keys of rows that exist: the services behind are reached, not only
the parsers. Each call is taken back. In full with FIGURES=full; the seed is fixed.
"""

from __future__ import annotations

import json
import random
from contextlib import suppress
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator, FormatChecker
from schemathesis import GenerationMode, openapi

from tests.contract.scenery import Stage, build_stage
from tests.contract.test_contract import normal, schema
from tests.contract.test_permissions import expected as permitted
from tests.figures import FULL, figure

EXAMPLES = 60 if FULL else 2
# Calls whose wrong guesses are counted, and whose callers prove themselves by a signature, need no login.
ANONYMOUS = "anonymous"
# Which kind of row a key in a path or a body names; lists hold several of them.
NAMED = {
    "absences": "absence", "acts": "act", "alerts": "alert", "appointment-types": "type", "appointments": "noted",
    "insurers": "insurer", "invoices": "draft", "payments": "receipt", "jobs": "failed_job", "templates": "template",
    "patients": "patient", "practitioners": "practitioner", "rooms": "room", "users": "user", "sessions": "session",
    "treatments": "treatment",
    "act": "act", "patient": "patient", "practitioner": "practitioner", "assistant": "practitioner", "room": "room",
    "type": "type", "appointment": "appointment", "treatment": "treatment", "insurer": "insurer",
    "household": "household", "default_room": "room", "signer_contact": "contact", "duplicate": "patient",
}  # fmt: skip


def operations() -> list[tuple[str, str]]:
    methods = {"get", "post", "patch", "delete"}
    return sorted((m.upper(), path) for path, item in schema()["paths"].items() for m in item if m in methods)


@pytest.fixture
def stage(ana, cleo, house, other_house, insurer, other_insurer, at) -> Stage:
    return build_stage({"ana": ana, "cleo": cleo}, house, other_house, (insurer, other_insurer), at)


class Drawn:
    """One drawn call, with keys of real rows in it."""

    def __init__(self, case: Any, keys: dict[str, str], dice: random.Random) -> None:
        self.keys, self.dice = keys, dice
        self.path = case.formatted_path
        for name in case.path_parameters or {}:
            before = case.path.split("{" + name + "}")[0].rstrip("/").rsplit("/", 1)[-1]
            if before in keys and dice.random() < 0.8:
                self.path = case.path.replace("{" + name + "}", keys[before])
        self.query = {str(key): value for key, value in (case.query or {}).items() if encodable(value)}
        self.body = self.filled(case.body) if isinstance(case.body, (dict, list)) else case.body

    def filled(self, value: Any, name: str = "") -> Any:
        """Return a body whose references mostly name real rows."""
        if isinstance(value, dict):
            return {key: self.filled(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self.filled(item, name.removesuffix("s")) for item in value]
        if name in self.keys and isinstance(value, str) and self.dice.random() < 0.8:
            return self.keys[name]
        return value

    def send(self, client: Any, method: str) -> Any:
        """Make the call, then take back what it did."""
        extra: dict[str, Any] = {"QUERY_STRING": query_string(self.query)}
        data = b""
        if isinstance(self.body, (dict, list, str, int, float, bool)) or self.body is None:
            data = json.dumps(self.body).encode()
        client.raise_request_exception = False
        with transaction.atomic():
            answer = client.generic(method, self.path, data, content_type="application/json", **extra)
            b"".join(answer.streaming_content) if answer.streaming else answer.content
            transaction.set_rollback(True)
        return answer


def encodable(value: Any) -> bool:
    return isinstance(value, (str, int, float, bool, list))


def query_string(query: dict[str, Any]) -> str:
    from urllib.parse import urlencode

    return urlencode(query, doseq=True, errors="replace")


def told(method: str, path: str, answer: Any) -> list[str]:
    """Say what of an answer the schema does not know."""
    operation = schema()["paths"][path][method.lower()]
    responses = operation["responses"]
    status = str(answer.status_code)
    known = responses.get(status) or (responses.get("4XX") if status.startswith("4") else None)
    if known is None:
        return [f"{status} is not described"]
    kind = answer.headers.get("Content-Type", "").split(";")[0]
    if kind != "application/json" or not answer.content:
        return []
    shape = known.get("content", {}).get("application/json", {}).get("schema")
    if shape is None:
        return [f"{status} has a body that is not described"]
    document = {**shape, "components": schema()["components"]}
    judge = Draft202012Validator(document, format_checker=FormatChecker(["email", "uuid", "date"]))
    return [f"{list(e.path)}: {e.message}"[:300] for e in judge.iter_errors(answer.json())]


@pytest.mark.django_db
class TestSchemathesis:
    server_errors = 0

    @pytest.mark.figures
    @pytest.mark.xdist_group("schemathesis")
    @pytest.mark.parametrize(
        ("method", "path"), operations(), ids=lambda value: value.removeprefix("/api/v1")
    )
    def test_no_input_breaks_it(self, method: str, path: str, stage: Stage, api) -> None:
        operation = openapi.from_dict(schema())[path][method]
        roles = permitted()[method, normal(path)]
        wrong: list[str] = []
        for role, user in [(ANONYMOUS, None), *stage.people.items()]:
            allowed = bool({role, ANONYMOUS} & roles) or ("any" in roles and user is not None)
            keys = keys_for(stage, role, method, path) if allowed and user is not None else {}
            for mode in GenerationMode:
                explore(operation, mode, EXAMPLES if allowed else 1, api(user), keys, role, wrong)
        TestSchemathesis.server_errors += sum("server error" in line for line in wrong)
        assert "\n".join(dict.fromkeys(wrong)) == ""

    @pytest.mark.figures
    @pytest.mark.xdist_group("schemathesis")
    def test_figure(self) -> None:
        figure("schemathesis_server_errors", self.server_errors, "0")
        assert self.server_errors == 0


def keys_for(stage: Stage, role: str, method: str, path: str) -> dict[str, str]:
    """Return keys of rows of the caller's house by the names under which a call may send them."""
    wanted = (
        NAMED
        if method in {"POST", "PATCH"}
        else {n: kind for n, kind in NAMED.items() if n in path.split("/")}
    )
    made = {kind: str(stage.make(kind, "own", role).pk) for kind in sorted(set(wanted.values()))}
    return {name: made[kind] for name, kind in wanted.items()}


def explore(
    operation: Any, mode: Any, most: int, client: Any, keys: Any, role: str, wrong: list[str]
) -> None:
    """Draw and send `most` calls."""
    dice = random.Random(f"{operation.label}{role}{mode}")

    @seed(20261122)
    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        drawn = Drawn(case, keys, dice)
        answer = drawn.send(client, operation.method.upper())
        if answer.status_code >= 500 and answer.status_code != 503:
            wrong.append(
                f"{role}: server error {answer.status_code} at {drawn.path}?{drawn.query} {drawn.body!r}"[
                    :600
                ]
            )
        wrong.extend(f"{role}: {line}" for line in told(operation.method, operation.path, answer))

    # Nothing wrong can be sent to a call that takes nothing.
    with suppress(Unsatisfiable):
        run()
