"""Verification of a chain: which entry was altered, lost, slipped in or moved since it was sealed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from django.db import connection

from apps.audit.models import AuditSeal, Chain
from apps.audit.models import SealKind as Kind
from apps.audit.seals import SOURCES, Mark, digest_of, digest_of_facts, mac_of, mark_of

BATCH_SEALS: Final = 5000
Problem = Literal["altered", "missing", "forged", "reordered", "cut"]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: with an entry, or with seal `sequence` itself when `entry_id` is None."""

    chain: str
    problem: Problem
    entry_id: int | None
    sequence: int | None
    why: str

    def __str__(self) -> str:
        what = f"entry {self.entry_id}" if self.entry_id is not None else f"seal {self.sequence}"
        return f"{self.chain}: {what} is {self.problem}: {self.why}"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A seal noted outside the database."""

    chain: str
    sequence: int
    mac: str

    @classmethod
    def parse(cls, text: str) -> Anchor:
        """Read `chain:sequence:mac`; raises ValueError."""
        chain, sequence, mac = text.strip().split(":")
        if chain not in Chain.values:
            raise ValueError(f"no chain is called {chain!r}")
        return cls(chain, int(sequence), mac)


@dataclass(slots=True)
class _Walk:
    """Where a walk along a chain stands."""

    expected: int = 1
    mac: str = ""
    place: tuple[int, int] = (0, 0)


def verify_chain(
    chain: Chain, *, anchors: list[Anchor] | None = None, progress: Progress = lambda _name, _done, _all: None
) -> Iterator[Finding]:
    """Yield what is wrong with a chain, in the chain's order; then unsealed entries that are no latecomers.

    For one consistent picture the caller opens a repeatable-read transaction.
    """
    end = mark_of(chain)
    walk = _start(chain)
    after, first = walk.expected - 1, walk.expected
    while rows := _batch(chain, after, end.sequence):
        for seal, entry_xid, fingerprint in rows:
            yield from _check_link(seal, walk)
            if seal.kind == Kind.ENTRY:
                yield from _check_entry(seal, entry_xid, fingerprint, walk)
            elif seal.digest != digest_of_facts(seal.facts):
                yield _broken(seal, "altered", "its facts are not those that were sealed")
            if seal.kind == Kind.EPOCH:
                walk.place = (0, 0)
            walk.expected, walk.mac = seal.sequence + 1, seal.mac
        after = rows[-1][0].sequence
        progress(str(chain), after - first + 1, end.sequence - first + 1)
    yield from _slipped_in(chain, end)
    for anchor in anchors or []:
        if anchor.chain == chain:
            yield from _check_anchor(anchor, first)


def unsealed_count(chain: Chain) -> int:
    """Return how many entries wait for their seal."""
    mark = mark_of(chain)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM {SOURCES[chain].table} e WHERE (e.xid, e.id) > (%s, %s) AND e.id > %s",  # noqa: S608 - constants
            [mark.xid, mark.entry_id, mark.floor],
        )
        return int(cursor.fetchone()[0])


def _start(chain: Chain) -> _Walk:
    """Return where the chain begins: at its first seal, or after those a tombstone stands for."""
    stone = AuditSeal.objects.filter(chain=chain, kind=Kind.TOMBSTONE).order_by("-sequence").first()
    if stone is None or stone.mac != mac_of(stone) or stone.digest != digest_of_facts(stone.facts):
        return _Walk()
    return _Walk(expected=int(stone.facts["last"]) + 1, mac=str(stone.facts["mac"]))


def _batch(chain: Chain, after: int, last: int) -> list[tuple[AuditSeal, int | None, str | None]]:
    """Return the next seals, each with its entry's transaction and fingerprint, or None without entry."""
    source = SOURCES[chain]
    rows = AuditSeal.objects.filter(chain=chain, sequence__gt=after, sequence__lte=last)
    seals = list(rows.order_by("sequence")[:BATCH_SEALS])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT e.id, e.xid, {source.digest_sql} FROM {source.table} e WHERE e.id = ANY(%s)",  # noqa: S608 - constants
            [[seal.entry_id for seal in seals if seal.entry_id is not None]],
        )
        found = {entry_id: (xid, fingerprint) for entry_id, xid, fingerprint in cursor.fetchall()}
    return [(seal, *found.get(seal.entry_id, (None, None))) for seal in seals]


