"""Quotes in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.billing.admin.amounts import MoneyText, read, shown
from apps.billing.admin.files import file_links
from apps.billing.admin.languages import LanguageChoiceMixin
from apps.billing.models import Quote, QuoteItem
from apps.billing.services import (
    QuoteLine,
    Signature,
    accept_quote,
    create_quote,
    document_of_quote,
    hand_out,
    issue_quote,
    make_duplicate,
    refuse_quote,
    send_quote,
    update_quote,
)
from apps.core.admin import ServiceModelAdmin, ServiceTabularInline, service_action
from apps.core.storage import attachment
from apps.directory.models import Practitioner

S = Quote.Status
COLORS = {
    S.DRAFT: "info",
    S.ISSUED: "warning",
    S.ACCEPTED: "success",
    S.REFUSED: "danger",
    S.EXPIRED: "danger",
    S.SUPERSEDED: "danger",
}


class QuoteItemForm(forms.ModelForm[QuoteItem]):
    """A line of a draft."""

    fee = MoneyText(label=_("fee"), required=False)
    device = MoneyText(label=_("of which device"), required=False)

    class Meta:
        model = QuoteItem
        fields = ("act", "tooth", "surfaces", "material")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        item = self.instance
        if not item._state.adding:
            currency = item.quote.currency
            self.initial["fee"] = shown(item.price, currency)
            self.initial["device"] = shown(item.device_price, currency) if item.device_price else ""

    def _post_clean(self) -> None:
        """Leave the rules to the service: a draft's line is complete only there."""


class DraftQuoteItemInline(ServiceTabularInline):
    """Lines of a draft; the service replaces them all and adds the alternatives."""

    model = QuoteItem
    form = QuoteItemForm
    service_argument = "lines"
    fields = ("act", "tooth", "surfaces", "material", "fee", "device")
    autocomplete_fields = ("act",)
    extra = 1
    ordering = ("position",)
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> Any:
        """Show the lines; alternatives follow from them."""
        return super().get_queryset(request).filter(alternative_to__isnull=True).select_related("quote")


class IssuedQuoteItemInline(ServiceTabularInline):
    """Lines and alternatives of an issued quote."""

    model = QuoteItem
    fields = ("position", "code", "label", "tooth", "basket", "fee", "left", "is_chosen")
    readonly_fields = fields
    ordering = ("position", "pk")
    show_change_link = False

    @display(description=_("fee"))
    def fee(self, obj: QuoteItem) -> str:
        """Return the fee as people read it."""
        return shown(obj.price, obj.quote.currency)

    @display(description=_("not refunded"))
    def left(self, obj: QuoteItem) -> str:
        """Return the remainder as people read it."""
        return shown(obj.remainder_amount, obj.quote.currency)


