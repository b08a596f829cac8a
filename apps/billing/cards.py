"""What the admin's first page shows of billing: who owes what for longest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Sum
from django.utils import formats
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.billing.models import Invoice, InvoiceShare
from apps.core.admin.dashboard import Card, CardRow, admin_page
from apps.core.money import format_money
from apps.core.scope import Viewer

SHOWN = 8
UNPAID = (Invoice.Status.ISSUED, Invoice.Status.PARTIALLY_PAID)


def billing_cards(viewer: Viewer, at: datetime) -> Sequence[Card]:
    """Return the unpaid invoices, the oldest first, and what is owed in all."""
    practice = getattr(viewer, "practice", None)
    if practice is None or not viewer.has_perm("billing.view_invoice"):
        return []
    language = get_language() or "fr"
    unpaid = Invoice.objects.visible_to(viewer).real().filter(status__in=UNPAID, kind=Invoice.Kind.INVOICE)
    shares = InvoiceShare.objects.filter(invoice__in=unpaid).with_balance()
    owed = shares.aggregate(owed=Sum("balance"))["owed"] or 0
    rows = [
        CardRow(
            lead=invoice.number or "",
            text=invoice.patient.display_name,
            url=admin_page("billing_invoice_change", invoice.pk),
            note=f"{formats.date_format(invoice.issued_on, 'SHORT_DATE_FORMAT')} · "
            f"{format_money(invoice.total_amount, invoice.currency, language)}",
        )
        for invoice in unpaid.select_related("patient").order_by("issued_on", "pk")[:SHOWN]
    ]
    address = admin_page("billing_invoice_changelist") + "?status__in=issued,partially_paid"
    figure = format_money(owed, practice.currency, language)
    return [
        Card(_("Unpaid invoices"), figure, "receipt_long", address, rows, _("Every invoice is paid."), 30)
    ]
