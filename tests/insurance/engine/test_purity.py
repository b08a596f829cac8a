"""The engine needs neither a database nor Django's settings."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import apps.insurance.engine

ROOT = Path(apps.insurance.engine.__file__).parents[3]
PROGRAM = """
import sys
from apps.insurance import engine
loaded = [name for name in sys.modules if name.startswith(("django.db", "rest_framework", "psycopg"))]
houses = [name for name in sys.modules if name.startswith("apps.") and not name.startswith("apps.insurance.engine")]
print(sorted(loaded), sorted(houses))
"""


def test_loads_without_orm_and_without_settings():
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "[] ['apps.core', 'apps.core.errors', 'apps.core.money', 'apps.insurance']"


def test_imports_nothing_that_could_make_two_calls_differ():
    wanted = set()
    for module in Path(apps.insurance.engine.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.ImportFrom):
                wanted.add(str(node.module))
            elif isinstance(node, ast.Import):
                wanted.update(alias.name for alias in node.names)
            assert not (isinstance(node, ast.Attribute) and node.attr in {"today", "now"}) or (
                isinstance(node.value, ast.Name) and node.value.id == "request"
            ), module.name
    outside = {name for name in wanted if not name.startswith("apps.insurance.engine")}
    assert outside == {
        "__future__",
        "apps.core.money",
        "collections.abc",
        "dataclasses",
        "datetime",
        "enum",
        "functools",
        "hashlib",
        "json",
        "types",
        "typing",
    }


def test_fits_the_house_measures():
    for module in Path(apps.insurance.engine.__file__).parent.glob("*.py"):
        assert len(module.read_text().splitlines()) <= 400, module.name
