"""Lines and shares on an invoice's page: edited in a draft, shown afterwards."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from apps.billing.admin.amounts import MoneyText, shown, shown_rate
from apps.billing.models import InvoiceItem, InvoiceShare
from apps.billing.services.vat import BY_INDICATION, EXEMPT, FRANCHISE, STANDARD
from apps.core.admin import ServiceStackedInline, ServiceTabularInline

VAT_CHOICES = [("", _("as the act says")), *((c, c) for c in (EXEMPT, STANDARD, FRANCHISE, BY_INDICATION))]


class ItemForm(forms.ModelForm[InvoiceItem]):
    """A line of a draft."""

    price = MoneyText(label=_("unit price"), required=False, help_text=_("Empty: the practice's fee."))
    rebate = MoneyText(label=_("discount"), required=False)
    vat = forms.ChoiceField(label=_("VAT"), choices=VAT_CHOICES, required=False)
    label = forms.CharField(label=_("label"), max_length=200, required=False)

    class Meta:
        model = InvoiceItem
        fields = ("treatment", "act", "label", "tooth", "quantity", "vat_reason")
        widgets = {"vat_reason": UnfoldAdminTextareaWidget(attrs={"rows": 2})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        item = self.instance
        if not item._state.adding:
            currency = item.invoice.currency
            self.initial["price"] = shown(item.unit_price, currency)
            self.initial["rebate"] = shown(item.discount, currency) if item.discount else ""
            self.initial["vat"] = item.vat_code

    def _post_clean(self) -> None:
        """Leave the rules to the service: a draft's line is complete only there."""


class DraftItemInline(ServiceStackedInline):
    """Lines of a draft; the service replaces them all."""

    model = InvoiceItem
    form = ItemForm
    service_argument = "lines"
    fields = (
        ("treatment", "act"),
        ("label", "tooth", "quantity"),
        ("price", "rebate", "vat"),
        "vat_reason",
    )
    autocomplete_fields = ("act", "treatment")
    extra = 1
    ordering = ("position",)
    show_change_link = False


class ShareForm(forms.ModelForm[InvoiceShare]):
    """An insurer's share of a draft: what it covers, or a fixed amount."""

    network = forms.BooleanField(label=_("asks the payer network"), required=False)
    rate = forms.CharField(
        label=_("% of the base"),
        max_length=10,
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal", "size": 6}),
    )
    lump = MoneyText(label=_("or a lump sum"), required=False)
    part = MoneyText(label=_("or exactly"), required=False)

    class Meta:
        model = InvoiceShare
        fields = ("insurer", "kind")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["insurer"].required = True
        share = self.instance
        if not share._state.adding:
            currency = share.invoice.currency
            self.initial["network"] = share.basis == InvoiceShare.Basis.NETWORK
            self.initial["rate"] = shown_rate(share.rate_bp)
            self.initial["lump"] = shown(share.lump_amount, currency)
            if share.basis == InvoiceShare.Basis.GIVEN:
                self.initial["part"] = shown(share.amount, currency)

    def _post_clean(self) -> None:
        """Leave the rules to the service."""


class DraftShareInline(ServiceTabularInline):
    """What insurers are asked to pay; the patient owes the rest."""

    model = InvoiceShare
    form = ShareForm
    service_argument = "shares"
    verbose_name_plural = _(
        "who covers (a scheme without a rate pays each act's own; an insurer of the network answers for itself; the "
        "patient owes the rest)"
    )
    fields = ("insurer", "network", "kind", "rate", "lump", "part")
    extra = 0
    ordering = ("position",)
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvoiceShare]:
        """Show insurers only."""
        rows: QuerySet[InvoiceShare] = super().get_queryset(request).filter(payer="insurer")
        return rows


class IssuedItemInline(ServiceTabularInline):
    """Lines of an issued document."""

    model = InvoiceItem
    fields = ("performed_on", "code", "label", "tooth", "quantity", "price", "rebate", "vat_code", "amount")
    readonly_fields = fields
    ordering = ("position",)
    show_change_link = False

    @display(description=_("unit price"))
    def price(self, obj: InvoiceItem) -> str:
        """Return the price as people read it."""
        return shown(obj.unit_price, obj.invoice.currency)

    @display(description=_("discount"))
    def rebate(self, obj: InvoiceItem) -> str:
        """Return the discount as people read it."""
        return shown(obj.discount or None, obj.invoice.currency)

    @display(description=_("amount"))
    def amount(self, obj: InvoiceItem) -> str:
        """Return the line's total as people read it."""
        return shown(obj.total_amount, obj.invoice.currency)


class IssuedShareInline(ServiceTabularInline):
    """Shares of an issued invoice, what moved between them, and what is left of them."""

    model = InvoiceShare
    fields = ("payer", "insurer", "kind", "part", "moved", "paid", "credited", "left")
    readonly_fields = fields
    ordering = ("position",)
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvoiceShare]:
        """Load balances."""
        rows: Any = super().get_queryset(request)
        return rows.with_balance().select_related("insurer", "invoice")  # type: ignore[no-any-return]  # shares

    @display(description=_("amount"))
    def part(self, obj: InvoiceShare) -> str:
        """Return the share as people read it."""
        return shown(obj.amount, obj.invoice.currency)

    @display(description=_("moved"))
    def moved(self, obj: Any) -> str:
        """Return what was moved to this share, or away from it."""
        return shown(-obj.moved or None, obj.invoice.currency)

    @display(description=_("paid"))
    def paid(self, obj: Any) -> str:
        """Return what was paid as people read it."""
        return shown(obj.paid or None, obj.invoice.currency)

    @display(description=_("credited"))
    def credited(self, obj: Any) -> str:
        """Return what was credited as people read it."""
        return shown(obj.credited or None, obj.invoice.currency)

    @display(description=_("still due"))
    def left(self, obj: Any) -> str:
        """Return the balance as people read it; a credit note is not owed."""
        return "" if obj.invoice.is_credit_note else shown(obj.balance, obj.invoice.currency)
