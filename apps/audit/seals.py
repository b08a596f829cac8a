"""Sealing: entries in commit order, each bound to the one before by a key the database does not hold.

Identity columns are not in commit order: a transaction may take a number, and commit after a later number
was sealed. Entries therefore carry their transaction's number, and a pass takes those below the oldest
transaction still running: nothing can then still appear before the last sealed entry.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import orjson
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

from apps.audit.models import AuditSeal, Chain
from apps.audit.models import SealKind as Kind

logger = logging.getLogger(__name__)

BATCH_ENTRIES: Final = 1000
LOCK_SECONDS: Final = 5

_TIME: Final = "to_char(e.timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
_COMMON: Final = (
    "e.content_type_id, e.object_pk, e.actor_id, e.actor_role, e.practice_id, e.insurer_id,"
    f" host(e.remote_addr), e.user_agent, e.cid, e.event, {_TIME}"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A chain's table, and what of a row is sealed, as an SQL array that no session setting changes.

    The key and the transaction stand in the seal itself. Personal values occur in rows only as keyed hashes,
    so erasing or re-encrypting data elsewhere changes nothing here. A new column needs a new version.
    """

    table: str
    lock: int
    columns: str

    @property
    def digest_sql(self) -> str:
        """Return the expression of a row's fingerprint."""
        return f"encode(sha256(convert_to(jsonb_build_array({self.columns})::text, 'UTF8')), 'hex')"


SOURCES: Final = {
    Chain.ENTRIES: Source(
        "audit_auditentry",
        7_310_001,
        f"'entry-1', {_COMMON}, e.object_id, e.object_repr, e.action, e.actor_email, e.remote_port,"
        " e.changes, e.changes_text, e.serialized_data, e.additional_data, e.payload_sha256",
    ),
    Chain.ACCESS: Source("audit_accessentry", 7_310_002, f"'access-1', {_COMMON}, e.kind, e.detail"),
}


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a chain stands: its last seal, the last entry in commit order, and the cluster of that order."""

    sequence: int = 0
    mac: str = ""
    xid: int = 0
    entry_id: int = 0
    cluster: str = ""
    floor: int = 0


@lru_cache(maxsize=4)
def _key(own: str, index_key: str) -> bytes:
    if own:
        try:
            key = base64.b64decode(own, validate=True)
        except ValueError:
            key = b""
        if len(key) != 32:
            raise ImproperlyConfigured("AUDIT_SEAL_KEY must be 32 bytes in base64")
        return key
    return hmac.new(base64.b64decode(index_key), b"osdentaire.audit.seal.1", hashlib.sha256).digest()


def keyed(*parts: Any) -> str:
    """Return the HMAC-SHA256 of the parts, as hex."""
    key = _key(settings.AUDIT_SEAL_KEY, settings.APP_INDEX_KEY)
    return hmac.new(key, orjson.dumps([str(part) for part in parts]), hashlib.sha256).hexdigest()


def digest_of(text_sha256: str) -> str:
    """Return what a seal keeps of a row: keyed, so that nobody can try guesses against it."""
    return keyed("row", text_sha256)


def digest_of_facts(facts: dict[str, Any]) -> str:
    """Return the digest of a seal that stands for no entry."""
    return keyed("facts", orjson.dumps(facts, option=orjson.OPT_SORT_KEYS).decode())


def mac_of(seal: AuditSeal) -> str:
    """Return the authentication code of a seal: every column of it counts."""
    return keyed(
        "seal-1", seal.chain, seal.sequence, seal.kind, seal.entry_id, seal.xid, seal.digest,
        seal.previous_mac, seal.sealed_at.astimezone(UTC).isoformat(timespec="microseconds"),
    )  # fmt: skip


def anchor_of(mark: Mark, chain: str) -> str:
    """Return what to keep outside the database, to notice a chain whose end was cut."""
    return f"{chain}:{mark.sequence}:{mark.mac}"


def seal_pending(*, at: datetime, batch: int = BATCH_ENTRIES) -> dict[str, int]:
    """Seal what is ready in every chain; return how many entries by chain. Another sealer at work: none."""
    counts = {}
    for chain in SOURCES:
        counts[str(chain)] = count = seal_chain(chain, at=at, batch=batch)
        if count:
            logger.info("sealed", extra={"event": anchor_of(mark_of(chain), chain), "count": count})
    return counts


def seal_chain(chain: Chain, *, at: datetime, batch: int = BATCH_ENTRIES) -> int:
    """Seal one chain, a short transaction per batch; return how many entries."""
    total = 0
    while True:
        with transaction.atomic():
            if not hold(chain):
                return total
            mark = mark_of(chain)
            if is_other_cluster(mark):
                mark, settled = begin_epoch(chain, mark, at=at)
                total += settled
            rows = ready_rows(chain, mark, batch)
            append(chain, mark, rows, at=at)
        total += len(rows)
        if len(rows) < batch:
            return total


def hold(chain: Chain) -> bool:
    """Take the chain for the running transaction; False when somebody else holds it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SOURCES[chain].lock])
        return bool(cursor.fetchone()[0])


