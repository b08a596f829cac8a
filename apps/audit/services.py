"""Dropping what the access trail need not keep any longer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.db import connection

from apps.audit.models import AuditSeal, Chain
from apps.audit.models import SealKind as Kind
from apps.audit.seals import append_fact, hold, mark_of
from apps.core.scope import Viewer
from apps.core.service import service

KEPT_MONTHS: Final = 12


@service("audit.access.expire")
def expire_access(*, actor: Viewer, at: datetime) -> int:
    """Drop whole months of access entries older than twelve months, with their seals; return how many.

    What goes is the beginning of the chain, up to the last seal before the first younger entry. A tombstone
    takes its place: it says how many went and how the dropped part ended, and is sealed like everything else.
    Nothing happens while somebody seals, or when nothing has expired.
    """
    if not hold(Chain.ACCESS):
        return 0
    before = expiry_of(at)
    seals = AuditSeal.objects.filter(chain=Chain.ACCESS)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(s.sequence) FROM audit_auditseal s LEFT JOIN audit_accessentry e ON e.id = s.entry_id"
            " WHERE s.chain = %s AND (s.sealed_at >= %s OR e.timestamp >= %s)",
            [Chain.ACCESS, before, before],
        )
        young = cursor.fetchone()[0]
        expired = seals.filter(sequence__lt=young) if young is not None else seals
        last = expired.order_by("-sequence").first()
        entries = expired.filter(kind=Kind.ENTRY).count()
        if last is None or not entries:
            return 0
        facts = {"before": before.isoformat(), "count": entries, "last": last.sequence, "mac": last.mac}
        append_fact(Chain.ACCESS, mark_of(Chain.ACCESS), Kind.TOMBSTONE, facts, at=at)
        cursor.execute(
            "DELETE FROM audit_accessentry e USING audit_auditseal s"
            " WHERE s.chain = %s AND s.sequence <= %s AND e.id = s.entry_id",
            [Chain.ACCESS, last.sequence],
        )
        cursor.execute(
            "DELETE FROM audit_auditseal WHERE chain = %s AND sequence <= %s", [Chain.ACCESS, last.sequence]
        )
    return entries


def expiry_of(at: datetime) -> datetime:
    """Return the start of the month twelve months ago: all before it has been kept for twelve months."""
    local = at.astimezone(UTC)
    months = local.year * 12 + local.month - 1 - KEPT_MONTHS
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)
