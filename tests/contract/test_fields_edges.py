"""Values at the edge of what a type can hold, in every query parameter and every field of a body: never a fault."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import transaction
from rest_framework import serializers

from tests.contract.calls import CALLS, inputs, writable
from tests.contract.scenery import Stage, build_stage
from tests.contract.test_contract import normal, schema
from tests.contract.test_fields import ready, taken_back, with_value
from tests.contract.test_permissions import expected as permitted
from tests.figures import FULL

# The most harmful first; the whole of each with FIGURES=full.
QUERY = (
    "\x00", "", "%", "9" * 40, "-1",
    "0001-01-01", "9999-12-31", "2026-01-01T00:00:00+19:31", "9999-12-31T23:59:59-12:00", ",",
    "cD0wMDAw", "x" * 3000, "a\x00b", " ", "\\", "'", '"', "0", "1e400", "1969-02-30", "0001-01-01T00:00:00+14:00",
    "2026-03-29T02:30:00", "NaN", "null", "[]", "{}", ",,,", "🦷" * 50, "\u202e", "00000000-0000-0000-0000-000000000000",
)[: None if FULL else 12]  # fmt: skip
TEXT = (
    "\x00",
    "a\x00",
    "\u2028",
    "x" * 100_000,
    "🦷",
    "e\u0301" * 500,
    "{{ 7*7 }}",
    "{% debug %}",
    "=1+1",
    "\\",
    "%s%n",
)
NUMBERS = (-1, 0, 2**31, 2**63, 2**64, 10**30, 1e300, -(2**63), 0.5, True, "١٢", "1e5")[: None if FULL else 6]
MOMENTS = (
    "0001-01-01", "9999-12-31", "0001-01-01T00:00:00", "9999-12-31T23:59:59", "9999-12-31T23:59:59-12:00",
    "0001-01-01T00:00:00+14:00", "2031-03-03T10:00:00+19:31", "2031-03-30T02:30:00", "2031-10-26T02:30:00",
    "1900-01-01T00:00Z",
)[: None if FULL else 8]  # fmt: skip
OTHER = (None, [], {}, [[]], {"a": {"b": []}}, "x", 1, True)[: None if FULL else 5]


@pytest.fixture
def stage(ana, cleo, house, other_house, insurer, other_insurer, at) -> Stage:
    return build_stage({"ana": ana, "cleo": cleo}, house, other_house, (insurer, other_insurer), at)


def values_for(field: Any) -> tuple[Any, ...]:
    if isinstance(field, serializers.IntegerField):
        return NUMBERS + OTHER
    if isinstance(field, serializers.CharField):
        return TEXT + OTHER
    if any(word in type(field).__name__ for word in ("Date", "Time")):
        return MOMENTS + OTHER
    return OTHER


def reads() -> list[tuple[str, list[str]]]:
    """Return every GET and the names of its query parameters."""
    return [
        (path, [part["name"] for part in item["get"].get("parameters", []) if part["in"] == "query"])
        for path, item in sorted(schema()["paths"].items())
        if "get" in item
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "names"), reads(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_no_query_breaks_a_read(path: str, names: list[str], stage: Stage, api) -> None:
    roles = permitted()["GET", normal(path)]
    readers = [
        role
        for role in ("practitioner", "practice_admin", "admin", "insurer_admin")
        if role in roles or "any" in roles
    ]
    row = stage.make("patient", "own", "practitioner")
    faults = []
    for role in readers[: None if FULL else 1]:
        client = api(stage.people[role])
        client.raise_request_exception = False
        for name in [*names, "unknown"]:
            for value in QUERY:
                with transaction.atomic():
                    answer = client.get(re.sub(r"\{\w+\}", str(row.pk), path), {name: value})
                    transaction.set_rollback(True)
                if answer.status_code >= 500:
                    faults.append((role, name, value[:40]))
                if name == "unknown" and names and answer.status_code not in {400, 404}:
                    faults.append((role, name, answer.status_code))
    assert faults == []


@pytest.mark.django_db
@pytest.mark.parametrize("call", sorted(CALLS), ids=" ".join)
def test_no_value_breaks_a_write(call: tuple[str, str], stage: Stage, api) -> None:
    method, path = call
    client = api(stage.people[CALLS[call].role])
    client.raise_request_exception = False
    pk, body = ready(stage, CALLS[call])
    faults = []
    for name, field in writable(inputs()[call]()):
        for value in values_for(field):
            answer = taken_back(client, method, path, pk, with_value(body, name, value))
            if answer.status_code >= 500:
                faults.append((name, repr(value)[:60]))
    assert faults == []
