"""Prior agreement: what an insurer's people said yes to before the care, and the claims that name it.

It is asked for with a question (`use: predetermination`) and quoted by the question's key. It promises that the act is
paid for, in the units agreed, until its last day; how much is decided by terms and limits when the claim comes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from apps.core.scope import Viewer
from apps.insurance.models import Claim, ClaimItem, PriorAgreement
from apps.insurance.services.guards import today_at
from apps.insurance.services.redeciding import close
from apps.insurance.services.taking_up import locked

# How long an agreement holds where the contract does not say (`preauth_days` of the kind of care).
HOLDS_DAYS: Final = 90


def agree_to(claim: Claim, items: Sequence[ClaimItem], at: datetime) -> None:
    """Write down what an approved question agrees to: its covered lines, from its day of care on.

    Joins the service that approves it.
    """
    last_day = today_at(claim.insurer, at) + timedelta(days=holds_days(claim))
    PriorAgreement.objects.bulk_create(
        PriorAgreement(
            insurer_id=claim.insurer_id,
            provider_id=claim.provider_id,
            claim=claim,
            code=item.code,
            tooth=item.tooth,
            quantity=item.explanation["quantity_allowed"],
            valid_from=claim.service_date,
            valid_until=last_day,
        )
        for item in items
        if item.covered_amount
    )


def holds_days(claim: Claim) -> int:
    """Return for how many days an agreement of this kind of care holds."""
    care: dict[str, Any] = claim.contract.coverage.get(claim.type, {}) if claim.contract is not None else {}
    days: int | None = care.get("preauth_days")
    return HOLDS_DAYS if days is None else days


def close_questions(actor: Viewer, keys: Collection[str], at: datetime) -> None:
    """Give up what the questions hold that a claim is filed on: the claim takes their place.

    Joins the service that files the claim, before it locks the balances.
    """
    held = Claim.objects.filter(pk__in=[UUID(key) for key in keys], status=Claim.Status.ELIGIBLE)
    for question in held.order_by("pk"):
        row = locked(question)
        if row.status == Claim.Status.ELIGIBLE:
            close(actor, row, verb="cancel", code="VOIDED", at=at)
