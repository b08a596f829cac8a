"""The generated schema holds every call of the contract, and the recorded examples hold against the schema."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

HERE = Path(__file__).parent
DELIVERED = ("first day", "identity", "patients and agenda", "billing", "payer network")


@cache
def schema() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        json.dumps(SchemaGenerator().get_schema(request=None, public=True), default=str)
    )
    return document


def normal(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path.removeprefix("/api/v1")).rstrip("/")


def wanted(section: str) -> list[tuple[str, str]]:
    found, here = [], ""
    for line in (HERE / "contract.txt").read_text().splitlines():
        if line.startswith("["):
            here = line.strip("[]")
        elif line and not line.startswith("#") and here == section:
            method, path = line.split()
            found.append((method, path))
    return found


class TestContract:
    @pytest.mark.parametrize("section", DELIVERED)
    def test_holds_every_call(self, section: str) -> None:
        have = {
            (method.upper(), normal(path))
            for path, methods in schema()["paths"].items()
            for method in methods
        }
        assert [f"{method} {path}" for method, path in wanted(section) if (method, path) not in have] == []


EXAMPLES = sorted((HERE / "examples").glob("*.json"))


class TestExamples:
    """Each file: {"method", "path", "request": body or null, "status", "answer": body or null}."""

    @pytest.mark.parametrize("section", DELIVERED)
    def test_exist_for_every_call(self, section: str) -> None:
        recorded = {
            (example["method"], example["path"]) for example in (json.loads(f.read_text()) for f in EXAMPLES)
        }
        assert [
            f"{method} {path}" for method, path in wanted(section) if (method, path) not in recorded
        ] == []

    @pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
    def test_hold_against_the_schema(self, file: Path) -> None:
        example = json.loads(file.read_text())
        operation = operation_of(example["method"], example["path"])
        if example["request"] is not None:
            validate(content(operation["requestBody"]), example["request"])
        if example["answer"] is not None:
            answers = operation["responses"]
            # Refusals share one shape, which the schema gives for all of 4XX.
            validate(content(answers.get(str(example["status"])) or answers["4XX"]), example["answer"])


def operation_of(method: str, path: str) -> dict[str, Any]:
    for known, methods in schema()["paths"].items():
        if normal(known) == path and method.lower() in methods:
            operation: dict[str, Any] = methods[method.lower()]
            return operation
    raise AssertionError(f"{method} {path} is not in the schema")


def content(part: dict[str, Any]) -> dict[str, Any]:
    shape: dict[str, Any] = part["content"]["application/json"]["schema"]
    return shape


def validate(shape: dict[str, Any], body: Any) -> None:
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **shape,
        "components": schema()["components"],
    }
    errors = [
        f"{list(error.path)}: {error.message}" for error in Draft202012Validator(document).iter_errors(body)
    ]
    assert errors == []
