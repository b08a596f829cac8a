"""Probes: the process, and what it stands on."""

from __future__ import annotations

import threading
import time
from unittest import mock

import pytest
from celery import current_app
from django.test import Client

from apps.core import health

pytestmark = pytest.mark.django_db

NAMES = ["database", "cache", "storage", "queue", "network"]


@pytest.fixture(autouse=True)
def _private_folder(settings, tmp_path):
    settings.PRIVATE_FILES_ROOT = tmp_path
    settings.S3_BUCKET = ""


@pytest.fixture
def _all_up(monkeypatch):
    monkeypatch.setitem(health._ASKED, "queue", lambda: None)


def down():
    raise ConnectionError("password=secret")


class TestHealthz:
    @pytest.mark.parametrize("path", ["/healthz", "/_health"])
    def test_answers_without_asking_anything(self, path, django_assert_num_queries):
        with django_assert_num_queries(0), mock.patch.object(health, "_start", side_effect=AssertionError):
            answer = Client().get(path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.usefixtures("_all_up")
class TestHealth:
    def get(self):
        return Client().get("/api/v1/health")

    def test_is_healthy_when_everything_answers(self, settings):
        answer = self.get()
        body = answer.json()
        assert answer.status_code == 200
        assert body["status"] == "healthy"
        assert (body["version"], body["environment"]) == (settings.VERSION, "test")
        assert list(body["checks"]) == NAMES
        for check in body["checks"].values():
            assert check["status"] == "ok"
            assert 0 <= check["latency_ms"] < 3000
        assert body["uptime"].endswith("m")
        assert body["uptime_seconds"] >= 0

    @pytest.mark.parametrize("name", ["cache", "storage", "queue"])
    def test_is_degraded_but_served_without(self, monkeypatch, name):
        monkeypatch.setitem(health._ASKED, name, down)
        answer = self.get()
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert {n: c["status"] for n, c in answer.json()["checks"].items()} == {
            n: "down" if n == name else "ok" for n in NAMES
        }
        assert b"secret" not in answer.content

    def test_is_503_without_the_database(self, monkeypatch):
        monkeypatch.setitem(health._ASKED, "database", down)
        answer = self.get()
        assert (answer.status_code, answer.json()["status"]) == (503, "degraded")

    def test_waits_no_longer_than_its_limit(self, monkeypatch):
        release = threading.Event()
        monkeypatch.setattr(health, "SECONDS_PER_CHECK", 0.3)
        monkeypatch.setitem(health._ASKED, "cache", lambda: release.wait(20))
        monkeypatch.setitem(health._ASKED, "storage", lambda: release.wait(20))
        began = time.monotonic()
        body = self.get().json()
        release.set()
        assert time.monotonic() - began < 2
        assert (body["checks"]["cache"]["status"], body["checks"]["database"]["status"]) == ("down", "ok")
        assert body["checks"]["cache"]["latency_ms"] >= 300

    def test_asks_a_dependency_that_hangs_only_once(self, monkeypatch):
        release, asked = threading.Event(), []

        def hang():
            asked.append(1)
            release.wait(20)

        monkeypatch.setattr(health, "SECONDS_PER_CHECK", 0.05)
        monkeypatch.setitem(health._ASKED, "queue", hang)
        for _ in range(3):
            assert self.get().json()["checks"]["queue"]["status"] == "down"
        release.set()
        assert len(asked) == 1

    def test_takes_no_post(self):
        assert Client().post("/api/v1/health").status_code == 405


class TestChecks:
    @pytest.mark.parametrize("check", [health.check_database, health.check_cache, health.check_storage])
    def test_find_what_is_up(self, check):
        assert check()["status"] == "ok"

    def test_find_a_cache_that_forgets(self, settings):
        settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
        assert health.check_cache()["status"] == "down"

    def test_find_a_folder_that_cannot_be_written(self, settings, tmp_path):
        (tmp_path / "file").touch()
        settings.PRIVATE_FILES_ROOT = tmp_path / "file"
        assert health.check_storage()["status"] == "down"

    def test_find_a_broker_that_does_not_answer(self, monkeypatch):
        monkeypatch.setattr(health, "SECONDS_PER_CHECK", 1.0)
        broker = mock.Mock(ensure_connection=mock.Mock(side_effect=ConnectionRefusedError))
        connection = mock.MagicMock(__enter__=mock.Mock(return_value=broker))
        with mock.patch.object(current_app, "connection_for_write", return_value=connection):
            assert health.check_queue()["status"] == "down"


class TestUptime:
    @pytest.mark.parametrize(
        ("seconds", "text"),
        [
            (0, "0d 0h 0m"),
            (59, "0d 0h 0m"),
            (3600, "0d 1h 0m"),
            (86399, "0d 23h 59m"),
            (305_100, "3d 12h 45m"),
        ],
    )
    def test_reads_as_days_hours_minutes(self, seconds, text):
        assert health.uptime(seconds) == text
