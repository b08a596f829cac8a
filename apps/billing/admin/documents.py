"""Files, numbers and the ledger in the admin: to look at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.billing.admin.amounts import shown
from apps.billing.models import BillingDocument, Closing, Deposit, LedgerRecord, NumberSeries
from apps.billing.services import archive_ledger
from apps.core.admin import ServiceModelAdmin
from apps.core.limits import RateLimited
from apps.core.storage import attachment


@admin.register(BillingDocument)
class BillingDocumentAdmin(ServiceModelAdmin):
    """Files of issued documents, and where their making stands."""

    list_display = ("number", "kind", "language", "making", "size", "copies", "rendered_at")
    list_filter = ("kind", "language", "job__state")
    list_select_related = ("invoice", "quote", "job")
    search_fields = ("invoice__number", "quote__number")
    search_help_text = _("Number of the invoice or quote")
    ordering = ("-pk",)
    fields = (
        ("number", "kind", "language"),
        ("making", "trouble"),
        ("rendered_at", "size"),
        "sha256",
        "copies",
        "file",
    )
    readonly_fields = fields[0] + fields[1] + fields[2] + ("sha256", "copies", "file")

    def object_label(self, obj: BillingDocument) -> str:
        """Return the name of the file."""
        return obj.file_name

    @display(description=_("number"), ordering="invoice__number")
    def number(self, obj: BillingDocument) -> str:
        """Return the number of the invoice or quote."""
        return str(obj.subject.number)

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
        name = "billing_quote_pdf" if obj.quote_id else "billing_invoice_pdf"
        url = reverse(f"{self.admin_site.name}:{name}", args=[obj.quote_id or obj.invoice_id])
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
    fields = (("sequence", "kind", "recorded_at"), "payload", "previous_hash", "hash")

    def object_label(self, obj: LedgerRecord) -> str:
        """Return the place in the chain."""
        return f"{obj.sequence}"


@admin.register(Closing)
class ClosingAdmin(ServiceModelAdmin):
    """Daily, monthly and yearly closings."""

    list_display = ("starts_on", "period", "asked", "taken_back", "money", "perpetual")
    list_filter = ("period",)
    ordering = ("-starts_on", "period", "pk")
    fields = (
        ("period", "starts_on", "ends_on"),
        ("asked", "taken_back", "money"),
        "received_by_method",
        "perpetual",
        ("first_sequence", "last_sequence", "closed_at"),
        "archive",
    )
    readonly_fields = ("asked", "taken_back", "money", "perpetual", "archive")

    def get_urls(self) -> Any:
        """Add the address of the archive."""
        view = self.admin_site.admin_view(self.archive_view)
        return [path("<path:object_id>/archive/", view, name="billing_closing_archive"), *super().get_urls()]

    def archive_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hand out the archive of what the closing covers; that it was taken away is recorded."""
        closing = self.visible_object(request, object_id)
        if not request.user.has_perm("billing.export_ledger"):
            raise PermissionDenied
        try:
            archive = archive_ledger(
                actor=self.actor(request), practice=closing.practice, closing=closing, at=timezone.now()
            )
        except RateLimited as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(self.page("change", closing.pk))
        headers = {"Content-Disposition": attachment(archive.file_name)}
        return HttpResponse(archive.data, content_type="application/zip", headers=headers)

    @display(description=_("archive"))
    def archive(self, obj: Closing) -> str:
        """Return a link to the archive, which verifies itself offline."""
        return format_html(
            '<a href="{}">{}</a>', self.page("archive", obj.pk), _("Download the archive (ZIP)")
        )

    def object_label(self, obj: Closing) -> str:
        """Return the period."""
        return f"{obj.get_period_display()} {obj.starts_on:%d/%m/%Y}"

    @display(description=_("invoiced"), ordering="invoiced")
    def asked(self, obj: Closing) -> str:
        """Return what was invoiced."""
        return shown(obj.invoiced, obj.currency)

    @display(description=_("credited"), ordering="credited")
    def taken_back(self, obj: Closing) -> str:
        """Return what was credited."""
        return shown(obj.credited, obj.currency)

    @display(description=_("received"), ordering="received")
    def money(self, obj: Closing) -> str:
        """Return what was received."""
        return shown(obj.received, obj.currency)

    @display(description=_("perpetual total"), ordering="perpetual_total")
    def perpetual(self, obj: Closing) -> str:
        """Return the total since the first document."""
        return shown(obj.perpetual_total, obj.currency)


@admin.register(Deposit)
class DepositAdmin(ServiceModelAdmin):
    """Slips of cheques."""

    list_display = ("number", "deposited_on", "cheques", "sum", "reference")
    search_fields = ("number", "reference")
    ordering = ("-deposited_on", "-pk")
    fields = (("number", "deposited_on"), ("cheques", "sum", "reference"))
    readonly_fields = ("sum",)

    def object_label(self, obj: Deposit) -> str:
        """Return the number."""
        return obj.number

    @display(description=_("amount"), ordering="amount")
    def sum(self, obj: Deposit) -> str:
        """Return the amount as people read it."""
        return shown(obj.amount, obj.currency)
