"""Numbers without gaps.

A PostgreSQL sequence leaves a gap at each rollback; a counter row does not, because it is rolled back too.
The row is locked by its own update until the transaction ends, so it is taken last: whoever issues at the
same time waits only for the end of this transaction.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.billing.models import Invoice, NumberSeries
from apps.core.models import new_id

SERIES: Final = {Invoice.Kind.INVOICE: "FA", Invoice.Kind.CREDIT_NOTE: "AV"}
QUOTES: Final = "DV"
DEPOSITS: Final = "RC"
TRAINING: Final = "FORM"

# One statement that creates, locks, counts and reads: two first issues of a year cannot both create the row.
_NEXT: Final = f"""
    INSERT INTO {NumberSeries._meta.db_table} AS counter
        (id, created_at, updated_at, practice_id, series, year, last_number)
    VALUES (%(id)s, clock_timestamp(), clock_timestamp(), %(practice)s, %(series)s, %(year)s, %(count)s)
    ON CONFLICT ON CONSTRAINT billing_numberseries_unique
    DO UPDATE SET last_number = counter.last_number + %(count)s, updated_at = clock_timestamp()
    RETURNING last_number
"""  # noqa: S608 - the table's name is the model's own


def next_in_series(practice_id: UUID, series: str, year: int) -> int:
    """Return the next number of a series; the counter stays locked until the transaction ends."""
    return take_in_series(practice_id, series, year, 1)


def take_in_series(practice_id: UUID, series: str, year: int, count: int) -> int:
    """Take the next `count` numbers of a series and return the first of them; locks as `next_in_series` does."""
    values: dict[str, Any] = {
        "id": new_id(),
        "practice": practice_id,
        "series": series,
        "year": year,
        "count": count,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, values)
        return int(cursor.fetchone()[0]) - count + 1


def hold_series(practice_id: UUID, series: str, year: int = 0) -> None:
    """Lock a series until the transaction ends without taking a number; whoever wants one waits."""
    rows = NumberSeries.objects.select_for_update().filter(practice_id=practice_id, series=series, year=year)
    rows.first()


def next_number(practice_id: UUID, kind: str, year: int, *, training: bool = False) -> str:
    """Return the next document number, as `FA-2026-000123`; a specimen's is `FORM-FA-2026-000001`."""
    return numbered(practice_id, series_of(SERIES[Invoice.Kind(kind)], training=training), year)


def next_quote_number(practice_id: UUID, year: int, *, training: bool = False) -> str:
    """Return the next quote's number, as `DV-2026-000042`."""
    return numbered(practice_id, series_of(QUOTES, training=training), year)


def series_of(series: str, *, training: bool) -> str:
    """Return the series specimens are numbered in, which leaves no gap in the real one."""
    return f"{TRAINING}-{series}" if training else series


def next_deposit_number(practice_id: UUID, year: int) -> str:
    """Return the next deposit's number, as `RC-2026-000042`."""
    return numbered(practice_id, DEPOSITS, year)


def numbered(practice_id: UUID, series: str, year: int) -> str:
    """Return the next number of a series as it is printed."""
    return f"{series}-{year}-{next_in_series(practice_id, series, year):06d}"
