"""Invoices in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from apps.billing.admin.amounts import read, read_rate, shown
from apps.billing.admin.files import file_links
from apps.billing.admin.inlines import (
    DraftItemInline,
    DraftShareInline,
    IssuedItemInline,
    IssuedShareInline,
)
from apps.billing.admin.languages import LanguageChoiceMixin
from apps.billing.admin.network import SettlementInline, TransferInline, preview_table
from apps.billing.admin.reminders import ReminderInline
from apps.billing.admin.sharing import shares_table
from apps.billing.models import Invoice, InvoiceShare
from apps.billing.models.invoices import Payer
from apps.billing.services import (
    LineInput,
    ShareInput,
    create_draft,
    credit_invoice,
    delete_draft,
    document_of,
    hand_out,
    issue_invoice,
    make_duplicate,
    move_to_patient,
    send_document,
    update_draft,
)
from apps.billing.services.network import preview_network
from apps.billing.services.reminders import remind
from apps.billing.services.transfers import is_adjustable
from apps.core.admin import ServiceModelAdmin, service_action
from apps.core.storage import attachment
from apps.directory.models import Practitioner

S, B = Invoice.Status, InvoiceShare.Basis
COLORS = {
    S.DRAFT: "info",
    S.ISSUED: "warning",
    S.PARTIALLY_PAID: "warning",
    S.PAID: "success",
    S.CREDITED: "danger",
}
OWED = {S.ISSUED, S.PARTIALLY_PAID}


def is_creditable(invoice: Invoice) -> bool:
    """Say whether a credit note can still take something back."""
    return not invoice.is_credit_note and invoice.status in {S.ISSUED, S.PARTIALLY_PAID, S.PAID}


@admin.register(Invoice)
class InvoiceAdmin(LanguageChoiceMixin, ServiceModelAdmin):
    """Fee notes and credit notes: written, issued, printed, sent, credited."""

    create_service = create_draft
    update_service = update_draft
    delete_service = delete_draft
    list_display = (
        "shown_number",
        "patient_name",
        "shown_status",
        "issued_on",
        "total",
        "kind",
        "practitioner_name",
    )
    list_filter = ("status", "kind", ("issued_on", RangeDateFilter))
    list_select_related = ("patient", "practitioner")
    search_fields = ("number", "patient__last_name", "patient__first_name")
    search_help_text = _("Number, or name of the patient")
    autocomplete_fields = ("patient",)
    ordering = ("-pk",)
    actions = ("issue_chosen", "send_chosen", "remind_chosen", "adjust_chosen", "credit_chosen")
    fields = ("patient", "practitioner", "language")
    date_hierarchy = None

    @service_action(_("Issue"), "billing.issue_invoice", when=lambda row: row.is_draft, icon="verified")
    def issue_chosen(self, request: HttpRequest, obj: Invoice) -> str:
        """Give the draft its number."""
        issued = issue_invoice(actor=self.actor(request), invoice=obj, at=timezone.now())
        return str(_("Issued as %(number)s.") % {"number": issued.number})

    @service_action(
        _("Send again by email"), "billing.issue_invoice", when=lambda row: not row.is_draft, icon="send"
    )
    def send_chosen(self, request: HttpRequest, obj: Invoice) -> str:
        """Queue the email once more; twice within one minute is one email."""
        at = timezone.now()
        document = document_of(obj)
        if not document.is_rendered:
            return str(_("The file is still being made; it is sent as soon as it is there."))
        sent = send_document(actor=self.actor(request), document=document, again=f"{at:%Y%m%d%H%M}", at=at)
        return str(
            _("Queued for sending.") if sent else _("Not sent: there is no address, or no contact is wanted.")
        )

    @service_action(
        _("Remind the patient"),
        "billing.add_invoicereminder",
        when=lambda row: row.status in OWED and not row.is_credit_note,
        icon="notification_important",
    )
    def remind_chosen(self, request: HttpRequest, obj: Invoice) -> str:
        """Queue the next reminder of what the patient owes."""
        reminder = remind(actor=self.actor(request), invoice=obj, at=timezone.now())
        return str(_("Reminder no. %(level)s is queued.") % {"level": reminder.level})

    @service_action(
        _("Move to the patient what the network does not pay"),
        "billing.add_sharetransfer",
        reason=True,
        when=is_adjustable,
        icon="move_down",
    )
    def adjust_chosen(self, request: HttpRequest, obj: Invoice, reason: str) -> str:
        """Post as the patient's to pay what the network refused, blocked, took back or has not decided yet."""
        moved = move_to_patient(actor=self.actor(request), invoice=obj, reason=reason, at=timezone.now())
        amount = shown(sum(transfer.amount for transfer in moved), obj.currency)
        return str(_("%(amount)s are now the patient's to pay.") % {"amount": amount})

    @service_action(
        _("Credit the whole rest"),
        "billing.credit_invoice",
        reason=True,
        when=is_creditable,
        icon="undo",
        danger=True,
    )
    def credit_chosen(self, request: HttpRequest, obj: Invoice, reason: str) -> str:
        """Issue a credit note over everything that is left."""
        note = credit_invoice(actor=self.actor(request), invoice=obj, reason=reason, at=timezone.now())
        return str(_("Credited by %(number)s.") % {"number": note.number})

    # --- the page

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let drafts be edited, and nothing else."""
        return super().has_change_permission(request, obj) and (obj is None or obj.is_draft)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let drafts be thrown away, and nothing else."""
        return super().has_delete_permission(request, obj) and obj is not None and obj.is_draft

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Edit the lines of a draft, show those of an issued document."""
        if obj is None or obj.is_draft:
            return (DraftItemInline, DraftShareInline)
        network = [
            inline
            for inline, rows in ((TransferInline, obj.transfers), (SettlementInline, obj.settlements))
            if rows.exists()
        ]
        return (IssuedItemInline, IssuedShareInline, *network, ReminderInline)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for little; show totals and links once there is something."""
        if obj is None:
            return ((None, {"fields": ("patient", ("practitioner", "language"))}),)
        head = ("patient", ("practitioner", "language"))
        sums = (("total", "without_vat", "vat"),)
        if obj.is_draft:
            obj.network_previews = preview_network(self.actor(request), obj, at=timezone.now())
            shown_shares = ("network_answer",) if obj.network_previews else ("coverage",)
            shared = ((_("Shares"), {"fields": shown_shares}),) if obj.items.exists() else ()
            return ((None, {"fields": head}), (_("Totals"), {"fields": sums}), *shared)
        state = (("shown_number", "status", "issued_on"), ("corrects", "reason"), ("file", "pay", "plan"))
        return ((None, {"fields": (*state, *head)}), (_("Totals"), {"fields": sums}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Compute what is shown; a draft keeps its patient."""
        if obj is None:
            return ()
        return (
            "patient",
            "shown_number",
            "status",
            "total",
            "without_vat",
            "vat",
            "coverage",
            "network_answer",
            "file",
            "pay",
            "plan",
        )

    def choices_for(self, db_field: Any, request: HttpRequest) -> Any:
        """Offer those who treat."""
        rows = super().choices_for(db_field, request)
        if db_field.remote_field.model is Practitioner:
            return rows.filter(is_active=True).exclude(kind=Practitioner.Kind.ASSISTANT)
        return rows

    # --- writing

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Write a draft."""
        return super().create_object(request, said(data, self.actor(request).practice.currency))

    def update_object(self, request: HttpRequest, obj: Any, data: dict[str, Any]) -> Any:
        """Change a draft."""
        return super().update_object(request, obj, said(data, obj.currency))

    # --- files

    def get_urls(self) -> Any:
        """Add the address of the file."""
        own = path(
            "<path:object_id>/pdf/", self.admin_site.admin_view(self.pdf_view), name="billing_invoice_pdf"
        )
        again = path(
            "<path:object_id>/duplicate/",
            self.admin_site.admin_view(self.duplicate_view),
            name="billing_invoice_duplicate",
        )
        return [own, again, *super().get_urls()]

    def duplicate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Print the document anew as the duplicate it is, by POST only: each one is counted."""
        invoice = self.visible_object(request, object_id)
        if request.method != "POST" or not self.has_view_permission(request, invoice):
            raise PermissionDenied
        document = document_of(invoice)
        copy = make_duplicate(actor=self.actor(request), document=document, at=timezone.now())
        headers = {"Content-Disposition": attachment(copy.file_name)}
        return HttpResponse(copy.data, content_type=copy.content_type, headers=headers)

    def pdf_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hand the file out; the copy is counted and audited."""
        invoice = self.visible_object(request, object_id)
        if not self.has_view_permission(request, invoice):
            raise PermissionDenied
        document = document_of(invoice)
        if not document.is_rendered:
            self.message_user(request, _("The file is still being made. Try again in a moment."))
            return HttpResponseRedirect(self.page("change", invoice.pk))
        copy = hand_out(actor=self.actor(request), document=document)
        headers = {"Content-Disposition": attachment(copy.file_name)}
        return HttpResponse(copy.data, content_type=copy.content_type, headers=headers)

    # --- what people read

    def object_label(self, obj: Invoice) -> str:
        """Return the number, or who the draft is for."""
        return obj.number or f"{_('draft')} {obj.patient.display_name}"

    @display(description=_("number"), ordering="number")
    def shown_number(self, obj: Invoice) -> str:
        """Return the number, or that it is a draft."""
        return obj.number or str(_("draft"))

    @display(description=_("patient"), ordering="patient__sort_name")
    def patient_name(self, obj: Invoice) -> str:
        """Return the patient's name."""
        return obj.patient.display_name

    @display(description=_("practitioner"), ordering="practitioner__last_name")
    def practitioner_name(self, obj: Invoice) -> str:
        """Return the practitioner's name."""
        return obj.practitioner.display_name

    @display(description=_("status"), ordering="status", label=COLORS)
    def shown_status(self, obj: Invoice) -> tuple[str, str]:
        """Return the status as a coloured label."""
        return obj.status, obj.get_status_display()

    @display(description=_("total"), ordering="total_amount")
    def total(self, obj: Invoice) -> str:
        """Return the total as people read it."""
        return shown(obj.total_amount, obj.currency)

    @display(description=_("without VAT"))
    def without_vat(self, obj: Invoice) -> str:
        """Return the net total as people read it."""
        return shown(obj.net_amount, obj.currency)

    @display(description=_("VAT"))
    def vat(self, obj: Invoice) -> str:
        """Return the VAT as people read it."""
        return shown(obj.vat_amount, obj.currency)

    @display(description=_("who owes what of each line"))
    def coverage(self, obj: Invoice) -> str:
        """Return the lines shared out between their payers, as saved."""
        return shares_table(obj)

    @display(description=_("what the payer network would pay today"))
    def network_answer(self, obj: Any) -> str:
        """Return the network's answers for the lines as saved; its issue asks once more."""
        saved = format_html('<p class="mb-1 font-semibold">{}</p>', _("As last saved"))
        return preview_table(obj, obj.network_previews) + saved + shares_table(obj, lines=False)

    @display(description=_("file"))
    def file(self, obj: Invoice) -> str:
        """Return a link to the file."""
        return file_links(self.page("pdf", obj.pk), self.page("duplicate", obj.pk), f"{obj.number}.pdf")

    @display(description=_("payment"))
    def pay(self, obj: Invoice) -> str:
        """Return a link that records a payment, where something is due."""
        if obj.status not in OWED or obj.is_credit_note:
            return "–"
        url = reverse(f"{self.admin_site.name}:billing_payment_add")
        return format_html('<a href="{}?invoice_number={}">{}</a>', url, obj.number, _("Record a payment"))

    @display(description=_("instalments"))
    def plan(self, obj: Invoice) -> str:
        """Return a link to the plan, or one that agrees on it where something is due."""
        found = obj.plans.open().first()
        if found is not None:
            url = reverse(f"{self.admin_site.name}:billing_instalmentplan_change", args=[found.pk])
            return format_html('<a href="{}">{}</a>', url, _("See the instalments"))
        if obj.status not in OWED or obj.is_credit_note:
            return "–"
        url = reverse(f"{self.admin_site.name}:billing_instalmentplan_add")
        return format_html(
            '<a href="{}?invoice_number={}">{}</a>', url, obj.number, _("Agree on instalments")
        )


def said(data: dict[str, Any], currency: str) -> dict[str, Any]:
    """Return what a form asks for, as the services take it."""
    if "lines" in data:
        data["lines"] = [
            LineInput(
                treatment=row.get("treatment"),
                act=None if row.get("treatment") else row.get("act"),
                label=row.get("label") or "",
                tooth=row.get("tooth") or "",
                quantity=row.get("quantity") or 1,
                unit_price=read(row.get("price") or "", currency),
                discount=read(row.get("rebate") or "", currency) or 0,
                vat_code=row.get("vat") or "",
                vat_reason=row.get("vat_reason") or "",
            )
            for row in data["lines"]
        ]
    if "shares" in data:
        data["shares"] = [said_share(row, currency) for row in data["shares"]]
    return data


def said_share(row: dict[str, Any], currency: str) -> ShareInput:
    """Return what a form says of an insurer: the network's answer, exactly so much, a lump sum, else a rate."""
    part, lump = read(row.get("part") or "", currency), read(row.get("lump") or "", currency)
    rate_bp = read_rate(row.get("rate") or "")
    basis = B.GIVEN if part is not None else B.LUMP if lump is not None else B.RATE
    if row.get("network"):
        basis = B.NETWORK
    return ShareInput(
        payer=Payer.INSURER,
        insurer=row["insurer"],
        kind=row.get("kind") or None,
        basis=basis,
        amount=part,
        lump=lump,
        rate_bp=rate_bp,
    )
