# ruff: noqa: S608 - the statements are made of constants of these tests
"""Whatever is done to a sealed trail behind its triggers is found, and nothing else is."""

from __future__ import annotations

import hashlib
import random

import orjson
import pytest

from apps.audit import seals
from apps.audit.models import AuditEntry, AuditSeal, Chain
from apps.audit.verify import Anchor
from apps.core.models import new_id
from tests.audit.trails import (
    FULL,
    behind_the_triggers,
    empty_trails,
    findings,
    problems,
    seal_all,
    sealed_ids,
    tamper,
    write_entries,
)

pytestmark = pytest.mark.django_db
COLUMNS = [f.column for f in AuditEntry._meta.concrete_fields if f.column not in {"id", "xid"}]
WAYS = (
    'UPDATE audit_auditentry SET changes = \'{"name": ["a", "z"]}\' WHERE id = %s',
    "UPDATE audit_auditentry SET timestamp = timestamp + interval '1 microsecond' WHERE id = %s",
    "UPDATE audit_auditentry SET changes = '{}', payload_sha256 = encode(sha256('{}'), 'hex') WHERE id = %s",
    "DELETE FROM audit_auditentry WHERE id = %s",
)
TAMPERS = 1000 if FULL else 200


@pytest.fixture(autouse=True)
def _within_one_transaction(monkeypatch) -> None:
    """Seal what the test itself wrote; that sealing waits for running transactions is shown in test_seals."""
    monkeypatch.setattr(seals, "horizon", lambda _cursor: 2**62)


@pytest.fixture
def keys() -> list[int]:
    """Ten sealed entries."""
    empty_trails()
    seal_all()
    write_entries(10, new_id())
    seal_all()
    assert findings() == []
    return sealed_ids()


def copy_entry(key: int, *, to: int, xid: str) -> None:
    """Insert a copy of an entry under another key."""
    names = ", ".join(COLUMNS)
    tamper(
        f"INSERT INTO audit_auditentry (id, xid, {names}) SELECT %s, {xid}, {names}"
        " FROM audit_auditentry WHERE id = %s",
        to,
        key,
    )


def swap_contents(first: int, second: int) -> None:
    """Let two entries change places, keys and transactions staying."""
    assignments = ", ".join(f"{name} = b.{name}" for name in COLUMNS)
    tamper(
        f"UPDATE audit_auditentry a SET {assignments} FROM audit_auditentry b"
        " WHERE (a.id = %s AND b.id = %s) OR (a.id = %s AND b.id = %s)",
        first, second, second, first,
    )  # fmt: skip


class TestEntries:
    @pytest.mark.parametrize("column", COLUMNS)
    def test_every_column_counts(self, keys, column: str) -> None:
        values = {
            "changes": "'{}'::jsonb", "serialized_data": "'{}'::jsonb", "additional_data": "'{}'::jsonb",
            "timestamp": "timestamp + interval '1 microsecond'", "remote_addr": "'203.0.113.8'",
            "content_type_id": "content_type_id + 1", "object_id": "7", "remote_port": "7", "action": "2",
            "actor_id": "gen_random_uuid()", "practice_id": "gen_random_uuid()", "insurer_id": "gen_random_uuid()",
        }  # fmt: skip
        tamper(
            f"UPDATE audit_auditentry SET {column} = {values.get(column, repr('x'))} WHERE id = %s", keys[4]
        )
        assert problems() == [("altered", keys[4])]

    def test_a_value_with_its_payload_hash_recomputed(self, keys) -> None:
        changes = {"name": ["a", "b"]}
        digest = hashlib.sha256(orjson.dumps(changes)).hexdigest()
        tamper(
            "UPDATE audit_auditentry SET changes = %s, payload_sha256 = %s WHERE id = %s",
            orjson.dumps(changes).decode(), digest, keys[2],
        )  # fmt: skip
        assert problems() == [("altered", keys[2])]

    @pytest.mark.parametrize("place", [0, 5, 9])
    def test_a_dropped_entry(self, keys, place: int) -> None:
        tamper("DELETE FROM audit_auditentry WHERE id = %s", keys[place])
        assert problems() == [("missing", keys[place])]

    def test_two_swapped_entries(self, keys) -> None:
        swap_contents(keys[3], keys[6])
        assert problems() == [("reordered", keys[3]), ("reordered", keys[6])]

    def test_a_changed_transaction(self, keys) -> None:
        tamper("UPDATE audit_auditentry SET xid = xid - 1 WHERE id = %s", keys[3])
        assert problems() == [("reordered", keys[3])]

    @pytest.mark.parametrize("xid", ["1", "xid", "xid - 1"])
    def test_a_forged_entry_among_the_sealed_ones(self, keys, xid: str) -> None:
        copy_entry(keys[5], to=keys[0] - 1, xid=xid)
        assert problems() == [("forged", keys[0] - 1)]

    def test_a_forged_entry_that_would_never_be_sealed(self, keys) -> None:
        copy_entry(keys[5], to=keys[-1] + 100, xid="9000000000000000000")
        assert problems() == [("forged", keys[-1] + 100)]


