"""What a credit note does to the claims of its invoice: they are withdrawn, or taken back once they are paid."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _

from apps.billing.models import Invoice
from apps.billing.services.network import SOURCE
from apps.core.scope import SystemActor
from apps.directory.models import Practice
from apps.insurance.models import Claim, Reconciliation
from apps.insurance.services.settling import lines_of_sources
from apps.insurance.services.taking_up import ClaimReconciled
from apps.insurance.services.withdrawing import ReversedBefore, TooLateToVoid, reverse_claim, void_claim

CREDITOR: Final = SystemActor("network-credits")
S = Claim.Status


def locked_claims(invoice: Invoice) -> list[Claim]:
    """Lock an invoice's claims, before the invoice itself: the order in which decisions about them lock."""
    rows = Claim.objects.filter(source_type=SOURCE, source_id=invoice.pk, reversal_of__isnull=True)
    return list(rows.select_for_update(of=("self",), no_key=True).order_by("pk"))


def withdraw_claims(claims: Sequence[Claim], reason: str, *, at: datetime) -> None:
    """Withdraw what may still be withdrawn, take back what is paid.

    What is approved since another day, or stands in a reconciliation, is taken back when it is paid
    (`reverse_credited`); what the insurer still looks at may be approved yet, and is then taken back likewise.
    """
    for claim in claims:
        try:
            if claim.status in {S.ELIGIBLE, S.APPROVED}:
                void_claim(actor=CREDITOR, claim=claim, expected_status=claim.status, at=at)
            elif claim.status == S.PAID:
                reverse_claim(actor=CREDITOR, claim=claim, reason=reason, at=at)
        except (TooLateToVoid, ClaimReconciled, ReversedBefore):
            continue


def reverse_credited(
    reconciliation: Reconciliation, at: datetime, *, practice: Practice | None = None, most: int | None = None
) -> int:
    """Take back the claims a reconciliation has just paid for invoices that were credited meanwhile; return how many."""
    lines = lines_of_sources(reconciliation, source_type=SOURCE)
    if practice is not None:
        lines = lines.filter(provider=practice)
    paid = Claim.objects.filter(pk__in=lines.values("claim"), status=S.PAID, reversal_of__isnull=True)
    credited = Invoice.objects.filter(pk__in=paid.values("source_id"), status=Invoice.Status.CREDITED)
    # A claim without a decision of its own (taken over from elsewhere) has nothing to be taken back by.
    rows = paid.filter(
        source_id__in=credited.values("pk"), reversal__isnull=True, adjudications__isnull=False
    )
    claims = list(rows.distinct().order_by("pk")[:most])
    for claim in claims:
        reverse_claim(actor=CREDITOR, claim=claim, reason=_("The invoice was credited"), at=at)
    return len(claims)
