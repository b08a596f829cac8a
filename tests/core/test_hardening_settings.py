"""Production starts with everything it needs, or not at all."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KEY = base64.b64encode(b"k" * 32).decode()
FULL_ENVIRONMENT = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "s5Kq-71x.Zw_0pTn8RbVv3yJc6Lm2HdGfQeXaUoI4rEiWt9B-7kMq",
    "APP_KMS_KEY": f"k1:{KEY}",
    "APP_INDEX_KEY": KEY,
    "JWT_SIGNING_KEY": "j" * 48,
    "LINK_SIGNING_KEY": "l" * 48,
    "DISPATCH_KEY": "d" * 48,
    "METRICS_TOKEN": "m" * 32,
    "LEDGER_SIGNING_KEY": f"l1:{KEY}",
    "ALLOWED_HOSTS": "osdentaire.example",
    "PUBLIC_URL": "https://osdentaire.example",
    "DATABASE_URL": "postgres://u:p@127.0.0.1:1/x",
    "REDIS_URL": "redis://127.0.0.1:1/0",
}
HEADERS = """
import json, django
django.setup()
from django.conf import settings
from django.test import Client
answer = Client().get("/api/v1/nothing", secure=True, HTTP_HOST="osdentaire.example")
plain = Client().get("/api/v1/nothing", HTTP_HOST="osdentaire.example")
print("OUT" + json.dumps({"status": answer.status_code, "headers": dict(answer.headers), "plain": plain.status_code,
    "to": plain.headers.get("Location", ""), "probe": Client().get("/healthz", HTTP_HOST="osdentaire.example").status_code,
    "session": settings.SESSION_COOKIE_SECURE, "csrf": settings.CSRF_COOKIE_SECURE, "http": settings.SESSION_COOKIE_HTTPONLY,
    "debug": settings.DEBUG}))
"""


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the full environment, changed as asked."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={
            **inherited,
            **FULL_ENVIRONMENT,
            "DJANGO_SETTINGS_MODULE": "config.settings.production",
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


class TestProduction:
    def test_passes_djangos_own_checks(self) -> None:
        done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING")
        assert done.returncode == 0, done.stderr
        assert "no issues" in done.stdout

    @pytest.mark.parametrize("name", sorted(set(FULL_ENVIRONMENT) - {"ENVIRONMENT"}))
    def test_does_not_start_without(self, name: str) -> None:
        done = run("-c", "import django; django.setup()", **{name: ""})
        assert done.returncode != 0
        assert name in done.stderr

    @pytest.mark.parametrize("name", ["SECRET_KEY", "JWT_SIGNING_KEY", "LINK_SIGNING_KEY", "DISPATCH_KEY"])
    def test_does_not_start_with_a_short(self, name: str) -> None:
        assert name in run("-c", "import django; django.setup()", **{name: "short"}).stderr

    def test_speaks_https_only(self) -> None:
        done = run("-c", HEADERS)
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout.partition("OUT")[2])
        assert said["status"] == 404
        assert said["headers"]["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
        assert (said["plain"], said["to"]) == (301, "https://osdentaire.example/api/v1/nothing")
        assert said["probe"] == 200
        assert (said["session"], said["csrf"], said["http"], said["debug"]) == (True, True, True, False)
