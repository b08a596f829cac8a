"""Whether the process is up, and whether what it stands on answers.

`/healthz` and `/_health` touch nothing: a restart cures a process, not a database. `/api/v1/health` asks
database, cache, storage and queue. It is `degraded` with 200 while work can go on, and 503 when the database
is down, because then nothing can: a load balancer that reads only the status does the right thing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, Literal, TypedDict
from uuid import uuid4

from celery import current_app
from django.conf import settings
from django.core.cache import cache
from django.db import connection, connections
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from apps.core.storage import private_store

logger = logging.getLogger(__name__)

SECONDS_PER_CHECK: Final = 3.0
_STARTED: Final = monotonic()


class Check(TypedDict):
    """One dependency's answer."""

    status: Literal["ok", "down"]
    latency_ms: float


class Report(TypedDict):
    """The whole answer of `/api/v1/health`."""

    status: Literal["healthy", "degraded"]
    version: str
    environment: str
    checks: dict[str, Check]
    uptime: str
    uptime_seconds: int


@dataclass
class _Probe:
    """One run of a check in a thread of its own, so that a dependency that hangs holds up nobody else."""

    check: Callable[[], None]
    started: float = field(default_factory=monotonic)
    finished: threading.Event = field(default_factory=threading.Event)
    failed: bool = False
    seconds: float = 0.0

    def run(self) -> None:
        try:
            self.check()
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the dependency is down
            self.failed = True
            logger.warning(
                "a dependency is down", extra={"check": self.check.__name__, "code": type(error).__name__}
            )
        finally:
            connections.close_all()
            self.seconds = monotonic() - self.started
            self.finished.set()


_running: dict[str, _Probe] = {}
_lock = threading.Lock()


def check_database() -> Check:
    """Ask PostgreSQL a question."""
    return _answer(_start("database"))


def check_cache() -> Check:
    """Write and read a value."""
    return _answer(_start("cache"))


def check_storage() -> Check:
    """Ask the private store whether it can be written."""
    return _answer(_start("storage"))


def check_queue() -> Check:
    """Connect to the broker."""
    return _answer(_start("queue"))


def report() -> Report:
    """Ask everything, side by side; takes at most SECONDS_PER_CHECK."""
    probes = {name: _start(name) for name in _ASKED}
    checks = {name: _answer(probe) for name, probe in probes.items()}
    seconds = int(monotonic() - _STARTED)
    return {
        "status": "healthy" if all(found["status"] == "ok" for found in checks.values()) else "degraded",
        "version": settings.VERSION,
        "environment": settings.ENVIRONMENT,
        "checks": checks,
        "uptime": uptime(seconds),
        "uptime_seconds": seconds,
    }


def uptime(seconds: int) -> str:
    """Return a duration as `3d 12h 45m`."""
    minutes = seconds // 60
    return f"{minutes // 1440}d {minutes // 60 % 24}h {minutes % 60}m"


def status_of(found: Report) -> int:
    """Return the HTTP status of a report: 503 only when the database is down."""
    return 503 if found["checks"]["database"]["status"] == "down" else 200


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer that the process is up."""
    return JsonResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_cache() -> None:
    key = f"health:{uuid4().hex}"
    cache.set(key, key, timeout=10)
    if cache.get(key) != key:
        raise ConnectionError
    cache.delete(key)


def _ask_storage() -> None:
    private_store().check()


def _ask_queue() -> None:
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=int(SECONDS_PER_CHECK))


def add_check(name: str, check: Callable[[], None]) -> None:
    """Let a higher app name something else that should be right; it is only ever `degraded` by it."""
    _ASKED[name] = check


_ASKED: Final[dict[str, Callable[[], None]]] = {
    "database": _ask_database,
    "cache": _ask_cache,
    "storage": _ask_storage,
    "queue": _ask_queue,
}


def _start(name: str) -> _Probe:
    """Return the probe under way, or a new one: callers share it, so a flood of them asks once."""
    with _lock:
        probe = _running.get(name)
        if probe is None or probe.finished.is_set():
            probe = _running[name] = _Probe(_ASKED[name])
            threading.Thread(target=probe.run, name=f"health-{name}", daemon=True).start()
        return probe


def _answer(probe: _Probe) -> Check:
    finished = probe.finished.wait(max(0.0, probe.started + SECONDS_PER_CHECK - monotonic()))
    seconds = probe.seconds if finished else monotonic() - probe.started
    return {
        "status": "ok" if finished and not probe.failed else "down",
        "latency_ms": round(seconds * 1000, 1),
    }
