"""Third-party payment in the admin: what moved between payers, what reconciliations paid, what the network would pay."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.billing.admin.amounts import shown
from apps.billing.admin.sharing import CELL, HEAD, WIDE
from apps.billing.models import Invoice, InvoiceShare, NetworkSettlement, ShareTransfer
from apps.billing.rendering import share_label
from apps.billing.services.network import Answered, Previewed
from apps.core.admin import ServiceModelAdmin, ServiceTabularInline

# Why an invoice took less than the insurer paid for it, as people read it.
WHY = {
    "CURRENCY_MISMATCH": _("The contract pays in another currency than the invoice."),
    "INVOICE_CREDITED": _("The invoice was credited."),
    "NO_SUCH_SHARE": _("The insurer has no share of the invoice."),
    "OVERPAYMENT": _("The insurer paid more than was still due."),
    "NOTHING_TO_REFUND": _("There was no payment left to take back."),
}


def payer_name(share: InvoiceShare) -> str:
    """Return who owes a share: the patient, or the insurer by name."""
    return str(share.insurer.name if share.insurer is not None else share.get_payer_display())


class OfInvoiceColumns:
    """Columns of rows about one invoice."""

    def amount_of(self, obj: Any, amount: int | None) -> str:
        """Write an amount in the invoice's currency."""
        return shown(amount, obj.invoice.currency)

    @display(description=_("patient"), ordering="invoice__patient__sort_name")
    def patient_name(self, obj: Any) -> str:
        """Return the patient's name."""
        return str(obj.invoice.patient.display_name)


class TransferColumns(OfInvoiceColumns):
    """Columns of transfers between shares."""

    @display(description=_("from"))
    def from_payer(self, obj: ShareTransfer) -> str:
        """Return who owes less."""
        return payer_name(obj.source)

    @display(description=_("to"))
    def to_payer(self, obj: ShareTransfer) -> str:
        """Return who owes it instead."""
        return payer_name(obj.target)

    @display(description=_("amount"), ordering="amount")
    def moved(self, obj: ShareTransfer) -> str:
        """Return the amount as people read it."""
        return self.amount_of(obj, obj.amount)

    @display(description=_("posted by"))
    def poster(self, obj: ShareTransfer) -> str:
        """Return who posted it; the insurer's decisions are followed by themselves."""
        return (
            str(obj.posted_by.get_full_name()) if obj.posted_by is not None else _now("follows the insurer")
        )


class SettlementColumns(OfInvoiceColumns):
    """Columns of what reconciliations paid."""

    @display(description=_("reconciliation"))
    def document(self, obj: NetworkSettlement) -> str:
        """Return the number of the reconciliation, which its insurer calls it by too."""
        return f"{obj.reconciliation.insurer.name}, {obj.reconciliation.number}"

    @display(description=_("paid by the insurer"), ordering="asked")
    def said(self, obj: NetworkSettlement) -> str:
        """Return what the insurer paid or took back, retentions not taken off."""
        return self.amount_of(obj, obj.asked)

    @display(description=_("recorded on the invoice"), ordering="settled")
    def recorded(self, obj: NetworkSettlement) -> str:
        """Return what the invoice took of it."""
        return self.amount_of(obj, obj.settled)

    @display(description=_("why not in full"), ordering="code")
    def why(self, obj: NetworkSettlement) -> str:
        """Return why the rest was not recorded."""
        return str(WHY.get(obj.code, obj.code))


TRANSFER_ROWS = ("invoice__patient", "source__insurer", "target__insurer", "posted_by")
SETTLEMENT_ROWS = ("invoice__patient", "reconciliation__insurer", "payment")


class TransferInline(TransferColumns, ServiceTabularInline):
    """What moved between the payers of an invoice after its issue."""

    model = ShareTransfer
    fields = ("posted_at", "from_payer", "to_payer", "moved", "reason", "poster")
    readonly_fields = fields
    ordering = ("posted_at", "pk")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> Any:
        """Load the payers."""
        return super().get_queryset(request).select_related(*TRANSFER_ROWS)


class SettlementInline(SettlementColumns, ServiceTabularInline):
    """What paid reconciliations said of an invoice."""

    model = NetworkSettlement
    fields = ("settled_at", "document", "said", "recorded", "why")
    readonly_fields = fields
    ordering = ("settled_at", "pk")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> Any:
        """Load the reconciliations."""
        return super().get_queryset(request).select_related(*SETTLEMENT_ROWS)


