"""What the network puts on the admin's first page: claims to decide, payments and disputes that wait."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.utils import formats, timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.core.admin.dashboard import Card, CardRow, admin_page
from apps.core.money import format_money
from apps.core.scope import Viewer
from apps.insurance.models import Claim, Dispute, Reconciliation
from apps.insurance.reconciliation_selectors import (
    days_open,
    days_outstanding,
    disputes_for,
    is_overdue,
    totals_for,
)

SHOWN: Final = 5


def network_cards(viewer: Viewer, at: datetime) -> Sequence[Card]:
    """Return the cards of an insurer's desk, or of a provider's; each only where its list may be opened."""
    if viewer.practice_id is None and viewer.insurer_id is None:
        return []
    found = []
    if viewer.insurer_id is not None and viewer.has_perm("insurance.decide_claim"):
        found.append(claims_card(viewer, at))
    if viewer.has_perm("insurance.view_reconciliation"):
        found.append(payments_card(viewer, at))
    if viewer.has_perm("insurance.view_dispute"):
        found.append(disputes_card(viewer, at))
    # A practice outside the network has nothing to read here.
    return found if viewer.insurer_id is not None else [card for card in found if card.rows]


def claims_card(viewer: Viewer, at: datetime) -> Card:
    """Return what waits for a decision, the oldest first."""
    waiting = Claim.objects.visible_to(viewer).filter(status=Claim.Status.PENDING_REVIEW)
    rows = [
        CardRow(
            lead=_("%(days)s d") % {"days": (at - claim.submitted_at).days},
            text=f"{claim.get_type_display()}, {claim.provider.name}",
            url=admin_page("insurance_claim_change", claim.pk),
            note=money(claim.total_amount, claim.currency),
        )
        for claim in waiting.select_related("provider").order_by("submitted_at", "pk")[:SHOWN]
    ]
    address = f"{admin_page('insurance_claim_changelist')}?status__exact=pending_review"
    return Card(
        _("Claims to decide"),
        str(waiting.count()),
        "fact_check",
        address,
        rows,
        _("No claim waits for a decision."),
        10,
    )


def payments_card(viewer: Viewer, at: datetime) -> Card:
    """Return what was sent and is not paid, the longest wait first; a provider's amounts are its own."""
    waiting = list(
        Reconciliation.objects.visible_to(viewer)
        .outstanding()
        .select_related("insurer")
        .order_by("sent_at", "pk")
    )
    first = waiting[:SHOWN]
    own = totals_for(viewer=viewer).filter(reconciliation__in=first) if viewer.practice_id is not None else ()
    nets = {total.reconciliation_id: total.net for total in own}
    rows = [
        CardRow(
            lead=_("%(days)s d") % {"days": days_outstanding(row, at) or 0},
            text=row.number,
            url=admin_page("insurance_reconciliation_change", row.pk),
            note=money(nets.get(row.pk, row.total_net_payable), row.currency),
        )
        for row in first
    ]
    address = f"{admin_page('insurance_reconciliation_changelist')}?status__exact=sent"
    return Card(
        _("Reconciliations sent, not paid"),
        str(len(waiting)),
        "account_balance",
        address,
        rows,
        _("Nothing that was sent waits for its payment."),
        20,
        alarming=any(is_overdue(row, at) for row in waiting),
    )


def disputes_card(viewer: Viewer, at: datetime) -> Card:
    """Return the disputes nobody has decided, the oldest first."""
    waiting = disputes_for(viewer=viewer).filter(status=Dispute.Status.OPEN)
    rows = [
        CardRow(
            lead=_("%(days)s d") % {"days": days_open(dispute, at)},
            text=f"{dispute.line.reconciliation.number}, {dispute.provider.name}",
            url=admin_page("insurance_dispute_change", dispute.pk),
            note=formats.date_format(timezone.localtime(dispute.opened_at), "SHORT_DATE_FORMAT"),
        )
        for dispute in waiting[:SHOWN]
    ]
    address = f"{admin_page('insurance_dispute_changelist')}?status__exact=open"
    return Card(
        _("Open disputes"), str(waiting.count()), "gavel", address, rows, _("No dispute is open."), 30
    )


def money(amount: int, currency: str) -> str:
    """Write an amount in the reader's language."""
    return format_money(amount, currency, get_language() or "fr")
