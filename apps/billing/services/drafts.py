"""Drafts: written, changed, thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from apps.billing.models import Invoice, InvoiceItem, InvoiceShare
from apps.billing.models.invoices import Payer
from apps.billing.services.lines import LineInput, build_lines
from apps.billing.services.network import with_network_amounts
from apps.billing.services.shares import ShareInput, build_shares
from apps.core.errors import DomainError
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice, Practitioner
from apps.patients.models import Patient


class InvoiceNotDraft(DomainError):
    """An issued invoice never changes; it is corrected by a credit note."""

    code = "INVOICE_NOT_DRAFT"
    message = _("An issued invoice can no longer be changed. Correct it with a credit note.")


@service("billing.invoice.create")
def create_draft(
    *,
    actor: Viewer,
    practice: Practice,
    patient: Patient,
    practitioner: Practitioner,
    lines: Sequence[LineInput],
    shares: Sequence[ShareInput] = (),
    language: str = "",
    at: datetime,
) -> Invoice:
    """Write a draft from treatments, acts and free lines; without shares the patient owes everything.

    Refuses what `build_lines` and `build_shares` refuse. A draft may be empty; only its issue may not.
    """
    invoice = Invoice(
        practice=practice,
        patient=patient,
        practitioner=practitioner,
        currency=practice.currency,
        language=language or patient.language,
    )
    items = build_lines(invoice, lines, at=at)
    add_up(invoice, items)
    invoice.clean_fields(exclude=["practice", "patient", "practitioner"])
    owed = build_shares(invoice, with_network_amounts(actor, invoice, shares, items, at=at), items)
    invoice.save()
    InvoiceItem.objects.bulk_create(items)
    InvoiceShare.objects.bulk_create(owed)
    return invoice


@service("billing.invoice.update")
def update_draft(
    *,
    actor: Viewer,
    invoice: Invoice,
    practitioner: Practitioner | None = None,
    lines: Sequence[LineInput] | None = None,
    shares: Sequence[ShareInput] | None = None,
    language: str = "",
    at: datetime,
) -> Invoice:
    """Change a draft; given lines or shares replace all former ones, else insurers keep their shares or terms.

    Refuses INVOICE_NOT_DRAFT and what `create_draft` refuses.
    """
    invoice = locked_draft(invoice)
    invoice.practitioner = practitioner or invoice.practitioner
    invoice.language = language or invoice.language
    kept = shares if shares is not None else insurer_shares(invoice)
    items = [] if lines is not None else list(invoice.items.order_by("position"))
    if lines is not None:
        items = build_lines(invoice, lines, at=at)
        invoice.items.all().delete()
        InvoiceItem.objects.bulk_create(items)
        add_up(invoice, items)
    if lines is not None or shares is not None:
        owed = build_shares(invoice, with_network_amounts(actor, invoice, kept, items, at=at), items)
        invoice.shares.all().delete()
        InvoiceShare.objects.bulk_create(owed)
    invoice.clean_fields(exclude=["practice", "patient", "practitioner"])
    invoice.save()
    return invoice


@service("billing.invoice.delete")
def delete_draft(*, actor: Viewer, invoice: Invoice) -> None:
    """Throw a draft away, its treatments can be billed again. Refuses INVOICE_NOT_DRAFT."""
    locked_draft(invoice).delete()


def locked_draft(invoice: Invoice) -> Invoice:
    """Re-read a draft under its row lock."""
    found: Invoice = (
        Invoice.objects.select_for_update(of=("self",))
        .select_related("practice", "practitioner")
        .get(pk=invoice.pk)
    )
    if not found.is_draft:
        raise InvoiceNotDraft(status=found.status, number=found.number)
    return found


def insurer_shares(invoice: Invoice) -> list[ShareInput]:
    """Return what insurers are asked to pay at present."""
    rows = invoice.shares.filter(payer=Payer.INSURER).select_related("insurer").order_by("position")
    return [
        ShareInput(
            payer=row.payer,
            amount=row.amount if row.basis == InvoiceShare.Basis.GIVEN else None,
            insurer=row.insurer,
            kind=row.kind,
            basis=row.basis,
            rate_bp=row.rate_bp,
            lump=row.lump_amount,
        )
        for row in rows
    ]


def add_up(invoice: Invoice, items: Sequence[InvoiceItem]) -> None:
    """Set an invoice's totals to the sums of its lines."""
    invoice.total_amount = sum(item.total_amount for item in items)
    invoice.net_amount = sum(item.net_amount for item in items)
    invoice.vat_amount = sum(item.vat_amount for item in items)
