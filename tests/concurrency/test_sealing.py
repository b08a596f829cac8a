"""Sixteen writers, with rollbacks and savepoints, and sealers beside them: nothing is skipped, nothing forks."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from apps.audit import seals
from apps.audit.models import AuditEntry, AuditSeal, Chain
from apps.audit.seals import seal_chain
from apps.core.models import new_id
from tests.audit.trails import FULL, empty_trails, findings, write_entries

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency, pytest.mark.figures]
WRITERS = 16
SECONDS = 20.0 if FULL else 3.0


class Undone(Exception):
    """A writer changes its mind."""


def write(stop: threading.Event, seed: int) -> None:
    """Write transactions of one to four entries; some roll back, some in part, some take their time."""
    chance, actor = random.Random(seed), new_id()
    while not stop.is_set():
        try:
            with transaction.atomic():
                write_entries(1, actor)
                time.sleep(chance.choice((0, 0, 0.002, 0.02)))
                try:
                    with transaction.atomic():
                        write_entries(chance.randint(1, 3), actor)
                        if chance.random() < 0.3:
                            raise Undone
                except Undone:
                    pass
                if chance.random() < 0.2:
                    raise Undone
        except Undone:
            pass


def seal(stop: threading.Event) -> None:
    """Seal again and again; two of these meet."""
    while not stop.is_set():
        seal_chain(Chain.ENTRIES, at=timezone.now())
        time.sleep(0.02)


def run(*works: Callable[[threading.Event], None]) -> None:
    """Run every work on a connection of its own for a while; a work that breaks fails the test."""
    stop, broken = threading.Event(), list[BaseException]()

    def one(work: Callable[[threading.Event], None]) -> None:
        try:
            work(stop)
        except BaseException as error:  # noqa: BLE001 - told to the test
            broken.append(error)
            stop.set()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=one, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    stop.wait(SECONDS)
    stop.set()
    for thread in threads:
        thread.join()
    if broken:
        raise broken[0]


def writers() -> list[Callable[[threading.Event], None]]:
    return [lambda stop, seed=seed: write(stop, seed) for seed in range(WRITERS)]


def skipped() -> int:
    """Count entries that have no seal although the sealer has gone on past them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM audit_auditentry e WHERE NOT EXISTS"
            " (SELECT 1 FROM audit_auditseal s WHERE s.chain = 'entries' AND s.entry_id = e.id)"
        )
        return int(cursor.fetchone()[0])


def forks() -> int:
    """Count seals that share their predecessor with another one."""
    links = list(AuditSeal.objects.filter(chain=Chain.ENTRIES).values_list("previous_mac", flat=True))
    return len(links) - len(set(links))


@pytest.fixture(autouse=True)
def _begin() -> None:
    empty_trails()
    seal_chain(Chain.ENTRIES, at=timezone.now())


class TestSixteenWriters:
    def test_nothing_is_skipped_and_nothing_forks(self) -> None:
        run(*writers(), seal, seal)
        during = AuditSeal.objects.filter(chain=Chain.ENTRIES).count()
        seal_chain(Chain.ENTRIES, at=timezone.now())
        written = AuditEntry.objects.count()
        print(f"\nFIGURE audit_entries_of_16_writers {written} -")
        print(f"FIGURE audit_chain_forks {forks()} 0")
        print(f"FIGURE audit_entries_skipped {skipped()} 0")
        assert written > 100
        assert during > written * 0.5
        assert (forks(), skipped(), findings()) == (0, 0, [])

    def test_the_order_of_keys_would_skip(self, monkeypatch) -> None:
        def by_key(chain: Chain, mark: seals.Mark, limit: int) -> list[tuple[int, int, str]]:
            source = seals.SOURCES[chain]
            with connection.cursor() as cursor:
                cursor.execute(
                    f"SELECT e.id, e.xid, {source.digest_sql} FROM {source.table} e"  # noqa: S608 - constants
                    " WHERE e.id > %s ORDER BY e.id LIMIT %s",
                    [mark.entry_id, limit],
                )
                return list(cursor.fetchall())

        monkeypatch.setattr(seals, "ready_rows", by_key)
        run(*writers(), seal)
        seal_chain(Chain.ENTRIES, at=timezone.now())
        assert skipped() > 0

    def test_two_sealers_without_the_lock_do_not_fork_either(self, monkeypatch) -> None:
        """The constraint has the last word: the second one fails instead."""
        monkeypatch.setattr(seals, "hold", lambda _chain: True)
        gate = threading.Barrier(2)
        original = seals.append

        def together(*args, **kwargs):
            gate.wait(10)
            return original(*args, **kwargs)

        write_entries(3, new_id())
        monkeypatch.setattr(seals, "append", together)
        ends: list[str] = []

        def one() -> None:
            try:
                ends.append(str(seal_chain(Chain.ENTRIES, at=timezone.now(), batch=1000)))
            except Exception as error:  # noqa: BLE001 - told to the test
                ends.append(type(error).__name__)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=one) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(ends) == ["3", "IntegrityError"]
        assert (forks(), findings()) == (0, [])
