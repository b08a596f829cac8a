"""Re-encryption of sealed columns under the active key, beside running traffic.

Only ciphertext changes: no time stamp, no audit entry, no ORM save. Rows that somebody is editing are skipped
and come up in a later pass; a row stays locked from reading its envelope to writing it, so no edit is lost.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, connections, models, transaction
from psycopg import sql

from apps.core.crypto import DecryptionFailed, header_of, keyring, reseal
from apps.core.fields import SealedField, sealed_fields

BATCH_ROWS: Final = 500
PASSES: Final = 5
_PAUSE_SECONDS: Final = 0.5

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class TableReport:
    """What a rotation did to one table, and how many values each old key still seals there."""

    table: str
    rotated: int = 0
    unreadable: list[str] = field(default_factory=list)
    remaining: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Target:
    """One table with its sealed columns, as composable SQL."""

    model: type[models.Model]
    fields: tuple[SealedField, ...]

    @property
    def table(self) -> sql.Identifier:
        return sql.Identifier(self.model._meta.db_table)

    @property
    def pk(self) -> sql.Identifier:
        return sql.Identifier(str(self.model._meta.pk.column))

    @property
    def columns(self) -> list[sql.Identifier]:
        return [sql.Identifier(str(f.column)) for f in self.fields]

    def stale(self, header: bytes) -> sql.Composable:
        """Return the condition "some column is not sealed with this header"."""
        return sql.SQL(" OR ").join(
            sql.SQL("substring({0} from 1 for {1}) <> {2}").format(column, len(header), sql.Literal(header))
            for column in self.columns
        )


def rotate_all(
    *,
    batch_rows: int = BATCH_ROWS,
    progress: Progress = lambda _table, _done, _total: None,
    using: str = DEFAULT_DB_ALIAS,
) -> list[TableReport]:
    """Re-encrypt every sealed column of every table and report per table; may be stopped and run again.

    `progress` is called with (table, rows done, rows to do). A value that does not open is named and left.
    """
    return [_rotate_table(target, batch_rows, progress, using) for target in _targets()]


def remaining_keys(*, using: str = DEFAULT_DB_ALIAS) -> list[TableReport]:
    """Report what old keys still seal, without changing anything."""
    reports = [TableReport(target.model._meta.db_table) for target in _targets()]
    for report, target in zip(reports, _targets(), strict=True):
        report.remaining = _remaining(target, using)
    return reports


def _targets() -> list[_Target]:
    by_model: dict[type[models.Model], list[SealedField]] = {}
    for model, sealed in sealed_fields():
        by_model.setdefault(model, []).append(sealed)
    return [_Target(model, tuple(fields)) for model, fields in by_model.items()]


def _rotate_table(target: _Target, batch_rows: int, progress: Progress, using: str) -> TableReport:
    report = TableReport(target.model._meta.db_table)
    total = _count_stale(target, using)
    progress(report.table, 0, total)
    for attempt in range(PASSES):
        if attempt:
            time.sleep(_PAUSE_SECONDS)
        report.unreadable.clear()
        _one_pass(target, batch_rows, report, lambda: progress(report.table, report.rotated, total), using)
        if _count_stale(target, using) <= len(report.unreadable):
            break
    report.remaining = _remaining(target, using)
    return report


def _one_pass(
    target: _Target, batch_rows: int, report: TableReport, told: Callable[[], None], using: str
) -> None:
    """Walk the table once by primary key, one short transaction per batch."""
    after: Any = None
    while True:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute(
                _select(target, after=after is not None),
                [*([after] if after is not None else []), batch_rows],
            )
            rows = cursor.fetchall()
            fresh = [sealed for row in rows if (sealed := _resealed(target, row, report)) is not None]
            if fresh:
                cursor.executemany(_update(target), fresh)
        report.rotated += len(fresh)
        told()
        if len(rows) < batch_rows:
            return
        after = rows[-1][0]


def _resealed(target: _Target, row: Sequence[Any], report: TableReport) -> list[Any] | None:
    """Return the parameters of the row's UPDATE, or None when a value of it does not open."""
    pk, *envelopes = row
    try:
        fresh = [
            None if envelope is None else reseal(bytes(envelope), context=sealed.aad(pk))
            for sealed, envelope in zip(target.fields, envelopes, strict=True)
        ]
    except DecryptionFailed:
        report.unreadable.append(str(pk))
        return None
    return [*fresh, pk]


def _select(target: _Target, *, after: bool) -> sql.Composed:
    return sql.SQL(
        "SELECT {pk}, {columns} FROM {table} WHERE ({stale}) {after}"
        " ORDER BY {pk} LIMIT %s FOR UPDATE SKIP LOCKED"
    ).format(
        pk=target.pk,
        columns=sql.SQL(", ").join(target.columns),
        table=target.table,
        stale=target.stale(header_of(keyring().active)),
        after=sql.SQL("AND {} > %s").format(target.pk) if after else sql.SQL(""),
    )


def _update(target: _Target) -> sql.Composed:
    assignments = sql.SQL(", ").join(sql.SQL("{} = %s").format(column) for column in target.columns)
    return sql.SQL("UPDATE {} SET {} WHERE {} = %s").format(target.table, assignments, target.pk)


def _count_stale(target: _Target, using: str) -> int:
    query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(
        target.table, target.stale(header_of(keyring().active))
    )
    with connections[using].cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])


def _remaining(target: _Target, using: str) -> dict[str, int]:
    """Count values by the key that seals them, the active one left out."""
    found: Counter[str] = Counter()
    with connections[using].cursor() as cursor:
        for column in target.columns:
            cursor.execute(
                sql.SQL(
                    "SELECT encode(substring({0} from 3 for get_byte({0}, 1)), 'escape'), count(*) FROM {1}"
                    " WHERE {0} IS NOT NULL AND length({0}) > 2 GROUP BY 1"
                ).format(column, target.table)
            )
            found.update(dict(cursor.fetchall()))
    return {key_id: count for key_id, count in sorted(found.items()) if key_id != keyring().active}