def _broken(seal: AuditSeal, problem: Problem, why: str) -> Finding:
    return Finding(seal.chain, problem, seal.entry_id, seal.sequence, why)


def _check_link(seal: AuditSeal, walk: _Walk) -> Iterator[Finding]:
    """Check a seal's number, its authenticity, and that it follows the one before."""
    genuine = seal.mac == mac_of(seal)
    if seal.sequence != walk.expected:
        lost = f"{walk.expected} to {seal.sequence - 1}"
        yield Finding(seal.chain, "missing", None, walk.expected, f"seals {lost} are not there")
    elif (
        not genuine
        and AuditSeal.objects.filter(chain=seal.chain, mac=seal.previous_mac)
        .exclude(sequence=seal.sequence - 1)
        .exists()
    ):
        yield _broken(seal, "reordered", "its seal follows another one")
    elif not genuine:
        yield _broken(seal, "altered", "its seal was not made with the key")
    elif seal.previous_mac != walk.mac:
        yield _broken(seal, "reordered", "its seal does not follow the one before")


def _check_entry(
    seal: AuditSeal, entry_xid: int | None, fingerprint: str | None, walk: _Walk
) -> Iterator[Finding]:
    """Check that the entry is there, says what it said, and stands in commit order."""
    entry_id = seal.entry_id or 0
    if fingerprint is None:
        yield _broken(seal, "missing", "it was sealed and is gone")
    elif (digest := digest_of(fingerprint)) != seal.digest:
        elsewhere = AuditSeal.objects.filter(chain=seal.chain, digest=digest).exists()
        why = "it says what another entry said" if elsewhere else "it does not say what was sealed"
        yield _broken(seal, "reordered" if elsewhere else "altered", why)
    elif entry_xid != seal.xid:
        yield _broken(seal, "reordered", "its transaction is not the one that was sealed")
    elif walk.place >= (seal.xid, entry_id) and not _before_epoch(seal):
        yield _broken(seal, "reordered", "it was sealed after a later one")
    walk.place = (seal.xid, entry_id)


def _before_epoch(seal: AuditSeal) -> bool:
    """Say whether a seal settles an epoch's leftovers, which come in the order of their keys."""
    later = AuditSeal.objects.filter(chain=seal.chain, kind=Kind.EPOCH, sequence__gt=seal.sequence)
    return later.exists()


def _slipped_in(chain: Chain, end: Mark) -> Iterator[Finding]:
    """Find entries without a seal where every entry has one, or of a transaction yet to come."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT e.id FROM {SOURCES[chain].table} e WHERE"  # noqa: S608 - constants
            " (e.id <= %(floor)s OR (e.xid, e.id) <= (%(xid)s, %(entry)s)"
            " OR (e.xid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
            " AND e.xid IS DISTINCT FROM pg_current_xact_id_if_assigned()::text::bigint))"
            " AND NOT EXISTS (SELECT 1 FROM audit_auditseal s WHERE s.chain = %(chain)s AND s.entry_id = e.id)"
            " ORDER BY e.id",
            {"floor": end.floor, "xid": end.xid, "entry": end.entry_id, "chain": chain},
        )
        for (entry_id,) in cursor.fetchall():
            yield Finding(str(chain), "forged", int(entry_id), None, "it has no seal where all have one")


def _check_anchor(anchor: Anchor, first: int) -> Iterator[Finding]:
    """Check that the noted seal is still in the chain; one that has expired since proves nothing."""
    if anchor.sequence < first:
        return
    seal = AuditSeal.objects.filter(chain=anchor.chain, sequence=anchor.sequence).first()
    if seal is None:
        yield Finding(
            anchor.chain, "cut", None, anchor.sequence, "the noted seal is not in the chain any more"
        )
    elif seal.mac != anchor.mac:
        yield Finding(
            anchor.chain, "altered", None, anchor.sequence, "the chain was made anew since it was noted"
        )
