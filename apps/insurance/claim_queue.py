"""What waits for a person of the insurer: how many claims, how old, how much, and how many people each needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery, Sum

from apps.core.scope import Viewer
from apps.insurance.models import Claim, ClaimReview

# Ages in whole days since a claim was filed: from, and up to but without.
BUCKETS: Final[Sequence[tuple[int, int | None]]] = ((0, 1), (1, 3), (3, 7), (7, 14), (14, None))


@dataclass(frozen=True, slots=True)
class Bucket:
    """The claims of one age: `amounts` are what they ask, in minor units by currency."""

    first: int
    end: int | None
    count: int
    amounts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits by age, and how much of it waits for a second person."""

    buckets: Sequence[Bucket]
    second_person: int
    blocked: int

    @property
    def count(self) -> int:
        """How many claims wait."""
        return sum(bucket.count for bucket in self.buckets)


def of_age(first: int, end: int | None, at: datetime) -> Q:
    """Return the condition of claims filed that many whole days ago."""
    since = Q(submitted_at__lte=at - timedelta(days=first))
    return since if end is None else since & Q(submitted_at__gt=at - timedelta(days=end))


def with_last_word(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Annotate whether a claim's last decision took effect (`last_is_final`); None where nobody has decided."""
    last = ClaimReview.objects.filter(claim=OuterRef("pk")).order_by("-id")
    found: QuerySet[Any] = rows.annotate(last_is_final=Subquery(last.values("is_final")[:1]))
    return found


def claim_queue(*, viewer: Viewer, at: datetime) -> Queue:
    """Return what waits for the viewer's insurer; three statements, whatever the number of claims."""
    rows = Claim.objects.visible_to(viewer).order_by()
    waiting = rows.filter(status=Claim.Status.PENDING_REVIEW)
    asked: dict[str, Any] = {}
    for number, (first, end) in enumerate(BUCKETS):
        asked[f"n{number}"] = Count("pk", filter=of_age(first, end, at))
        asked[f"a{number}"] = Sum("total_amount", filter=of_age(first, end, at))
    found = list(waiting.values("currency").annotate(**asked).order_by("currency"))
    buckets = [
        Bucket(
            first,
            end,
            sum(row[f"n{number}"] for row in found),
            {row["currency"]: row[f"a{number}"] for row in found if row[f"n{number}"]},
        )
        for number, (first, end) in enumerate(BUCKETS)
    ]
    return Queue(
        buckets=buckets,
        second_person=with_last_word(waiting).filter(last_is_final=False).count(),
        blocked=rows.filter(status=Claim.Status.BLOCKED).count(),
    )


def limits_of_people(claim: Claim) -> tuple[int | None, int | None]:
    """Return above what an insurer_admin approves, and above what two people do; None is no limit."""
    settings = claim.insurer.config
    two_above: int | None = settings.get("two_person_above")
    return settings.get("agent_up_to", two_above), two_above
