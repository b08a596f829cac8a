"""Reads of claims."""

from __future__ import annotations

from datetime import date

from django.db.models import (
    CharField,
    F,
    IntegerField,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.expressions import Combinable
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Greatest

from apps.core.scope import Viewer
from apps.insurance.models import (
    HOLDING,
    Adherent,
    Claim,
    ClaimFlag,
    ClaimItem,
    ClaimReview,
    Contract,
    PriorAgreement,
)


def claims_for(*, viewer: Viewer) -> QuerySet[Claim]:
    """Return the claims of the viewer's insurer or practice with their lines; flags and reviews for the insurer.

    A price list comes by its name alone: its prices may be thousands, and each claim of a page would bring them.
    """
    rows = (
        Claim.objects.visible_to(viewer)
        .select_related("insurer", "provider", "adherent", "bareme")
        .defer("bareme__content", "insurer__config")
        .prefetch_related(Prefetch("items", ClaimItem.objects.order_by("sequence")))
        .newest_first()
    )
    agreements = PriorAgreement.objects.visible_to(viewer).annotate(left=left_of()).order_by("id")
    rows = rows.prefetch_related(Prefetch("prior_agreements", agreements))
    if viewer.insurer_id is None:
        return rows
    flags = ClaimFlag.objects.visible_to(viewer).order_by("-points", "rule")
    reviews = ClaimReview.objects.visible_to(viewer).order_by("id")
    return rows.prefetch_related(Prefetch("flags", flags), Prefetch("reviews", reviews))


def left_of() -> Combinable:
    """Return the units a prior agreement still covers: those agreed less those held by claims that were filed on it."""
    held = ClaimItem.objects.filter(
        Q(preauthorisation=Cast(OuterRef("claim_id"), CharField()))
        | Q(claim=OuterRef("claim_id")) & ~Q(claim__status=Claim.Status.ELIGIBLE),
        claim__adherent=OuterRef("claim__adherent_id"),
        claim__status__in=HOLDING,
        claim__reversal_of__isnull=True,
        claim__reversal__isnull=True,
        code=OuterRef("code"),
        tooth=OuterRef("tooth"),
    )
    units = Cast(KeyTextTransform("quantity_allowed", "explanation"), IntegerField())
    used = held.order_by().annotate(one=Value(1)).values("one").annotate(units=Sum(units)).values("units")
    return Greatest(F("quantity") - Coalesce(Subquery(used), 0), 0)


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