class TestSeals:
    def test_an_entry_changed_with_its_seals_digest(self, keys) -> None:
        tamper("UPDATE audit_auditentry SET event = 'x' WHERE id = %s", keys[4])
        tamper("UPDATE audit_auditseal SET digest = %s WHERE entry_id = %s", "0" * 64, keys[4])
        assert ("altered", keys[4]) in problems()

    @pytest.mark.parametrize(
        ("column", "value"),
        [("entry_id", "99999"), ("xid", "1"), ("sealed_at", "now()"), ("mac", "repeat('0', 64)"),
         ("sequence", "sequence + 100"), ("kind", "'tombstone'"), ("chain", "'access'")],
    )  # fmt: skip
    def test_every_column_counts(self, keys, column: str, value: str) -> None:
        with behind_the_triggers() as cursor:
            cursor.execute("ALTER TABLE audit_auditseal DROP CONSTRAINT audit_seal_kind")
            cursor.execute(f"UPDATE audit_auditseal SET {column} = {value} WHERE entry_id = %s", [keys[4]])
        assert findings() != []

    def test_a_dropped_pair(self, keys) -> None:
        tamper("DELETE FROM audit_auditentry WHERE id = %s", keys[4])
        tamper("DELETE FROM audit_auditseal WHERE entry_id = %s", keys[4])
        found = findings()
        assert (found[0].problem, found[0].sequence) == ("missing", 6)

    def test_a_dropped_seal_of_an_entry_that_stays(self, keys) -> None:
        tamper("DELETE FROM audit_auditseal WHERE entry_id = %s", keys[4])
        assert [found[0] for found in problems()] == ["missing", "forged"]

    def test_the_beginning_cut_off(self, keys) -> None:
        tamper("DELETE FROM audit_auditentry WHERE id <= %s", keys[4])
        tamper("DELETE FROM audit_auditseal WHERE chain = 'entries' AND sequence <= 6")
        assert findings()[0].problem == "missing"

    def test_two_swapped_seals(self, keys) -> None:
        with behind_the_triggers() as cursor:
            for old, new in ((5, -1), (8, 5), (-1, 8)):
                cursor.execute(
                    "UPDATE audit_auditseal SET sequence = %s WHERE chain = 'entries' AND sequence = %s",
                    [new, old],
                )
        assert findings()[0].problem == "reordered"
        assert findings()[0].sequence == 5

    def test_facts_of_an_epoch(self, keys) -> None:
        tamper(
            "UPDATE audit_auditseal SET facts = facts || '{\"x\": 1}' WHERE chain = 'entries' AND kind = 'epoch'"
        )
        assert findings()[0].problem == "altered"

    def test_a_chain_made_anew_is_told_by_its_anchor(self, keys) -> None:
        anchor = Anchor("entries", 11, AuditSeal.objects.get(chain=Chain.ENTRIES, sequence=11).mac)
        assert problems(anchors=[anchor]) == []
        tamper("DELETE FROM audit_auditseal WHERE chain = 'entries'")
        tamper("UPDATE audit_auditentry SET event = 'x' WHERE id = %s", keys[4])
        seal_all()
        assert problems() == []
        assert [found.problem for found in findings(anchors=[anchor])] == ["altered"]


@pytest.mark.figures
class TestManyTampers:
    def test_all_are_found_and_nothing_else(self) -> None:
        chance = random.Random(7)
        empty_trails()
        seal_all()
        write_entries(TAMPERS * 3, new_id())
        seal_all()
        keys = sealed_ids()
        victims = chance.sample(keys, TAMPERS)
        fifth = TAMPERS // 5
        expected: set[int] = set(victims[: 4 * fifth])
        with behind_the_triggers() as cursor:
            for number, key in enumerate(victims[: 4 * fifth]):
                cursor.execute(WAYS[number % len(WAYS)], [key])
        low = keys[0] - fifth - 1
        for number, key in enumerate(victims[4 * fifth :]):
            copy_entry(key, to=low + number, xid="xid")
            expected.add(low + number)
        found = {key for _problem, key in problems()}
        print(f"\nFIGURE audit_tampers_found {len(found & expected)} {TAMPERS}")
        print(f"FIGURE audit_tampers_false {len(found - expected)} 0")
        assert found == expected
        assert len(expected) == TAMPERS
