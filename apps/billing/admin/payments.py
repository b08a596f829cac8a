"""Payments in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.billing.admin.amounts import MoneyText, read, shown
from apps.billing.models import Invoice, Payment, PaymentAllocation
from apps.billing.services import record_payment, refund_payment
from apps.core.admin import ServiceModelAdmin, ServiceTabularInline, service_action
from apps.core.admin.forms import RefusableForm
from apps.core.errors import InvalidInput


class PaymentForm(RefusableForm):
    """Money received for one invoice."""

    invoice_number = forms.CharField(
        label=_("invoice number"), max_length=24, widget=UnfoldAdminTextInputWidget(attrs={"size": 20})
    )
    sum = MoneyText(label=_("amount"))
    received_on = forms.DateField(label=_("received on"), required=False)

    class Meta:
        model = Payment
        fields = ("payer", "insurer", "method", "received_on", "reference")

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
    list_display = ("received_on", "patient_name", "payer", "insurer", "method", "shown_amount", "reference")
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
    actions = ("refund_chosen",)

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

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse changes: a payment is corrected by a refund."""
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the invoice's number; show the payment as recorded."""
        if obj is None:
            asked = ("invoice_number", ("payer", "insurer"), ("method", "sum"), ("received_on", "reference"))
            return ((None, {"fields": asked}),)
        facts = (
            "patient",
            ("payer", "insurer"),
            ("method", "shown_amount"),
            ("received_on", "reference"),
            "recorded_at",
        )
        return ((None, {"fields": facts}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the amount as people read it."""
        return () if obj is None else ("shown_amount",)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show what an existing payment settles."""
        return () if obj is None else self.inlines

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Record the payment of a visible invoice."""
        number = data.pop("invoice_number").strip().upper()
        invoice = Invoice.objects.visible_to(self.actor(request)).filter(number=number).first()
        if invoice is None:
            raise InvalidInput(invoice_number=[str(_("There is no invoice with this number."))])
        amount = read(data.pop("sum"), invoice.currency) or 0
        return record_payment(
            actor=self.actor(request), invoice=invoice, amount=amount, at=timezone.now(), **data
        )

    def object_label(self, obj: Payment) -> str:
        """Return amount and day."""
        return f"{self.shown_amount(obj)}, {obj.received_on:%d/%m/%Y}"

    @display(description=_("patient"), ordering="patient__sort_name")
    def patient_name(self, obj: Payment) -> str:
        """Return the patient's name."""
        return obj.patient.display_name

    @display(description=_("amount"), ordering="amount")
    def shown_amount(self, obj: Payment) -> str:
        """Return the amount as people read it."""
        return shown(obj.amount, obj.currency)
