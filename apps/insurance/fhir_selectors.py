"""What a reader of the FHIR interface sees, loaded with all a resource needs in a fixed number of statements."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from apps.core.scope import Viewer
from apps.directory.models import Insurer, Practice
from apps.directory.selectors import insurers_for
from apps.insurance.models import (
    Adherent,
    Claim,
    ClaimAdjudication,
    ClaimItem,
    ContractMember,
    Convention,
    Dispute,
    PriorAgreement,
    Reconciliation,
    ReconciliationLine,
    ReconciliationProvider,
    Retention,
)

# A reconciliation may hold a million lines: above this many the totals per provider stand for them.
MOST_LINES = 5_000


def claims_with_lines(*, viewer: Viewer) -> QuerySet[Claim]:
    """Return claims with contract, lines, the moment of the last decision and what was paid for them."""
    decided = ClaimAdjudication.objects.filter(claim=OuterRef("pk")).order_by("-version")
    withheld = Dispute.objects.filter(line=OuterRef("pk")).order_by().values("line")
    paying = (
        ReconciliationLine.objects.live()
        .filter(reconciliation__status=Reconciliation.Status.PAID)
        .annotate(withheld=left_out(withheld))
        .select_related("reconciliation")
        .prefetch_related(
            Prefetch(
                "provider_row__retention_rows",
                queryset=Retention.objects.filter(amount__gt=0).order_by("code"),
            )
        )
        .order_by("reconciliation__payment_date", "pk")
    )
    rows: QuerySet[Claim] = (
        Claim.objects.visible_to(viewer)
        .select_related("contract")
        .annotate(
            decided_at=Subquery(decided.values("made_at")[:1]),
            agreed_until=Subquery(
                PriorAgreement.objects.filter(claim=OuterRef("pk"))
                .order_by("-valid_until")
                .values("valid_until")[:1]
            ),
        )
        .prefetch_related(
            Prefetch("items", queryset=ClaimItem.objects.order_by("sequence"), to_attr="lines_in_order"),
            Prefetch("reconciliation_lines", queryset=paying, to_attr="paid_by"),
        )
    )
    return rows


def insured_people(*, viewer: Viewer) -> QuerySet[Adherent]:
    """Return the insurer's own people; for a provider, those an exact key may be looked up among."""
    return Adherent.objects.reachable_by(viewer)


def coverages(*, viewer: Viewer) -> QuerySet[ContractMember]:
    """Return people's parts of contracts; for a provider, those an exact key may be looked up among."""
    return ContractMember.objects.reachable_by(viewer).select_related("contract")


def insurers(*, viewer: Viewer) -> QuerySet[Insurer]:
    """Return the insurers, which everybody knows."""
    return insurers_for(viewer=viewer)


def providers(*, viewer: Viewer) -> QuerySet[Practice]:
    """Return one's own practice; for an insurer, those it has a convention with or a claim of."""
    if viewer.insurer_id is None:
        return Practice.objects.visible_to(viewer)
    agreed = Convention.objects.filter(practice=OuterRef("pk"), insurer=viewer.insurer_id)
    claimed = Claim.objects.filter(provider=OuterRef("pk"), insurer=viewer.insurer_id)
    return Practice.objects.filter(Q(Exists(agreed)) | Q(Exists(claimed)))


def reconciliations(*, viewer: Viewer) -> QuerySet[Reconciliation]:
    """Return reconciliations with the totals the viewer sees of them, and what was left out of each."""
    withheld = (
        Dispute.objects.filter(line__provider_row=OuterRef("pk")).order_by().values("line__provider_row")
    )
    return Reconciliation.objects.visible_to(viewer).prefetch_related(
        Prefetch(
            "providers",
            queryset=ReconciliationProvider.objects.visible_to(viewer)
            .annotate(withheld=left_out(withheld))
            .order_by("pk"),
            to_attr="totals_seen",
        )
    )


def left_out(disputes: QuerySet[Any, Any]) -> Coalesce:
    """Return what grouped disputes left out of a payment."""
    return Coalesce(Subquery(disputes.annotate(sum=Sum("withheld_amount")).values("sum")), 0)


def lines_seen(*, viewer: Viewer, reconciliation: Reconciliation) -> list[ReconciliationLine]:
    """Return the lines the viewer sees of one reconciliation; none when they are too many to tell one by one."""
    rows = ReconciliationLine.objects.visible_to(viewer).filter(reconciliation=reconciliation)
    found = list(rows.order_by("pk")[: MOST_LINES + 1])
    return found if len(found) <= MOST_LINES else []
