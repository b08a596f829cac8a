"""Payments in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.billing.admin.amounts import MoneyText, read, shown
from apps.billing.models import Invoice, Payment, PaymentAllocation
from apps.billing.models.invoices import Payer
from apps.billing.services import hand_out, record_payment, refund_payment
from apps.billing.services.account import put_on_account, use_account_for_oldest
from apps.billing.services.documents import receipt_of
from apps.core.admin import ServiceModelAdmin, ServiceTabularInline, service_action
from apps.core.admin.forms import RefusableForm
from apps.core.errors import InvalidInput
from apps.core.storage import attachment
from apps.patients.models import Language, Patient


class PaymentForm(RefusableForm):
    """Money received for one invoice, or put on a patient's account."""

    invoice_number = forms.CharField(
        label=_("invoice number"),
        max_length=24,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"size": 20}),
        help_text=_("Empty: the money goes on the account of the patient named here."),
    )
    on_account = forms.BooleanField(
        label=_("put on the patient's account what is more than due"), required=False
    )
    sum = MoneyText(label=_("amount"))
    received_on = forms.DateField(label=_("received on"), required=False)

    class Meta:
        model = Payment
        fields = ("patient", "payer", "insurer", "method", "received_on", "reference")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in {"patient", "payer"} & set(self.fields):
            self.fields[name].required = False

    def _post_clean(self) -> None:
        """Leave the rules to the service."""


class AllocationInline(ServiceTabularInline):
    """What the payment settles."""

    model = PaymentAllocation
    fields = ("number", "settled", "allocated_at")
    readonly_fields = fields
    ordering = ("pk",)
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentAllocation]:
        """Load the invoices."""
        rows: QuerySet[PaymentAllocation] = super().get_queryset(request).select_related("share__invoice")
        return rows

    @display(description=_("invoice"))
    def number(self, obj: PaymentAllocation) -> str:
        """Return the invoice's number."""
        return str(obj.share.invoice.number)

    @display(description=_("amount"))
    def settled(self, obj: PaymentAllocation) -> str:
        """Return the amount as people read it."""
        return shown(obj.amount, obj.share.invoice.currency)


