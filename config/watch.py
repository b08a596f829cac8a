"""Keep one process of `manage.py dev` alive: start it again when it was killed, end it when nobody wants it.

    python -m config.watch web|worker|beat SUPERVISOR_PID

The command line names a role and not the command: ending a worker by its name does not end its watcher.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from config.embedded import data_dir

# honcho kills after five seconds.
GRACE_SECONDS = 4.0
# A process that ends this soon, this often, will not get better by itself.
TOO_SOON_SECONDS = 10.0
TOO_OFTEN = 3


def command(role: str) -> list[str]:
    """Return the command line of a role."""
    run = [sys.executable, "-m"]
    if role == "web":
        host, port = os.environ.get("HOST", "127.0.0.1"), os.environ.get("PORT", "8000")
        return [
            *run,
            "uvicorn",
            "config.asgi:application",
            "--host",
            host,
            "--port",
            port,
            "--no-server-header",
        ]
    celery = [*run, "celery", "-A", "config", "--quiet"]
    if role == "worker":
        queues = "messages,documents,events,reconciliation"
        return [
            *celery,
            "worker",
            "-Q",
            queues,
            "-c",
            "2",
            "-l",
            "INFO",
            "--without-gossip",
            "--without-mingle",
        ]
    return [*celery, "beat", "-l", "WARNING", "--pidfile=", "-s", str(data_dir() / "beat-schedule")]


class Watcher:
    """One child, restarted until it is told to stop."""

    def __init__(self, role: str, supervisor: int) -> None:
        self.role = role
        self.supervisor = supervisor
        self.stopping = False

    def stop(self, _signal: int, _frame: FrameType | None) -> None:
        """Remember the wish to stop; the loop does the rest."""
        self.stopping = True

    def wanted(self) -> bool:
        """Say whether the supervisor is still there and has not asked to stop."""
        return (
            not self.stopping and Path(f"/proc/{self.supervisor}").exists()
            if _HAS_PROC
            else not self.stopping
        )

    def run(self) -> int:
        """Run until told to stop, or until the child keeps failing at its start."""
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        failures = 0
        while True:
            started = time.monotonic()
            # A session of its own: a group-wide SIGTERM would reach the worker's children in mid-task.
            child = subprocess.Popen(
                command(self.role), stdin=subprocess.DEVNULL, start_new_session=True, env=_environment()
            )
            while child.poll() is None and self.wanted():
                time.sleep(0.1)
            if not self.wanted():
                self._end(child)
                return 0
            failures = failures + 1 if time.monotonic() - started < TOO_SOON_SECONDS else 0
            if failures >= TOO_OFTEN:
                print(f"{self.role} does not start (last exit code {child.returncode})", flush=True)
                return child.returncode or 1
            print(f"{self.role} ended with code {child.returncode}; starting it again", flush=True)
            _end_group(child.pid)
            time.sleep(failures)

    def _end(self, child: subprocess.Popen[bytes]) -> None:
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_SECONDS)
        _end_group(child.pid)
        child.wait()


def _environment() -> dict[str, str]:
    """Silence advice meant for servers: Celery's against root, Django's against WhiteNoise under ASGI."""
    quiet = (
        "ignore:You're running the worker with superuser privileges",
        "ignore:StreamingHttpResponse must consume synchronous iterators",
    )
    return os.environ | {"PYTHONWARNINGS": ",".join(quiet)}


def _end_group(pid: int) -> None:
    """Kill what a dead process left of its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


_HAS_PROC = Path("/proc/self").exists()

if __name__ == "__main__":
    sys.exit(Watcher(sys.argv[1], int(sys.argv[2])).run())
