"""What both embedded services stand on: folders, the user they run as, binaries, ports, locks."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

REPOSITORY = Path(__file__).resolve().parents[2]
# Where root puts what its own folders would hide from the unprivileged user.
ROOTS_PUBLIC_GROUND = Path("/var/lib/osdentaire")


class EmbeddedError(Exception):
    """One sentence for the person at the terminal."""


def data_dir() -> Path:
    """Return the folder that holds everything a development machine keeps."""
    return Path(os.environ.get("OSDENTAIRE_DATA") or REPOSITORY / ".data").expanduser().resolve()


def open_data_dir(data: Path) -> None:
    """Create the data folder; refuse one that belongs to somebody else."""
    try:
        data.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        (data / "logs").mkdir(exist_ok=True)
    except OSError as error:
        raise EmbeddedError(f"The folder {data} cannot be made: {error.strerror}.") from error
    if not os.access(data / "logs", os.W_OK):
        owner = _user_name(data.stat().st_uid)
        raise EmbeddedError(
            f"The folder {data} belongs to {owner}: run as {owner}, or set OSDENTAIRE_DATA to another folder."
        )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


@dataclass(frozen=True)
class Owner:
    """The unprivileged user that runs the services when root starts them."""

    uid: int
    gid: int

    @classmethod
    def current(cls, existing: Path) -> Owner | None:
        """Return None for an ordinary user; for root, who owns the existing files, else `nobody`."""
        if os.geteuid() != 0:
            return None
        if existing.exists() and existing.stat().st_uid != 0:
            found = existing.stat()
            return cls(found.st_uid, found.st_gid)
        try:
            entry = pwd.getpwnam("nobody")
        except KeyError:
            return cls(65534, 65534)
        return cls(entry.pw_uid, entry.pw_gid)

    def may_pass(self, path: Path) -> bool:
        """Say whether this user may enter every folder down to `path`, and open `path` itself."""
        return all(self._may_enter(folder) for folder in path.parents) and self._may_enter(path)

    def _may_enter(self, path: Path) -> bool:
        found = path.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)


@dataclass(frozen=True)
class Ground:
    """Where the services keep their files, and as whom they run."""

    data: Path
    home: Path
    owner: Owner | None
    # A test's services must not outlive it, not even its kill -9.
    die_with_parent: bool = False

    @classmethod
    def prepare(cls, data: Path, *, die_with_parent: bool = False) -> Ground:
        """Choose the services' folder: the data folder, unless its owner could not reach it."""
        open_data_dir(data)
        note = data / "services.location"
        home = Path(note.read_text().strip()) if note.exists() else data
        owner = Owner.current(home / "postgres")
        if owner and home == data and not owner.may_pass(data):
            home = ROOTS_PUBLIC_GROUND / secrets.token_hex(8)
            home.mkdir(mode=0o711, parents=True)
            note.write_text(f"{home}\n")
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        return cls(data=data, home=home, owner=owner, die_with_parent=die_with_parent)

    def make_dir(self, name: str) -> Path:
        """Create a private folder of the services' user."""
        path = self.home / name
        path.mkdir(mode=0o700, exist_ok=True)
        if self.owner:
            os.chown(path, self.owner.uid, self.owner.gid)
        return path

    def write_private(self, path: Path, text: str) -> None:
        """Write a file that only the services' user can read."""
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text)
            if self.owner:
                os.fchown(file.fileno(), self.owner.uid, self.owner.gid)

    def popen(self, command: list[str], log: IO[bytes], at_death: signal.Signals) -> subprocess.Popen[bytes]:
        """Start a service in a session of its own, so that the terminal's Ctrl-C does not reach it."""
        options = self.process_options()
        if self.die_with_parent and sys.platform == "linux":
            options["preexec_fn"] = functools.partial(_get_at_parents_death, at_death)
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **options
        )

    def process_options(self) -> dict[str, Any]:
        """Return what every process of the services is started with."""
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        if "LD_LIBRARY_PATH" in os.environ:
            environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
        options: dict[str, Any] = {"cwd": self.home, "env": environment, "umask": 0o077}
        if self.owner:
            options |= {"user": self.owner.uid, "group": self.owner.gid, "extra_groups": []}
        return options

    def reachable(self, package: Path, needed: Path) -> Path:
        """Return `needed`, or its copy where the services' user can reach it.

        A virtual environment under /root is closed to that user, and so are files of a strict umask.
        """
        if self.owner is None or self.owner.may_pass(needed):
            return needed
        source = f"{package}:{needed.stat().st_mtime_ns}".encode()
        store = ROOTS_PUBLIC_GROUND / f"binaries-{hashlib.sha256(source).hexdigest()[:16]}"
        if not store.exists():
            ROOTS_PUBLIC_GROUND.mkdir(mode=0o755, parents=True, exist_ok=True)
            half = Path(tempfile.mkdtemp(dir=ROOTS_PUBLIC_GROUND))
            for folder in (package, package.with_name(f"{package.name}.libs")):
                if folder.exists():
                    shutil.copytree(
                        folder, half / folder.name, ignore=shutil.ignore_patterns("*.a", "include")
                    )
            for path in (half, *half.rglob("*")):
                path.chmod(
                    path.stat().st_mode | (0o055 if path.is_dir() or path.stat().st_mode & 0o100 else 0o044)
                )
            with contextlib.suppress(OSError):  # another process was faster: its copy is the same
                half.rename(store)
            shutil.rmtree(half, ignore_errors=True)
        return store / needed.relative_to(package.parent)

    def remove(self) -> None:
        """Delete the data folder and what stands elsewhere for it; for throw-away services only."""
        for path in {self.home, self.data}:
            shutil.rmtree(path, ignore_errors=True)


def _get_at_parents_death(what: signal.Signals) -> None:
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, what)


def package_dir(name: str) -> Path:
    """Return where a wheel is installed, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"The package that embeds this service ({name}) is not installed: "
            "set DATABASE_URL and REDIS_URL, or install requirements-local.txt."
        )
    return Path(spec.origin).resolve().parent


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether a server could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def choose_port(remembered: int | None) -> int:
    """Return the remembered port when it is free, else any free one."""
    if remembered and port_is_free(remembered):
        return remembered
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Notebook:
    """Ports that survive a restart, in one small file."""

    def __init__(self, data: Path) -> None:
        self.path = data / "services.json"

    def read(self) -> dict[str, int]:
        """Return the notes; a missing or torn file is an empty one."""
        try:
            notes: dict[str, int] = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return notes

    def write(self, **changes: int) -> None:
        """Add to the notes, by a rename, so that a crash leaves the old or the new file."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(self.read() | changes))
        fresh.replace(self.path)


def take_lock(path: Path, *, shared: bool = False, wait: bool = True) -> IO[str] | None:
    """Lock a file until it is closed or the process dies; None when it is taken and `wait` is off."""
    file = path.open("a+")
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, how if wait else how | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    # A forked child shares the lock until it closes its copy, and would hold it beyond our death.
    os.register_at_fork(after_in_child=file.close)
    return file


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a file's lock for the block."""
    file = take_lock(path)
    try:
        yield
    finally:
        if file:
            file.close()
