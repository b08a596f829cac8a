"""Files, numbers and the ledger in the admin: to look at."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.billing.models import BillingDocument, LedgerRecord, NumberSeries
from apps.core.admin import ServiceModelAdmin


@admin.register(BillingDocument)
class BillingDocumentAdmin(ServiceModelAdmin):
    """Files of issued documents, and where their making stands."""

    list_display = ("number", "kind", "language", "making", "size", "copies", "duplicates", "rendered_at")
    list_filter = ("kind", "language", "job__state")
    list_select_related = ("invoice", "quote", "job")
    search_fields = ("invoice__number", "quote__number", "receipt_number")
    search_help_text = _("Number of the invoice, quote or receipt")
    ordering = ("-pk",)
    fields = (
        ("number", "kind", "language"),
        ("making", "trouble"),
        ("rendered_at", "size"),
        "sha256",
        ("copies", "duplicates"),
        "file",
    )
    readonly_fields = fields[0] + fields[1] + fields[2] + ("sha256", "copies", "duplicates", "file")

    def object_label(self, obj: BillingDocument) -> str:
        """Return the name of the file."""
        return obj.file_name

    @display(description=_("number"), ordering="invoice__number")
    def number(self, obj: BillingDocument) -> str:
        """Return the number of the invoice or quote."""
        return obj.number

    @display(description=_("making"), ordering="job__state")
    def making(self, obj: BillingDocument) -> str:
        """Return where the job stands."""
        return str(obj.job.get_state_display())

    @display(description=_("last error"))
    def trouble(self, obj: BillingDocument) -> str:
        """Return why the last attempt failed."""
        return obj.job.last_error

    @display(description=_("file"))
    def file(self, obj: BillingDocument) -> str:
        """Return a link to the file."""
        if not obj.is_rendered:
            return "–"
        name = "quote" if obj.quote_id else "payment" if obj.payment_id else "invoice"
        subject = obj.quote_id or obj.payment_id or obj.invoice_id
        url = reverse(f"{self.admin_site.name}:billing_{name}_pdf", args=[subject])
        return format_html('<a href="{}">{}</a>', url, obj.file_name)


@admin.register(NumberSeries)
class NumberSeriesAdmin(ServiceModelAdmin):
    """The last number of each series."""

    list_display = ("series", "year", "last_number", "updated_at")
    list_filter = ("series", "year")
    ordering = ("series", "-year", "pk")
    fields = ("series", "year", "last_number")

    def object_label(self, obj: NumberSeries) -> str:
        """Return series and year."""
        return f"{obj.series}-{obj.year}"


@admin.register(LedgerRecord)
class LedgerRecordAdmin(ServiceModelAdmin):
    """The chain of issued documents and payments."""

    list_display = ("sequence", "kind", "recorded_at", "hash")
    list_filter = ("kind",)
    ordering = ("-sequence", "pk")
    fields = (
        ("sequence", "kind", "recorded_at"),
        "payload",
        "previous_hash",
        "hash",
        ("key_id", "signature"),
    )

    def object_label(self, obj: LedgerRecord) -> str:
        """Return the place in the chain."""
        return f"{obj.sequence}"
