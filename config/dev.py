"""`manage.py dev`: the whole product on one machine, stopped by one Ctrl-C.

Runs before Django is loaded; migrations and demo data are processes of their own.
"""

from __future__ import annotations

import http.client
import ipaddress
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import IO

from config.embedded import EmbeddedError, Services, data_dir, development_secrets, open_data_dir, take_lock
from config.embedded.ground import REPOSITORY, port_is_free
from config.translations import compile_catalogues

DEMO_PASSWORD = "demo-osdentaire-2026"  # noqa: S105 - printed on purpose; these accounts exist nowhere else
DEMO_ACCOUNTS = (
    ("ana@demo.test", "practitioner, Ana's practice"),
    ("ben@demo.test", "assistant, Ana's practice"),
    ("dora@demo.test", "practice administrator, Ana's practice"),
    ("cleo@demo.test", "practitioner, another practice"),
    ("carl@demo.test", "assistant, another practice"),
    ("paula@demo.test", "pharmacist"),
    ("lea@demo.test", "laboratory manager"),
    ("hugo@demo.test", "clinic administrator"),
    ("doc@demo.test", "doctor"),
    ("ines@demo.test", "insurer administrator"),
    ("omar@demo.test", "insurer agent, same insurer"),
    ("nora@demo.test", "administrator of another insurer"),
    ("quentin@demo.test", "administrator of the dental practices' mutual"),
    ("admin@demo.test", "platform administrator"),
)
HEALTH_SECONDS = 120


class DevError(Exception):
    """One sentence for the person at the terminal, and exit code 2."""


def main() -> int:
    """Start everything, stay until Ctrl-C, stop everything."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    data = data_dir()
    try:
        open_data_dir(data)
        lock, address = _claim(data)
        with lock:
            return _serve(data, address)
    except (DevError, EmbeddedError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _claim(data: Path) -> tuple[IO[str], str]:
    """Make sure that this folder and this port are ours, before anything is started."""
    path = data / "dev.lock"
    lock = take_lock(path, wait=False)
    if lock is None:
        raise DevError(
            f"OSdentaire already runs from this folder: {path.read_text().strip() or 'it is just starting'}."
        )
    text = os.environ.setdefault("PORT", "8000")
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise DevError(f"PORT must be a number between 1 and 65535, not {text!r}.")
    host = os.environ.setdefault("HOST", "127.0.0.1")
    if not port_is_free(int(text), host):
        raise DevError(
            f"Port {text} is taken by another program: stop it, or choose another with PORT={int(text) + 1}."
        )
    address = f"http://{'127.0.0.1' if _is_every_address(host) else host}:{text}"
    os.environ.setdefault("PUBLIC_URL", address)
    lock.truncate(0)
    lock.write(f"{address} (process {os.getpid()})\n")
    lock.flush()
    return lock, address


def _is_every_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _serve(data: Path, address: str) -> int:
    for name, value in development_secrets(data).items():
        os.environ.setdefault(name, value)
    os.environ["OSDENTAIRE_DATA"] = str(data)
    missing = {name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)}
    services = Services(data, postgres="DATABASE_URL" in missing, valkey="REDIS_URL" in missing)
    try:
        if missing:
            print("Starting the embedded services", flush=True)
            os.environ.update(services.open())
        compile_catalogues(REPOSITORY / "locale")
        _manage("migrate", "--verbosity", "0")
        _load_demo(data)
        return _run(services, data, address)
    finally:
        # A second, impatient Ctrl-C must not leave PostgreSQL behind.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        services.close()


def _manage(*words: str) -> None:
    done = subprocess.run([sys.executable, str(REPOSITORY / "manage.py"), *words], check=False)
    if done.returncode:
        raise DevError(f"manage.py {words[0]} failed; the reason stands above.")


def _load_demo(data: Path) -> None:
    """Load the demo practice once; the mark is written when all of it is there."""
    mark = data / "demo-loaded"
    if mark.exists() or not (REPOSITORY / "apps/demo/management/commands/demo.py").exists():
        return
    print("Loading the demo practice (first start only)", flush=True)
    _manage("demo")
    mark.touch()


def _run(services: Services, data: Path, address: str) -> int:
    from honcho.manager import Manager  # not in the image: only this command needs it

    class Site(Manager):  # type: ignore[misc]  # honcho ships no types
        def _start(self) -> None:
            # Honcho forks: a thread that runs then could leave its locks held, for ever, in the children.
            super()._start()
            for work in (lambda: _announce(data, address), lambda: _guard(services)):
                threading.Thread(target=work, daemon=True).start()

    manager = Site()
    for role in ("web", "worker", "beat"):
        words = [sys.executable, "-m", "config.watch", role, str(os.getpid())]
        manager.add_process(
            role, f"exec {shlex.join(words)}", env={**os.environ, "PYTHONUNBUFFERED": "1"}, cwd=REPOSITORY
        )
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    manager.loop()
    stopped_by_hand = manager.returncode in {130, 143}
    return 0 if stopped_by_hand else int(manager.returncode or 0)


def _announce(data: Path, address: str) -> None:
    """Print the address and the logins once the site answers."""
    port = int(os.environ["PORT"])
    deadline = time.monotonic() + HEALTH_SECONDS
    while time.monotonic() < deadline:
        time.sleep(0.3)
        link = http.client.HTTPConnection(address.removeprefix("http://").rsplit(":", 1)[0], port, timeout=5)
        try:
            link.request("GET", "/healthz")
            if link.getresponse().status == 200:
                print(_welcome(data, address), flush=True)
                return
        except OSError:
            continue
        finally:
            link.close()
    print(f"The site does not answer at {address}/healthz; the reason stands above.", flush=True)


def _welcome(data: Path, address: str) -> str:
    lines = ["", f"OSdentaire runs at {address}", ""]
    if (data / "demo-loaded").exists():
        lines.append(f"Demo logins, all with the password {DEMO_PASSWORD}")
        lines += [f"  {login:<18} {who}" for login, who in DEMO_ACCOUNTS]
        lines.append("")
    return "\n".join([*lines, "Ctrl-C stops everything.", ""])


def _guard(services: Services) -> None:
    """Bring a killed embedded service back; the product's processes reconnect by themselves."""
    if not (services.postgres or services.valkey):
        return
    while True:
        time.sleep(1)
        try:
            if services.revive():
                print("An embedded service had ended; it runs again.", flush=True)
        except (EmbeddedError, OSError) as error:
            print(error, flush=True)
