"""From a payment to its receipt: what was received, from whom, how and for what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from apps.billing.models import BillingDocument, Payment
from apps.billing.rendering import (
    FOLDER,
    Duplicate,
    Marks,
    marks_of,
    money,
    refuse_fetch,
    short,
    stylesheet,
)
from apps.billing.services.snapshots import seller_of_practice


@dataclass(frozen=True, slots=True)
class PrintedReceipt:
    """Everything the template shows, in the language of the receipt."""

    payment: Payment
    document: BillingDocument
    seller: dict[str, Any]
    payer: str
    patient: str
    file_number: str
    method: str
    received_on: str
    amount: str
    rows: Sequence[tuple[str, str]]
    refunds: str
    marks: Marks


def load_receipt(document: BillingDocument, duplicate: Duplicate | None = None) -> PrintedReceipt:
    """Read what a receipt shows, in its language."""
    rows = Payment.objects.select_related("practice", "patient", "insurer", "refunds")
    payment: Payment = rows.get(pk=document.payment_id)
    with translation.override(document.language):
        given_back = payment.refunds
        return PrintedReceipt(
            payment=payment,
            document=document,
            seller=seller_of_practice(payment.practice),
            payer=payment.insurer.name if payment.insurer else payment.patient.display_name,
            patient=payment.patient.display_name,
            file_number=str(payment.patient.file_number),
            method=str(payment.get_method_display()),
            received_on=short(payment.received_on),
            amount=money(payment, abs(payment.amount)),
            rows=paid_for(payment),
            refunds=short(given_back.received_on) if given_back else "",
            marks=marks_of(payment, duplicate),
        )


def paid_for(payment: Payment) -> list[tuple[str, str]]:
    """Return what was paid when the payment was made: its invoices, and what went on the account.

    What became of it later is not in the receipt, so that the same payment always gives the same one.
    """
    if payment.refunds_id is not None:
        return []
    parts: dict[str, int] = defaultdict(int)
    made = payment.allocations.filter(allocated_at=payment.recorded_at, amount__gt=0)
    for row in made.select_related("share__invoice").order_by("pk"):
        parts[str(row.share.invoice.number)] += row.amount
    rows = [(number, money(payment, amount)) for number, amount in parts.items()]
    rest = payment.amount - sum(parts.values())
    return [*rows, (_("On account"), money(payment, rest))] if rest else rows


def render_receipt(page: PrintedReceipt) -> bytes:
    """Render a receipt as PDF/A; the same rows give the same bytes."""
    # Imported late: the library loads Pango, which only workers need.
    from weasyprint import HTML

    css, fonts = stylesheet("invoice")
    language = page.document.language
    with translation.override(language):
        html = render_to_string("billing/receipt.html", {"page": page, "language": language})
    document = HTML(string=html, base_url=str(FOLDER), url_fetcher=refuse_fetch)
    pdf = document.write_pdf(
        stylesheets=[css], font_config=fonts, pdf_identifier=page.document.pk.bytes, pdf_variant="pdf/a-3u"
    )
    return bytes(pdf)