@admin.register(Payment)
class PaymentAdmin(ServiceModelAdmin):
    """Money received: recorded once, never changed."""

    form = PaymentForm
    list_display = (
        "received_on",
        "patient_name",
        "payer",
        "insurer",
        "method",
        "shown_amount",
        "on_account",
        "reference",
    )
    list_filter = ("method", "payer", ("received_on", RangeDateFilter))
    list_select_related = ("patient", "insurer")
    search_fields = (
        "patient__last_name",
        "patient__first_name",
        "reference",
        "allocations__share__invoice__number",
    )
    search_help_text = _("Patient, reference or invoice number")
    ordering = ("-received_on", "-pk")
    inlines = (AllocationInline,)
    autocomplete_fields = ("patient",)
    actions = ("use_chosen", "refund_chosen")

    @service_action(
        _("Settle open invoices with what is on account"),
        "billing.add_payment",
        when=lambda row: row.unallocated > 0,
        icon="account_balance_wallet",
    )
    def use_chosen(self, request: HttpRequest, obj: Payment) -> str:
        """Use what is left of the payment for the patient's open invoices, the oldest first."""
        use = use_account_for_oldest(actor=self.actor(request), payment=obj, at=timezone.now())
        return str(_("%(amount)s used.") % {"amount": shown(use.amount, obj.currency)})

    @service_action(
        _("Refund the whole rest"),
        "billing.refund_payment",
        reason=True,
        when=lambda row: row.refunds_id is None,
        icon="currency_exchange",
        danger=True,
    )
    def refund_chosen(self, request: HttpRequest, obj: Payment, reason: str) -> None:
        """Give back what is left of the payment."""
        refund_payment(actor=self.actor(request), payment=obj, reason=reason, at=timezone.now())

    def get_queryset(self, request: HttpRequest) -> QuerySet[Payment]:
        """Load what is left of each payment."""
        rows: Any = super().get_queryset(request)
        return rows.with_unallocated()  # type: ignore[no-any-return]  # payments

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse changes: a payment is corrected by a refund."""
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the invoice's number; show the payment as recorded."""
        if obj is None:
            asked = (
                ("invoice_number", "patient"),
                ("payer", "insurer"),
                ("method", "sum", "on_account"),
                ("received_on", "reference"),
            )
            return ((None, {"fields": asked}),)
        facts = (
            "patient",
            ("payer", "insurer"),
            ("method", "shown_amount", "on_account"),
            ("received_on", "reference"),
            ("recorded_at", "receipt"),
        )
        return ((None, {"fields": facts}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the amount as people read it."""
        return () if obj is None else ("shown_amount", "on_account", "receipt")

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show what an existing payment settles."""
        return () if obj is None else self.inlines

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Record the payment of a visible invoice, or put money on a patient's account."""
        number = data.pop("invoice_number").strip().upper()
        patient, text = data.pop("patient", None), data.pop("sum")
        if not number:
            return self.put_on_account(request, patient, text, data)
        invoice = Invoice.objects.visible_to(self.actor(request)).filter(number=number).first()
        if invoice is None:
            raise InvalidInput(invoice_number=[str(_("There is no invoice with this number."))])
        if not data.get("payer"):
            raise InvalidInput(payer=[str(_("Say who pays."))])
        amount = read(text, invoice.currency) or 0
        return record_payment(
            actor=self.actor(request), invoice=invoice, amount=amount, at=timezone.now(), **data
        )

    def put_on_account(
        self, request: HttpRequest, patient: Patient | None, text: str, data: dict[str, Any]
    ) -> Payment:
        """Record money without an invoice; the mark says that this is meant."""
        if patient is None:
            raise InvalidInput(invoice_number=[str(_("Name the invoice, or the patient."))])
        if not data["on_account"] or data.get("payer") == Payer.INSURER:
            sentence = _("A payment without an invoice goes on the patient's account.")
            raise InvalidInput(on_account=[str(sentence)])
        return put_on_account(
            actor=self.actor(request),
            patient=patient,
            method=data["method"],
            amount=read(text, patient.practice.currency) or 0,
            received_on=data["received_on"],
            reference=data["reference"],
            at=timezone.now(),
        )

    # --- files

    def get_urls(self) -> Any:
        """Add the address of the receipt."""
        own = path(
            "<path:object_id>/pdf/", self.admin_site.admin_view(self.pdf_view), name="billing_payment_pdf"
        )
        return [own, *super().get_urls()]

    def pdf_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hand the receipt out; it is made when it is first asked for, and the copy is counted and audited."""
        payment = self.visible_object(request, object_id)
        if not self.has_view_permission(request, payment):
            raise PermissionDenied
        asked = request.GET.get("language", "")
        language = asked if asked in Language.values else ""
        actor = self.actor(request)
        document = receipt_of(actor=actor, payment=payment, language=language, at=timezone.now())
        if not document.is_rendered:
            self.message_user(request, _("The file is being made. Try again in a moment."))
            return HttpResponseRedirect(self.page("change", payment.pk))
        copy = hand_out(actor=actor, document=document)
        headers = {"Content-Disposition": attachment(copy.file_name)}
        return HttpResponse(copy.data, content_type=copy.content_type, headers=headers)

    @display(description=_("receipt"))
    def receipt(self, obj: Payment) -> str:
        """Return links to the receipt in each language."""
        url = self.page("pdf", obj.pk)
        links = ((f"{url}?language={code}", label) for code, label in Language.choices)
        return format_html_join(" · ", '<a href="{}">{}</a>', links)

    def object_label(self, obj: Payment) -> str:
        """Return amount and day."""
        return f"{self.shown_amount(obj)}, {obj.received_on:%d/%m/%Y}"

    @display(description=_("patient"), ordering="patient__sort_name")
    def patient_name(self, obj: Payment) -> str:
        """Return the patient's name."""
        return obj.patient.display_name

    @display(description=_("on account"))
    def on_account(self, obj: Any) -> str:
        """Return what is left of the payment."""
        return shown(obj.unallocated or None, obj.currency)

    @display(description=_("amount"), ordering="amount")
    def shown_amount(self, obj: Payment) -> str:
        """Return the amount as people read it."""
        return shown(obj.amount, obj.currency)
