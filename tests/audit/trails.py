"""What the tests of the trail share: writing entries, and changing what refuses to be changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction

from apps.audit.models import AuditEntry, AuditSeal, Chain
from apps.audit.seals import SOURCES, mark_of, seal_pending
from apps.audit.verify import Finding, verify_chain
from apps.core.models import new_id
from apps.directory.models import Room

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
FULL = os.environ.get("FIGURES") == "full"


def write_entries(count: int, actor: UUID) -> None:
    """Write entries that differ, as the recorder would."""
    kind = ContentType.objects.get_for_model(Room)
    AuditEntry.objects.bulk_create(
        [
            AuditEntry(
                content_type=kind, object_pk=str(new_id()), action=AuditEntry.Action.UPDATE, actor_id=actor,
                actor_role="practice_admin", event="directory.room.change", changes={"name": ["a", str(n)]},
                payload_sha256=f"{n:064x}", remote_addr="203.0.113.7", cid=f"request-{n}",
            )
            for n in range(count)
        ],
        batch_size=1000,
    )  # fmt: skip


def seal_all() -> None:
    """Seal what is ready."""
    seal_pending(at=AT)


def problems(chain: Chain = Chain.ENTRIES, **options: Any) -> list[tuple[str, int | None]]:
    """Return what verification finds, as (problem, entry)."""
    return [(found.problem, found.entry_id) for found in findings(chain, **options)]


def findings(chain: Chain = Chain.ENTRIES, **options: Any) -> list[Finding]:
    """Return what verification finds."""
    return list(verify_chain(chain, **options))


@contextmanager
def behind_the_triggers() -> Iterator[Any]:
    """Act as an owner of the database who switched its triggers off."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        yield cursor
        cursor.execute("SET LOCAL session_replication_role = origin")


def empty_trails() -> None:
    """Begin with nothing: setting up a test database leaves entries of its own."""
    with behind_the_triggers() as cursor:
        cursor.execute("TRUNCATE audit_auditentry, audit_accessentry, audit_auditseal")


def tamper(statement: str, *values: Any) -> None:
    """Change a trail behind its triggers."""
    with behind_the_triggers() as cursor:
        cursor.execute(statement, values)
        assert cursor.rowcount > 0


def sealed_ids(chain: Chain = Chain.ENTRIES) -> list[int]:
    """Return the sealed entries in the chain's order."""
    rows = AuditSeal.objects.filter(chain=chain, kind="entry").order_by("sequence")
    return [int(key) for key in rows.values_list("entry_id", flat=True) if key is not None]


__all__ = [
    "AT", "FULL", "SOURCES", "Chain", "behind_the_triggers", "empty_trails", "findings", "mark_of", "problems", "seal_all",
    "sealed_ids", "tamper", "write_entries",
]  # fmt: skip
