"""Sealing in commit order, beside transactions that are still running."""

from __future__ import annotations

import threading
from datetime import timedelta
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from apps.audit import seals
from apps.audit.models import AuditEntry, AuditSeal, Chain
from apps.audit.models import SealKind as Kind
from apps.audit.seals import lag_seconds, mark_of, seal_chain, whole_xid
from apps.audit.tasks import seal as seal_task
from apps.core.models import new_id
from tests.audit.trails import (
    AT,
    empty_trails,
    findings,
    problems,
    seal_all,
    sealed_ids,
    tamper,
    write_entries,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def actor():
    return new_id()


@pytest.fixture(autouse=True)
def _no_entries_of_the_set_up() -> None:
    empty_trails()


@pytest.fixture
def sealed(actor):
    """A chain that has begun, and five sealed entries."""
    seal_all()
    write_entries(5, actor)
    seal_all()
    return sealed_ids()


def other_connection(name: str | None = None) -> psycopg.Connection:
    """Connect beside Django, to this database or another one of the server."""
    settings = connection.get_connection_params()
    keys = ("host", "port", "user", "password")
    return psycopg.connect(
        **{key: settings[key] for key in keys if settings.get(key)}, dbname=name or settings["dbname"]
    )


class TestSealing:
    def test_seals_each_entry_once(self, actor) -> None:
        seal_all()
        write_entries(3, actor)
        assert seal_chain(Chain.ENTRIES, at=AT) == 3
        assert seal_chain(Chain.ENTRIES, at=AT) == 0
        assert sealed_ids() == list(AuditEntry.objects.order_by("id").values_list("id", flat=True))
        assert findings() == []

    def test_each_seal_holds_the_one_before(self, sealed) -> None:
        rows = list(AuditSeal.objects.filter(chain=Chain.ENTRIES).order_by("sequence"))
        assert [row.sequence for row in rows] == [1, 2, 3, 4, 5, 6]
        assert [row.previous_mac for row in rows] == ["", *(row.mac for row in rows[:-1])]

    def test_seals_in_batches(self, actor) -> None:
        seal_all()
        write_entries(7, actor)
        assert seal_chain(Chain.ENTRIES, at=AT, batch=3) == 7
        assert findings() == []

    def test_what_was_there_before_the_first_pass_is_sealed_too(self, actor) -> None:
        write_entries(4, actor)
        assert seal_chain(Chain.ENTRIES, at=AT) == 4
        assert (len(sealed_ids()), findings()) == (4, [])

    def test_waits_for_an_earlier_transaction_that_still_runs(self, actor) -> None:
        seal_all()
        with other_connection() as slow:
            slow.execute("SELECT pg_current_xact_id()")
            write_entries(2, actor)
            assert seal_chain(Chain.ENTRIES, at=AT) == 0
            slow.rollback()
        assert seal_chain(Chain.ENTRIES, at=AT) == 2

    def test_does_not_wait_for_another_database_of_the_server(self, actor) -> None:
        seal_all()
        with other_connection("postgres") as elsewhere:
            elsewhere.execute("SELECT pg_current_xact_id()")
            write_entries(2, actor)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
                held_back = cursor.fetchone()[0]
            assert not AuditEntry.objects.filter(xid__lt=held_back).exists()
            assert seal_chain(Chain.ENTRIES, at=AT) == 2
            elsewhere.rollback()

    def test_two_sealers_do_not_meet(self, actor) -> None:
        seal_all()
        write_entries(2, actor)
        with other_connection() as other:
            other.execute("SELECT pg_advisory_xact_lock(%s)", [seals.SOURCES[Chain.ENTRIES].lock])
            assert seal_chain(Chain.ENTRIES, at=AT) == 0
            other.rollback()
        assert seal_chain(Chain.ENTRIES, at=AT) == 2

    def test_a_late_commit_of_an_early_number_is_not_skipped(self, actor) -> None:
        seal_all()
        early, go = threading.Event(), threading.Event()

        def write_slowly() -> None:
            try:
                with transaction.atomic():
                    write_entries(1, actor)
                    early.set()
                    go.wait(10)
            finally:
                connection.close()

        writer = threading.Thread(target=write_slowly)
        writer.start()
        early.wait(10)
        write_entries(1, actor)
        assert seal_chain(Chain.ENTRIES, at=AT) == 0
        go.set()
        writer.join()
        assert seal_chain(Chain.ENTRIES, at=AT) == 2
        assert findings() == []

    def test_the_text_does_not_depend_on_the_session(self, sealed) -> None:
        digests = f"SELECT {seals.SOURCES[Chain.ENTRIES].digest_sql} FROM audit_auditentry e ORDER BY id"  # noqa: S608 - constants
        with connection.cursor() as cursor:
            cursor.execute(digests)
            before = cursor.fetchall()
            for statement in (
                "SET TimeZone = 'Asia/Tokyo'", "SET DateStyle = 'German'", "SET bytea_output = 'escape'",
                "SET extra_float_digits = -15", "SET IntervalStyle = 'iso_8601'", "SET quote_all_identifiers = on",
            ):  # fmt: skip
                cursor.execute(statement)
            cursor.execute(digests)
            assert cursor.fetchall() == before
        connection.close()

    def test_the_key_counts(self, sealed, settings) -> None:
        settings.AUDIT_SEAL_KEY = "b3RoZXIta2V5LW90aGVyLWtleS1vdGhlci1rZXktMTI="
        assert findings()[0].problem == "altered"

    @pytest.mark.parametrize(("short", "near", "whole"), [
        (95, 100, 95), (105, 100, 105), (2**32 - 1, 2**32 + 5, 2**32 - 1), (3, 2**32 - 2, 2**32 + 3),
        (7, 5 * 2**32 + 9, 5 * 2**32 + 7),
    ])  # fmt: skip
    def test_short_numbers_are_read_across_a_turn(self, short: int, near: int, whole: int) -> None:
        assert whole_xid(short, near) == whole


class TestAnotherCluster:
    def test_goes_on_after_a_restore(self, sealed, actor, monkeypatch) -> None:
        write_entries(2, actor)
        tamper("UPDATE audit_auditentry SET xid = xid + 1000000000 WHERE id > %s", sealed[-1])
        monkeypatch.setattr(seals, "cluster_name", lambda: "another")
        assert seal_chain(Chain.ENTRIES, at=AT) == 2
        write_entries(3, actor)
        assert seal_chain(Chain.ENTRIES, at=AT) == 3
        assert (len(sealed_ids()), findings()) == (10, [])
        epochs = AuditSeal.objects.filter(chain=Chain.ENTRIES, kind=Kind.EPOCH).order_by("sequence")
        assert [row.facts["cluster"] == "another" for row in epochs] == [False, True]

    def test_a_role_that_may_not_ask_gets_on(self, actor, monkeypatch) -> None:
        monkeypatch.setattr(seals, "cluster_name", lambda: "")
        seal_all()
        write_entries(2, actor)
        assert (seal_chain(Chain.ENTRIES, at=AT), findings()) == (2, [])


class TestAppendOnly:
    @pytest.mark.parametrize("table", ["audit_auditseal", "audit_accessentry", "audit_auditentry"])
    @pytest.mark.parametrize(
        "statement", ["UPDATE {} SET xid = 1", "DELETE FROM {}", "TRUNCATE {}", "TRUNCATE {} CASCADE"]
    )
    def test_refuses(self, sealed, actor, table: str, statement: str) -> None:
        tamper("INSERT INTO audit_accessentry (kind, event, object_pk, actor_role, user_agent, cid, timestamp, detail)"
               " VALUES ('read', 'x', '', 'x', '', '', now(), '{}')")  # fmt: skip
        with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
            cursor.execute(statement.format(table))


class TestLag:
    def test_is_the_age_of_the_oldest_entry_without_a_seal(self, sealed, actor) -> None:
        assert lag_seconds(Chain.ENTRIES, at=AT) == 0
        write_entries(2, actor)
        oldest = AuditEntry.objects.exclude(pk__in=sealed).earliest("timestamp").timestamp
        assert lag_seconds(Chain.ENTRIES, at=oldest + timedelta(seconds=90)) == 90

    def test_shows_in_the_metrics(self, sealed, client) -> None:
        assert (
            'osdentaire_audit_seal_lag_seconds{chain="entries"} 0.0'
            in client.get("/metrics").content.decode()
        )

    def test_is_an_error_in_the_log_beyond_five_minutes(self, sealed, actor, caplog) -> None:
        write_entries(1, actor)
        tamper("UPDATE audit_auditentry SET timestamp = now() - interval '1 hour' WHERE id > %s", sealed[-1])
        with other_connection() as slow:
            slow.execute("SELECT pg_advisory_xact_lock(%s)", [seals.SOURCES[Chain.ENTRIES].lock])
            seal_task()
            slow.rollback()
        assert "sealing lags" in caplog.text
        caplog.clear()
        assert seal_task() == 1
        assert "sealing lags" not in caplog.text


class TestVerifyCommand:
    def run(self, *args: str) -> str:
        out = StringIO()
        call_command("verify_audit", *args, stdout=out, stderr=StringIO())
        return out.getvalue()

    def test_says_that_all_is_well_and_prints_anchors(self, sealed, tmp_path) -> None:
        said = self.run("--append-anchors", str(tmp_path / "anchors"))
        assert f"anchor entries:6:{mark_of(Chain.ENTRIES).mac}" in said
        assert said.endswith("The audit trail is what was sealed.\n")
        assert (tmp_path / "anchors").read_text().splitlines()[0] in said

    def test_draws_a_bar(self, sealed) -> None:
        err = StringIO()
        call_command("verify_audit", stdout=StringIO(), stderr=err)
        assert "entries    [##############################] 6/6\n" in err.getvalue()

    def test_names_the_first_bad_entry_and_fails(self, sealed) -> None:
        tamper("UPDATE audit_auditentry SET event = 'x' WHERE id IN (%s, %s)", sealed[2], sealed[3])
        out = StringIO()
        with pytest.raises(CommandError) as failed:
            call_command("verify_audit", stdout=out, stderr=StringIO())
        assert failed.value.returncode == 1
        assert f"entry {sealed[2]} is altered" in out.getvalue()
        assert f"entry {sealed[3]} " not in out.getvalue()

    def test_says_how_many_wait(self, sealed, actor) -> None:
        write_entries(2, actor)
        assert "entries: 2 entries are not sealed yet" in self.run()

    def test_notices_a_cut_end_by_its_anchor(self, sealed, actor, tmp_path) -> None:
        path = tmp_path / "anchors"
        self.run("--append-anchors", str(path))
        tamper("DELETE FROM audit_auditseal WHERE chain = 'entries' AND sequence > 4")
        tamper("DELETE FROM audit_auditentry WHERE id >= %s", sealed[3])
        assert problems() == []
        with pytest.raises(CommandError):
            self.run("--anchors", str(path))

    def test_refuses_what_is_no_anchor(self, sealed) -> None:
        with pytest.raises(CommandError, match="chain:sequence:mac"):
            self.run("--anchor", "nonsense")