def mark_of(chain: Chain) -> Mark:
    """Return where a chain stands."""
    seals = AuditSeal.objects.filter(chain=chain)
    last = seals.order_by("-sequence").first()
    if last is None:
        return Mark()
    other = seals.exclude(kind=Kind.ENTRY).order_by("-sequence").first()
    facts = other.facts if other is not None else {}
    entry_id = last.entry_id if last.entry_id is not None else int(last.facts["entry"])
    return Mark(
        last.sequence, last.mac, last.xid, entry_id, str(facts.get("cluster", "")), int(facts.get("floor", 0))
    )


def ready_rows(chain: Chain, mark: Mark, limit: int) -> list[tuple[int, int, str]]:
    """Return (entry, transaction, fingerprint) of the next entries that nothing can still precede."""
    source = SOURCES[chain]
    with connection.cursor() as cursor:
        ended = horizon(cursor)
        # The table and its columns are constants above.
        cursor.execute(
            f"SELECT e.id, e.xid, {source.digest_sql} FROM {source.table} e"  # noqa: S608 - constants
            " WHERE (e.xid, e.id) > (%s, %s) AND e.id > %s AND e.xid < %s ORDER BY e.xid, e.id LIMIT %s",
            [mark.xid, mark.entry_id, mark.floor, ended, limit],
        )
        return list(cursor.fetchall())


def horizon(cursor: Any) -> int:
    """Return the transaction number below which every transaction of this database has ended.

    The snapshot's own lower bound counts other databases of the server too: a long import there would hold up
    sealing here. So the running transactions of this database are asked one by one, after the upper bound was
    read; where the role may not see other roles' transactions, the cautious bound serves.
    """
    cursor.execute(
        "SELECT pg_snapshot_xmax(s)::text::bigint, pg_snapshot_xmin(s)::text::bigint,"
        " pg_stat_clear_snapshot() FROM pg_current_snapshot() s"
    )
    upper, cautious, _cleared = cursor.fetchone()
    cursor.execute(
        "SELECT backend_xid::text::bigint, query = '<insufficient privilege>' FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " UNION ALL SELECT transaction::text::bigint, false FROM pg_prepared_xacts"
        " WHERE database = current_database()"
    )
    running = cursor.fetchall()
    if any(hidden for _xid, hidden in running):
        return int(cautious)
    return min([int(upper), *(whole_xid(xid, upper) for xid, _hidden in running if xid is not None)])


def whole_xid(short: int, near: int) -> int:
    """Return the 64-bit number of a 32-bit transaction number that lies within half a turn of `near`."""
    return near + ((short - near + 2**31) % 2**32 - 2**31)


