"""What a reader of the FHIR interface sees, loaded with all a resource needs in a fixed number of statements."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Subquery

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
    Reconciliation,
    ReconciliationLine,
    ReconciliationProvider,
)

# A reconciliation may hold a million lines: above this many the totals per provider stand for them.
MOST_LINES = 5_000


def claims_with_lines(*, viewer: Viewer) -> QuerySet[Claim]:
    """Return claims with contract, lines, the moment of the last decision and the line that paid them."""
    decided = ClaimAdjudication.objects.filter(claim=OuterRef("pk")).order_by("-version")
    paying = ReconciliationLine.objects.live().filter(kind__in=("claim", "reversal"))
    rows: QuerySet[Claim] = (
        Claim.objects.visible_to(viewer)
        .select_related("contract")
        .annotate(decided_at=Subquery(decided.values("made_at")[:1]))
        .prefetch_related(
            Prefetch("items", queryset=ClaimItem.objects.order_by("sequence"), to_attr="lines_in_order"),
            Prefetch(
                "reconciliation_lines",
                queryset=paying.select_related("reconciliation").order_by("pk"),
                to_attr="paid_by",
            ),
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
    """Return reconciliations with the totals and lines the viewer sees of them."""
    return Reconciliation.objects.visible_to(viewer).prefetch_related(
        Prefetch(
            "providers",
            queryset=ReconciliationProvider.objects.visible_to(viewer).order_by("pk"),
            to_attr="totals_seen",
        )
    )


def lines_seen(*, viewer: Viewer, reconciliation: Reconciliation) -> list[ReconciliationLine]:
    """Return the lines the viewer sees of one reconciliation; none when they are too many to tell one by one."""
    rows = ReconciliationLine.objects.visible_to(viewer).filter(reconciliation=reconciliation)
    found = list(rows.order_by("pk")[: MOST_LINES + 1])
    return found if len(found) <= MOST_LINES else []
