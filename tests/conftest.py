"""Throw-away PostgreSQL and Valkey for the suite, clean between tests.

The first lines run at import, before any other conftest and before Django reads its settings: those need the
services' addresses. One run has one cluster; its xdist workers share it, each with databases of its own.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from xdist.scheduler import LoadGroupScheduling

from config.embedded import Services
from config.translations import compile_catalogues

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
PREFIX = "osdentaire-tests-"


def _start_services() -> Services | None:
    """Start what the environment does not name, and export the addresses.

    OSDENTAIRE_TEST_SERVICES names a folder whose services are shared with other runs and kept.
    """
    missing = {name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)}
    if WORKER or not missing:
        return None
    kept = os.environ.get("OSDENTAIRE_TEST_SERVICES")
    if kept:
        folder = Path(kept).resolve()
    else:
        _sweep()
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        folder.chmod(0o711)  # the services' user passes through
    services = Services(
        folder,
        postgres="DATABASE_URL" in missing,
        valkey="REDIS_URL" in missing,
        throwaway=True,
        die_with_parent=not kept,
    )
    atexit.register(services.close if kept else services.remove)
    os.environ.update(services.open())
    if kept:
        # Runs that share a cluster must not share a database.
        os.environ["DATABASE_URL"] = _with_path(os.environ["DATABASE_URL"], f"run_{os.getpid()}")
    return services


def _sweep() -> None:
    """Delete what runs that were killed left behind; their servers died with them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).split("-")[0]
        if not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _with_path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))


SERVICES = _start_services()
if WORKER:
    os.environ["REDIS_URL"] = _with_path(os.environ["REDIS_URL"], str(int(WORKER.removeprefix("gw")) + 1))
if not WORKER:
    compile_catalogues(Path(__file__).resolve().parent.parent / "locale")
os.environ["ENVIRONMENT"] = "test"
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"

import django  # noqa: E402 - the settings need the addresses above
import redis  # noqa: E402

from config.celery import app as celery_app  # noqa: E402 - tasks bind to the configured application

django.setup()
# A worker that inherits this would read its settings before the lines above.
del os.environ["DJANGO_SETTINGS_MODULE"]

# The cast is imported after the settings have their addresses.
pytest_plugins = ["tests.cast"]

from tests.cast import *  # noqa: E402, F403 - the cast's fixtures serve every test


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LoadGroupScheduling:
    """Keep tests of one `xdist_group` on one worker, however the workers were asked for."""
    return LoadGroupScheduling(config, log)


def pytest_unconfigure() -> None:
    """Stop the services, also after Ctrl-C, and take the files of the tests away."""
    from django.conf import settings

    shutil.rmtree(settings.TEST_DIR, ignore_errors=True)
    if SERVICES and not os.environ.get("OSDENTAIRE_TEST_SERVICES"):
        SERVICES.remove()


@pytest.fixture(scope="session", autouse=True)
def _empty_append_only_tables() -> Iterator[None]:
    """Let the flush after a transactional test empty tables whose triggers refuse it.

    Under `session_replication_role = replica` ordinary triggers do not fire; the setting ends with the flush,
    so that the test itself meets the triggers.
    """
    from django.db.backends.postgresql.operations import DatabaseOperations

    original = DatabaseOperations.execute_sql_flush

    def flush(operations: DatabaseOperations, statements: Sequence[str]) -> None:
        original(operations, ["SET LOCAL session_replication_role = replica", *statements])

    patch = pytest.MonkeyPatch()
    patch.setattr(DatabaseOperations, "execute_sql_flush", flush)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[redis.Redis]:
    """Return a client of this worker's database of the suite's Valkey."""
    with redis.Redis.from_url(os.environ["REDIS_URL"]) as client:
        yield client


@pytest.fixture(autouse=True)
def _empty_redis(redis_server: redis.Redis) -> None:
    redis_server.flushdb()


@pytest.fixture(scope="session")
def celery() -> object:
    """Return the product's Celery application."""
    return celery_app