def append(chain: Chain, mark: Mark, rows: Sequence[tuple[int, int, str]], *, at: datetime) -> Mark:
    """Write one seal per row; return where the chain then stands."""
    seals, sequence, mac = [], mark.sequence, mark.mac
    for entry_id, xid, fingerprint in rows:
        sequence += 1
        seal = AuditSeal(
            chain=chain, sequence=sequence, kind=Kind.ENTRY, entry_id=entry_id, xid=xid,
            digest=digest_of(fingerprint), previous_mac=mac, sealed_at=at,
        )  # fmt: skip
        seal.mac = mac = mac_of(seal)
        seals.append(seal)
    AuditSeal.objects.bulk_create(seals)
    if not rows:
        return mark
    return Mark(sequence, mac, rows[-1][1], rows[-1][0], mark.cluster, mark.floor)


def append_fact(chain: Chain, mark: Mark, kind: Kind, facts: dict[str, Any], *, at: datetime) -> Mark:
    """Write a seal that stands for no entry: the position it leaves the chain at is among its facts."""
    seal = AuditSeal(
        chain=chain, sequence=mark.sequence + 1, kind=kind, xid=mark.xid, previous_mac=mark.mac, sealed_at=at,
        facts={**facts, "entry": mark.entry_id, "cluster": mark.cluster, "floor": mark.floor},
    )  # fmt: skip
    seal.digest = digest_of_facts(seal.facts)
    seal.mac = mac_of(seal)
    seal.save(force_insert=True)
    return Mark(seal.sequence, seal.mac, mark.xid, mark.entry_id, mark.cluster, mark.floor)


def is_other_cluster(mark: Mark) -> bool:
    """Say whether the chain was last sealed in another cluster, whose numbers mean nothing here."""
    return mark.sequence == 0 or mark.cluster != cluster_name()


def cluster_name() -> str:
    """Return the server's own identity; blank where the role may not ask."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_function_privilege('pg_control_system()', 'EXECUTE')")
        if not cursor.fetchone()[0]:
            return ""
        cursor.execute("SELECT system_identifier::text FROM pg_control_system()")
        return str(cursor.fetchone()[0])


def begin_epoch(chain: Chain, mark: Mark, *, at: datetime) -> tuple[Mark, int]:
    """Seal all that is here, whatever its transaction numbers, and note where the new count begins.

    So at the very first pass, and after a restore into another cluster. Writers wait meanwhile: every entry
    up to the floor is sealed, every later one has a number of this cluster. A table that stays busy raises
    OperationalError after LOCK_SECONDS; the next pass tries again.
    """
    source = SOURCES[chain]
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        cursor.execute(f"LOCK TABLE {source.table} IN SHARE MODE")
        cursor.execute(
            f"SELECT e.id, e.xid, {source.digest_sql} FROM {source.table} e"  # noqa: S608 - constants
            " WHERE NOT EXISTS (SELECT 1 FROM audit_auditseal s WHERE s.chain = %s AND s.entry_id = e.id)"
            " ORDER BY e.id",
            [chain],
        )
        rows = list(cursor.fetchall())
        cursor.execute(f"SELECT coalesce(max(e.id), 0) FROM {source.table} e")  # noqa: S608 - constants
        floor = max(int(cursor.fetchone()[0]), mark.floor)
    mark = append(chain, mark, rows, at=at)
    fresh = Mark(mark.sequence, mark.mac, 0, floor, cluster_name(), floor)
    return append_fact(chain, fresh, Kind.EPOCH, {}, at=at), len(rows)


def lag_seconds(chain: Chain, *, at: datetime) -> float:
    """Return the age of the oldest entry that has no seal yet, in seconds; 0 when there is none."""
    mark, source = mark_of(chain), SOURCES[chain]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT e.timestamp FROM {source.table} e WHERE (e.xid, e.id) > (%s, %s) AND e.id > %s"  # noqa: S608 - constants
            " ORDER BY e.xid, e.id LIMIT 1",
            [mark.xid, mark.entry_id, mark.floor],
        )
        row = cursor.fetchone()
    return max((at - row[0]).total_seconds(), 0.0) if row else 0.0