@admin.register(ShareTransfer)
class ShareTransferAdmin(TransferColumns, ServiceModelAdmin):
    """Posted adjustments between payers: read here, posted from the page of the invoice."""

    list_display = ("posted_at", "number", "patient_name", "from_payer", "to_payer", "moved", "poster")
    list_select_related = TRANSFER_ROWS
    search_fields = ("invoice__number", "invoice__patient__last_name", "reason")
    search_help_text = _("Number of the invoice, name of the patient, or reason")
    ordering = ("-posted_at", "-pk")
    fields = (
        ("invoice", "patient_name"), ("from_payer", "to_payer", "moved"), "reason", ("posted_at", "poster")
    )  # fmt: skip
    readonly_fields = ("invoice", "patient_name", "from_payer", "to_payer", "moved", "poster")

    @display(description=_("invoice"), ordering="invoice__number")
    def number(self, obj: ShareTransfer) -> str:
        """Return the number of the invoice."""
        return str(obj.invoice.number)

    def object_label(self, obj: ShareTransfer) -> str:
        """Return the invoice and the amount."""
        return f"{obj.invoice.number}, {self.moved(obj)}"


@admin.register(NetworkSettlement)
class NetworkSettlementAdmin(SettlementColumns, ServiceModelAdmin):
    """What paid reconciliations said of the practice's invoices, and what was recorded of it."""

    list_display = ("settled_at", "number", "patient_name", "document", "said", "recorded", "why")
    list_select_related = SETTLEMENT_ROWS
    list_filter = ("code",)
    search_fields = ("invoice__number", "invoice__patient__last_name", "reconciliation__payment_reference")
    search_help_text = _("Number of the invoice, name of the patient, or reference of the payment")
    ordering = ("-settled_at", "-pk")
    fields = (("invoice", "patient_name"), ("document", "payment"), ("said", "recorded", "why"), "settled_at")
    readonly_fields = ("invoice", "patient_name", "document", "payment", "said", "recorded", "why")

    @display(description=_("invoice"), ordering="invoice__number")
    def number(self, obj: NetworkSettlement) -> str:
        """Return the number of the invoice."""
        return str(obj.invoice.number)

    def object_label(self, obj: NetworkSettlement) -> str:
        """Return the invoice and the amount."""
        return f"{obj.invoice.number}, {self.recorded(obj)}"


TABLE = (
    '<p class="mb-1 font-semibold">{}</p><div class="overflow-x-auto mb-4"><table class="w-full text-sm">'
    "<thead><tr><th></th>{}<th></th></tr></thead><tbody>{}</tbody></table></div>"
)


def preview_table(invoice: Invoice, previews: list[Previewed]) -> SafeString:
    """Return one table per insurer of the network: what it would pay of each line today, and why; or its refusal."""
    items = sorted(invoice.items.all(), key=lambda item: item.position)
    tables = []
    for preview in previews:
        title = share_label(preview.share)
        if preview.refusal:
            tables.append(format_html('<p class="mb-1"><strong>{}</strong> : {}</p>', title, preview.refusal))
            continue
        answers = [preview.answers.get(item.pk, Answered()) for item in items]
        rows = [
            (
                f"{item.code} {item.label}".strip(),
                (item.total_amount, answer.covered, answer.writeoff),
                answer.explanation,
            )
            for item, answer in zip(items, answers, strict=True)
        ]
        sums = (
            invoice.total_amount, sum(one.covered for one in answers), sum(one.writeoff for one in answers)
        )  # fmt: skip
        rows.append((_now("Total"), sums, ""))
        heads = (_now("Fee"), _now("The insurer pays"), _now("Not asked of the patient"))
        body = format_html_join(
            "",
            "<tr>{}{}{}</tr>",
            (
                (
                    format_html(WIDE, label),
                    format_html_join("", CELL, ((shown(a, invoice.currency),) for a in amounts)),
                    format_html(WIDE, why),
                )
                for label, amounts, why in rows
            ),
        )
        tables.append(
            format_html(TABLE, title, format_html_join("", HEAD, ((head,) for head in heads)), body)
        )
    return format_html_join("", "{}", ((table,) for table in tables))
