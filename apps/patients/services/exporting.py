"""The patient list as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import orjson
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q

from apps.audit.models import AuditEntry
from apps.core.crypto import blind_index
from apps.core.limits import RateLimited, reserve
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice
from apps.patients.models import Patient
from apps.patients.querysets import PatientQuerySet

PER_HOUR: Final = 10
CHUNK: Final = 500
COLUMNS: Final = (
    "file_number last_name first_name birth_name birth_date sex phone phone_secondary email address postal_code city "
    "country language profession status do_not_contact reminder_sms reminder_email tags"
).split()
# A spreadsheet takes a cell that begins so for a formula.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


@service("patients.patient.export")
def record_export(*, actor: Viewer, practice: Practice, filters: Sequence[str], at: datetime) -> None:
    """Count and record that somebody takes the list away; raises RateLimited beyond ten an hour.

    The entry says which filters were used, not what for: a search holds names.
    """
    wait = reserve(f"export:{actor.id}", limit=PER_HOUR, window=3600)
    if wait:
        raise RateLimited(retry_after=wait)
    changes = {"filters": [None, sorted(filters)], "columns": [None, COLUMNS]}
    payload = orjson.dumps(changes, option=orjson.OPT_SORT_KEYS).decode()
    AuditEntry.objects.create(
        content_type=ContentType.objects.get_for_model(Practice),
        object_pk=str(practice.pk),
        action=AuditEntry.Action.ACCESS,
        changes=changes,
        practice_id=practice.pk,
        timestamp=at,
        payload_sha256=blind_index(payload, purpose="audit.export").removeprefix("h1:"),
    )


def export_chunks(rows: PatientQuerySet) -> Iterator[bytes]:
    """Yield the CSV, a header and then some hundred patients at a time, in name order.

    Each chunk begins after the last row of the one before (no server-side cursor, so that a pooled connection is free
    between chunks); a patient registered meanwhile may appear or not.
    """
    yield line_bytes([COLUMNS])
    rows = rows.order_by("sort_name", "pk").only("pk", "sort_name", *COLUMNS)
    last: Patient | None = None
    while True:
        chunk: list[Patient] = list(rows.filter(following(last))[:CHUNK])
        if chunk:
            yield line_bytes([cell(getattr(patient, name)) for name in COLUMNS] for patient in chunk)
        if len(chunk) < CHUNK:
            return
        last = chunk[-1]


def following(last: Patient | None) -> Q:
    """Return the condition of coming after a patient in name order."""
    if last is None:
        return Q()
    return Q(sort_name__gt=last.sort_name) | Q(sort_name=last.sort_name, pk__gt=last.pk)


def line_bytes(lines: Any) -> bytes:
    """Write lines of CSV."""
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def cell(value: Any) -> str:
    """Return what a spreadsheet shows of a value, harmless where it looks like a formula."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return cell(", ".join(value))
        case str():
            return f"'{value}" if value.startswith(FORMULA_STARTS) else value
        case _:
            return str(value)
