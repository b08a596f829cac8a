"""Reads of reconciliations: an insurer reads its whole network, a provider its own part."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from apps.core.scope import Viewer
from apps.insurance.models import (
    Dispute,
    Reconciliation,
    ReconciliationJob,
    ReconciliationLine,
    ReconciliationProvider,
    Retention,
)


def reconciliations_for(*, viewer: Viewer) -> QuerySet[Reconciliation]:
    """Return the reconciliations the viewer knows of, each with the totals the viewer may read."""
    return (
        Reconciliation.objects.visible_to(viewer)
        .select_related("insurer")
        .prefetch_related(
            Prefetch("providers", queryset=totals_for(viewer=viewer), to_attr="shown"),
            Prefetch(
                "retentions",
                queryset=Retention.objects.visible_to(viewer).order_by("provider_id", "code"),
                to_attr="shown_retentions",
            ),
        )
        .newest_first()
    )


def totals_for(*, viewer: Viewer) -> QuerySet[ReconciliationProvider]:
    """Return providers' totals, by the name of the provider."""
    rows = ReconciliationProvider.objects.visible_to(viewer).select_related("provider")
    return rows.order_by("provider__name", "pk")


def lines_for(*, viewer: Viewer) -> QuerySet[ReconciliationLine]:
    """Return lines with what is disputed of them, in the order of the document."""
    disputes = Dispute.objects.order_by("opened_at", "pk")
    return (
        ReconciliationLine.objects.visible_to(viewer)
        .select_related("claim", "provider", "reconciliation__insurer")
        .prefetch_related(Prefetch("disputes", queryset=disputes, to_attr="shown_disputes"))
        .order_by("provider_id", "pk")
    )


def jobs_for(*, viewer: Viewer) -> QuerySet[ReconciliationJob]:
    """Return the insurer's reconciliations under way, the newest first."""
    return ReconciliationJob.objects.visible_to(viewer).order_by("-pk")


def withheld_of(reconciliation: Reconciliation, viewer: Viewer) -> int:
    """Return what was left out of the payment, of the viewer's own lines."""
    if viewer.practice_id is None:
        return int(reconciliation.disputed_amount)
    rows = Dispute.objects.filter(line__reconciliation=reconciliation, provider_id=viewer.practice_id)
    return sum(rows.values_list("withheld_amount", flat=True))


def days_outstanding(reconciliation: Reconciliation, at: datetime) -> int | None:
    """Return the days between sending and payment, or until now; None before it was sent or once it is cancelled."""
    if reconciliation.sent_at is None or reconciliation.status == Reconciliation.Status.CANCELLED:
        return None
    return int(((reconciliation.paid_at or at) - reconciliation.sent_at).days)


def line_values(reconciliation: Reconciliation, viewer: Viewer) -> Iterator[dict[str, Any]]:
    """Yield what an export says of each line the viewer reads, without loading them all."""
    rows = ReconciliationLine.objects.visible_to(viewer).filter(reconciliation=reconciliation)
    values = rows.order_by("provider_id", "pk").values(
        "kind", "claim_id", "claim__type", "claim__service_date", "provider_id", "provider__name", "provider__tax_id",
        "amount", "covered", "retention", "net",
    )  # fmt: skip
    yield from values.iterator(chunk_size=2000)
