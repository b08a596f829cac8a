"""Reads of reconciliations: an insurer reads its whole network, a provider its own part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, OuterRef, Prefetch, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from apps.core.scope import Viewer
from apps.insurance.models import (
    Dispute,
    Reconciliation,
    ReconciliationJob,
    ReconciliationLine,
    ReconciliationProvider,
    Retention,
)
from apps.insurance.services.settling import to_withhold

# What payers promise their providers (a Tunisian fund: three weeks), unless the insurer's config says otherwise.
PAY_WITHIN_DAYS: Final = 21


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
    disputes = Dispute.objects.select_related("insurer").order_by("opened_at", "pk")
    return (
        ReconciliationLine.objects.visible_to(viewer)
        .select_related("claim", "provider", "reconciliation__insurer")
        .prefetch_related(Prefetch("disputes", queryset=disputes, to_attr="shown_disputes"))
        .order_by("provider_id", "pk")
    )


def disputes_for(*, viewer: Viewer) -> QuerySet[Dispute]:
    """Return the disputes of the viewer's insurer or practice, with what a page says of each."""
    return (
        Dispute.objects.visible_to(viewer)
        .select_related(
            "insurer", "provider", "line__reconciliation__insurer", "line__provider", "opened_by", "decided_by",
            "carried_to__reconciliation",
        )
        .order_by("opened_at", "pk")
    )  # fmt: skip


def days_open(dispute: Dispute, at: datetime) -> int:
    """Return the insurer's calendar days from opening to decision, or until now."""
    zone = dispute.insurer.zone
    last = (dispute.decided_at or at).astimezone(zone).date()
    return (last - dispute.opened_at.astimezone(zone).date()).days


def open_disputes_of(viewer: Viewer) -> Any:
    """Return the count of a reconciliation's undecided disputes, of those the viewer reads, to annotate rows with."""
    rows = Dispute.objects.visible_to(viewer).filter(line__reconciliation=OuterRef("pk"), status="open")
    counted = rows.order_by().values("line__reconciliation").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


def left_out(reconciliation: Reconciliation) -> dict[UUID, int]:
    """Return what disputes leave out of the payment by provider, in minor units.

    Of a sent reconciliation it is what a payment of today would leave out, of a paid one what was left out.
    """
    if reconciliation.status == Reconciliation.Status.SENT:
        found = [(dispute.provider_id, amount) for dispute, amount in to_withhold(reconciliation)]
    else:
        rows = Dispute.objects.filter(line__reconciliation=reconciliation, withheld_amount__gt=0)
        found = list(rows.values_list("provider_id", "withheld_amount"))
    sums: dict[UUID, int] = {}
    for provider, amount in found:
        sums[provider] = sums.get(provider, 0) + amount
    return sums


@dataclass(frozen=True, slots=True)
class Waiting:
    """What was sent and is not paid: how many, how much by currency, the longest wait in days, and how many too long."""

    count: int
    amounts: Sequence[tuple[str, int]]
    oldest_days: int
    late: int


def waiting_for_payment(*, viewer: Viewer, at: datetime) -> Waiting:
    """Return what the viewer's house waits for, or is waited for: a provider's amounts are its own."""
    rows = list(Reconciliation.objects.visible_to(viewer).outstanding().select_related("insurer"))
    totals = ReconciliationProvider.objects.visible_to(viewer).filter(reconciliation__in=rows)
    amounts = (
        totals.values_list("reconciliation__currency")
        .annotate(net=Sum("net"))
        .order_by("reconciliation__currency")
    )
    return Waiting(
        count=len(rows),
        amounts=list(amounts),
        oldest_days=max((days_outstanding(row, at) or 0 for row in rows), default=0),
        late=sum(is_overdue(row, at) for row in rows),
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
    """Return the insurer's calendar days from sending to payment, or until now; None before sending or once cancelled.

    A payment counts from the day of its transfer.
    """
    if reconciliation.sent_at is None or reconciliation.status == Reconciliation.Status.CANCELLED:
        return None
    zone = reconciliation.insurer.zone
    last = reconciliation.payment_date or at.astimezone(zone).date()
    return max(0, (last - reconciliation.sent_at.astimezone(zone).date()).days)


def payment_due_on(reconciliation: Reconciliation) -> date | None:
    """Return the day by which a sent reconciliation is to be paid: the insurer's `pay_within_days` after it was sent."""
    if reconciliation.sent_at is None or reconciliation.status == Reconciliation.Status.CANCELLED:
        return None
    insurer = reconciliation.insurer
    within = insurer.config.get("reconciliation", {}).get("pay_within_days", PAY_WITHIN_DAYS)
    return reconciliation.sent_at.astimezone(insurer.zone).date() + timedelta(days=int(within))


def is_overdue(reconciliation: Reconciliation, at: datetime) -> bool:
    """Whether a reconciliation was sent, is not paid, and its day is over."""
    due = payment_due_on(reconciliation)
    sent = reconciliation.status == Reconciliation.Status.SENT
    return sent and due is not None and at.astimezone(reconciliation.insurer.zone).date() > due


def line_values(reconciliation: Reconciliation, viewer: Viewer) -> Iterator[dict[str, Any]]:
    """Yield what an export says of each line the viewer reads, without loading them all."""
    rows = ReconciliationLine.objects.visible_to(viewer).filter(reconciliation=reconciliation)
    values = rows.order_by("provider_id", "pk").values(
        "kind", "claim_id", "claim__type", "claim__service_date", "provider_id", "provider__name", "provider__tax_id",
        "amount", "covered", "retention", "net",
    )  # fmt: skip
    yield from values.iterator(chunk_size=2000)