@admin.register(Quote)
class QuoteAdmin(LanguageChoiceMixin, ServiceModelAdmin):
    """Quotes: written, issued, decided."""

    create_service = create_quote
    update_service = update_quote
    list_display = ("shown_number", "patient_name", "shown_status", "issued_on", "valid_until", "total")
    list_filter = ("status",)
    list_select_related = ("patient", "practitioner")
    search_fields = ("number", "patient__last_name", "patient__first_name")
    search_help_text = _("Number, or name of the patient")
    autocomplete_fields = ("patient",)
    ordering = ("-pk",)
    actions = ("issue_chosen", "email_chosen", "text_chosen", "accept_chosen", "refuse_chosen")
    fields = (("patient", "practitioner"), ("language", "valid_until"), ("manufacture", "subcontracted"))

    @service_action(_("Issue"), "billing.issue_quote", when=lambda row: row.is_draft, icon="verified")
    def issue_chosen(self, request: HttpRequest, obj: Quote) -> str:
        """Give the draft its number."""
        issued = issue_quote(actor=self.actor(request), quote=obj, at=timezone.now())
        return str(_("Issued as %(number)s.") % {"number": issued.number})

    @service_action(
        _("Send the link by email"),
        "billing.issue_quote",
        when=lambda row: row.status == S.ISSUED,
        icon="send",
    )
    def email_chosen(self, request: HttpRequest, obj: Quote) -> str:
        """Queue the message with the link at which the patient answers."""
        send_quote(actor=self.actor(request), quote=obj, channel="email", at=timezone.now())
        return str(_("Queued for sending."))

    @service_action(
        _("Send the link by SMS"), "billing.issue_quote", when=lambda row: row.status == S.ISSUED, icon="sms"
    )
    def text_chosen(self, request: HttpRequest, obj: Quote) -> str:
        """Queue the message with the link at which the patient answers."""
        send_quote(actor=self.actor(request), quote=obj, channel="sms", at=timezone.now())
        return str(_("Queued for sending."))

    @service_action(
        _("Accepted and signed"),
        "billing.decide_quote",
        when=lambda row: row.status == S.ISSUED,
        icon="signature",
    )
    def accept_chosen(self, request: HttpRequest, obj: Quote) -> str:
        """Record that the patient signed at the practice; the treatments are planned."""
        signature = Signature(signer_name=obj.patient.display_name)
        accept_quote(actor=self.actor(request), quote=obj, signature=signature, at=timezone.now())
        return str(_("Accepted; the treatments are planned."))

    @service_action(
        _("Refused"),
        "billing.decide_quote",
        reason=True,
        when=lambda row: row.status == S.ISSUED,
        icon="block",
        danger=True,
    )
    def refuse_chosen(self, request: HttpRequest, obj: Quote, reason: str) -> str:
        """Record that the patient does not want it."""
        signature = Signature(signer_name="")
        refuse_quote(
            actor=self.actor(request), quote=obj, signature=signature, reason=reason, at=timezone.now()
        )
        return str(_("Refused."))

    # --- the page

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let drafts be edited, and nothing else."""
        return super().has_change_permission(request, obj) and (obj is None or obj.is_draft)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Edit the lines of a draft, show those of an issued quote."""
        return (DraftQuoteItemInline if obj is None or obj.is_draft else IssuedQuoteItemInline,)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for little; show totals and the file once there is something."""
        if obj is None:
            return ((None, {"fields": self.fields}),)
        sums = (("total", "refund", "left"),)
        state = () if obj.is_draft else (("shown_number", "status", "issued_on"), ("replaces", "file"))
        return ((None, {"fields": (*state, *self.fields)}), (_("Totals"), {"fields": sums}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Compute what is shown; a draft keeps its patient."""
        return () if obj is None else ("patient", "shown_number", "total", "refund", "left", "file")

    def choices_for(self, db_field: Any, request: HttpRequest) -> Any:
        """Offer those who treat."""
        rows = super().choices_for(db_field, request)
        if db_field.remote_field.model is Practitioner:
            return rows.filter(is_active=True).exclude(kind=Practitioner.Kind.ASSISTANT)
        return rows

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Write a draft."""
        return super().create_object(request, said(data, self.actor(request).practice.currency))

    def update_object(self, request: HttpRequest, obj: Any, data: dict[str, Any]) -> Any:
        """Change a draft."""
        return super().update_object(request, obj, said(data, obj.currency))

    def get_urls(self) -> Any:
        """Add the address of the file."""
        view = self.admin_site.admin_view(self.pdf_view)
        again = self.admin_site.admin_view(self.duplicate_view)
        return [
            path("<path:object_id>/pdf/", view, name="billing_quote_pdf"),
            path("<path:object_id>/duplicate/", again, name="billing_quote_duplicate"),
            *super().get_urls(),
        ]

    def duplicate_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Print the document anew as the duplicate it is, by POST only: each one is counted."""
        quote = self.visible_object(request, object_id)
        if request.method != "POST" or not self.has_view_permission(request, quote):
            raise PermissionDenied
        document = document_of_quote(quote)
        copy = make_duplicate(actor=self.actor(request), document=document, at=timezone.now())
        headers = {"Content-Disposition": attachment(copy.file_name)}
        return HttpResponse(copy.data, content_type=copy.content_type, headers=headers)

    def pdf_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hand the file out; the copy is counted and audited."""
        quote = self.visible_object(request, object_id)
        if not self.has_view_permission(request, quote):
            raise PermissionDenied
        document = document_of_quote(quote)
        if not document.is_rendered:
            self.message_user(request, _("The file is still being made. Try again in a moment."))
            return HttpResponseRedirect(self.page("change", quote.pk))
        copy = hand_out(actor=self.actor(request), document=document)
        headers = {"Content-Disposition": attachment(copy.file_name)}
        return HttpResponse(copy.data, content_type=copy.content_type, headers=headers)

    # --- what people read

    def object_label(self, obj: Quote) -> str:
        """Return the number, or who the draft is for."""
        return obj.number or f"{_('draft')} {obj.patient.display_name}"

    @display(description=_("number"), ordering="number")
    def shown_number(self, obj: Quote) -> str:
        """Return the number, or that it is a draft."""
        return obj.number or str(_("draft"))

    @display(description=_("patient"), ordering="patient__sort_name")
    def patient_name(self, obj: Quote) -> str:
        """Return the patient's name."""
        return obj.patient.display_name

    @display(description=_("status"), ordering="status", label=COLORS)
    def shown_status(self, obj: Quote) -> tuple[str, str]:
        """Return the status as a coloured label."""
        return obj.status, obj.get_status_display()

    @display(description=_("total"), ordering="total_amount")
    def total(self, obj: Quote) -> str:
        """Return the total as people read it."""
        return shown(obj.total_amount, obj.currency)

    @display(description=_("refunded by the mandatory scheme"))
    def refund(self, obj: Quote) -> str:
        """Return the refund as people read it."""
        return shown(obj.refund_amount, obj.currency)

    @display(description=_("not refunded by the mandatory scheme"))
    def left(self, obj: Quote) -> str:
        """Return the remainder as people read it."""
        return shown(obj.remainder_amount, obj.currency)

    @display(description=_("file"))
    def file(self, obj: Quote) -> str:
        """Return a link to the file."""
        return file_links(self.page("pdf", obj.pk), self.page("duplicate", obj.pk), f"{obj.number}.pdf")


def said(data: dict[str, Any], currency: str) -> dict[str, Any]:
    """Return what a form asks for, as the services take it."""
    if "lines" in data:
        data["lines"] = [
            QuoteLine(
                act=row["act"],
                tooth=row.get("tooth") or "",
                surfaces=row.get("surfaces") or "",
                material=row.get("material") or "",
                price=read(row.get("fee") or "", currency),
                device_price=read(row.get("device") or "", currency),
            )
            for row in data["lines"]
        ]
    return data
