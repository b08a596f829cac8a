"""`manage.py dev` on a copy of the repository, in a folder with spaces: starts, stops and refusals."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# One worker runs them all, in order: they share one site.
pytestmark = [pytest.mark.ops, pytest.mark.slow, pytest.mark.xdist_group("dev")]
ROOT = Path(__file__).resolve().parents[2]
PARTS = ("apps", "config", "locale", "static", "templates", "manage.py")
# The first start loads the demo practice; a busy machine takes minutes.
START_SECONDS = 480
STOP_SECONDS = 90


@dataclass
class Site:
    """A copy of the product and the folder of its data."""

    code: Path
    data: Path
    port: int

    def environment(self, **changes: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ}
        own = {"PORT": str(self.port), "OSDENTAIRE_DATA": str(self.data), "PYTHONDONTWRITEBYTECODE": "1"}
        return kept | own | changes

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "manage.py", *words]

    def run(self, *words: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            cwd=self.code,
            env=self.environment(**changes),
            capture_output=True,
            text=True,
            check=False,
            timeout=START_SECONDS,
        )

    def start(self) -> Running:
        log = (self.code.parent / "dev.log").open("w+")
        process = subprocess.Popen(
            self.command("dev"), cwd=self.code, env=self.environment(), stdout=log, stderr=subprocess.STDOUT
        )
        running = Running(self, process, Path(log.name))
        running.wait_until_ready()
        return running

    def postgres_pid(self) -> int | None:
        try:
            return int((self.data / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        except FileNotFoundError:
            return None

    def patients(self) -> str:
        found = self.run(
            "shell",
            "-v",
            "0",
            "-c",
            "from apps.patients.models import Patient as P; print('n =', P.objects.count())",
        )
        return found.stdout.strip().splitlines()[-1]


@dataclass
class Running:
    """A started site."""

    site: Site
    process: subprocess.Popen[bytes]
    log: Path

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while "Ctrl-C stops everything" not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def stop(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        return self.process.wait(STOP_SECONDS)

    def healthy(self) -> bool:
        link = http.client.HTTPConnection("127.0.0.1", self.site.port, timeout=5)
        try:
            link.request("GET", "/healthz")
            return link.getresponse().status == 200
        except OSError:
            return False
        finally:
            link.close()

    def pids(self) -> list[int]:
        return [int(found) for found in re.findall(r"started \(pid=(\d+)\)", self.log.read_text())]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    parent = Path(tempfile.mkdtemp(prefix="osdentaire dev "))
    parent.chmod(0o711)
    code = parent / "une copie"
    code.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, code / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, code / part)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    yield Site(code, parent / "les données", port)
    shutil.rmtree(parent)


@pytest.fixture(scope="module")
def first(site: Site) -> Iterator[Running]:
    running = site.start()
    yield running
    if running.process.poll() is None:
        running.stop(signal.SIGINT)


@pytest.fixture
def stopped(first: Running) -> Running:
    """The first start at rest, however the tests before it were dealt out to workers."""
    if first.process.poll() is None:
        assert first.stop(signal.SIGINT) == 0
    return first


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


class TestRefusals:
    def test_a_taken_port_is_said_before_anything_is_started(self, site: Site, tmp_path: Path) -> None:
        with socket.socket() as squatter:
            squatter.bind(("127.0.0.1", 0))
            squatter.listen()
            port = squatter.getsockname()[1]
            done = site.run("dev", PORT=str(port), OSDENTAIRE_DATA=str(tmp_path / "data"))
        assert done.returncode == 2
        assert done.stderr == (
            f"Port {port} is taken by another program: stop it, or choose another with PORT={port + 1}.\n"
        )
        assert not (tmp_path / "data" / "postgres").exists()

    def test_a_port_that_is_none_is_said(self, site: Site, tmp_path: Path) -> None:
        done = site.run("dev", PORT="http", OSDENTAIRE_DATA=str(tmp_path / "data"))
        assert done.returncode == 2
        assert done.stderr == "PORT must be a number between 1 and 65535, not 'http'.\n"

    def test_an_unknown_environment_is_said(self, site: Site) -> None:
        done = site.run("check", ENVIRONMENT="prod")
        assert done.returncode == 1
        assert "ENVIRONMENT must be one of development, test, staging, production" in done.stderr

    def test_production_does_not_start_without_its_secrets(self, site: Site) -> None:
        done = site.run("check", ENVIRONMENT="production")
        assert done.returncode == 1
        assert "must be set" in done.stderr
        assert not (site.data / "postgres").exists()


@pytest.mark.restarts
class TestDev:
    """In order: each test goes on from the state the one before left."""

    def test_prints_the_address_and_the_demo_logins(self, first: Running) -> None:
        said = first.log.read_text()
        assert f"OSdentaire runs at http://127.0.0.1:{first.site.port}\n" in said
        assert "demo-osdentaire-2026" in said
        assert "ana@demo.test" in said
        assert first.healthy()

    def test_says_so_when_it_already_runs(self, first: Running, site: Site) -> None:
        done = site.run("dev", PORT="1")
        assert done.returncode == 2
        assert done.stderr.startswith(
            f"OSdentaire already runs from this folder: http://127.0.0.1:{site.port}"
        )

    def test_lets_a_command_use_its_services(self, first: Running, site: Site) -> None:
        before = site.postgres_pid()
        assert site.patients() != "n = 0"
        assert site.postgres_pid() == before
        assert first.healthy()

    def test_starts_a_killed_worker_again(self, first: Running) -> None:
        watcher = first.pids()[1]
        [worker] = _children(watcher)
        os.kill(worker, signal.SIGKILL)
        deadline = time.monotonic() + 20
        while not (_children(watcher) and _children(watcher) != [worker]):
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def test_starts_a_killed_postgres_again(self, first: Running, site: Site) -> None:
        before = site.postgres_pid()
        assert before
        os.kill(before, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while site.postgres_pid() in {None, before} or not site.patients().startswith("n = "):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert first.healthy()

    def test_stops_everything_on_one_ctrl_c(self, first: Running, site: Site) -> None:
        postgres = site.postgres_pid()
        assert postgres
        assert first.stop(signal.SIGINT) == 0
        assert all(_gone(pid) for pid in [*first.pids(), postgres])
        assert not first.healthy()
        assert "database system is shut down" in (site.data / "logs" / "postgres.log").read_text()

    def test_keeps_its_data_and_starts_in_seconds(self, stopped: Running, site: Site) -> None:
        before = site.patients()
        started = time.monotonic()
        second = site.start()
        took = time.monotonic() - started
        try:
            assert site.patients() == before
            assert "first start only" not in second.log.read_text()
        finally:
            ended = second.stop(signal.SIGTERM)
        assert ended == 0
        assert took < 60

    def test_starts_after_a_kill_9_of_its_supervisor(self, stopped: Running, site: Site) -> None:
        killed = site.start()
        killed.process.kill()
        killed.process.wait()
        deadline = time.monotonic() + 20
        while not all(_gone(pid) for pid in killed.pids()):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        again = site.start()
        assert again.healthy()
        postgres = site.postgres_pid()
        assert postgres
        assert again.stop(signal.SIGINT) == 0
        assert _gone(postgres)


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
