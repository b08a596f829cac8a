"""Reads of claims."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet

from apps.core.scope import Viewer
from apps.insurance.models import Adherent, Claim, ClaimFlag, ClaimItem, ClaimReview, Contract
from apps.insurance.services.asking import AskedLine


def claims_for(*, viewer: Viewer) -> QuerySet[Claim]:
    """Return the claims of the viewer's insurer or practice with their lines; flags and reviews for the insurer."""
    rows = (
        Claim.objects.visible_to(viewer)
        .select_related("insurer", "provider", "adherent", "bareme")
        .prefetch_related(Prefetch("items", ClaimItem.objects.order_by("sequence")))
        .newest_first()
    )
    if viewer.insurer_id is None:
        return rows
    flags = ClaimFlag.objects.visible_to(viewer).order_by("-points", "rule")
    reviews = ClaimReview.objects.visible_to(viewer).order_by("id")
    return rows.prefetch_related(Prefetch("flags", flags), Prefetch("reviews", reviews))


def contract_covering(*, adherent: Adherent, day: date) -> Contract | None:
    """Return the contract of a person that covers a day, the newest first; else the last that began before it."""
    rows = (
        Contract.objects.filter(insurer=adherent.insurer_id)
        .of_person(adherent)
        .select_related("insurer")
        .order_by("-start_date", "-id")
    )
    found: Contract | None = (
        rows.covering(day).first() or rows.filter(start_date__lte=day).first() or rows.first()
    )
    return found


def agreed_lines(
    *, adherent: Adherent, provider_id: UUID | None, lines: Sequence[AskedLine]
) -> frozenset[int]:
    """Return which lines, counted from 1, name a prior agreement: a claim of theirs a person of the insurer approved."""
    named: dict[UUID, list[int]] = {}
    for number, line in enumerate(lines, 1):
        try:
            named.setdefault(UUID(line.preauthorisation), []).append(number)
        except ValueError:
            continue
    if not named:
        return frozenset()
    approved = ClaimReview.objects.filter(
        Q(claim__status=Claim.Status.APPROVED) | Q(claim__status=Claim.Status.PAID),
        claim__in=list(named),
        claim__adherent=adherent,
        claim__provider=provider_id,
        verb=ClaimReview.Verb.APPROVE,
        is_final=True,
    )
    pairs = set(approved.values_list("claim_id", "claim__items__code"))
    return frozenset(
        number
        for key, numbers in named.items()
        for number in numbers
        if (key, lines[number - 1].code) in pairs
    )
