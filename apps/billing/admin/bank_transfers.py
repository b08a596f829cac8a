"""Insurers' transfers in the admin."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import get_language
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from apps.billing.admin.amounts import MoneyText, read, shown
from apps.billing.bank_transfers import lines_of, owing_insurers, transfers_for
from apps.billing.models import InsurerTransfer, Invoice
from apps.billing.services.bank_transfers import record_transfer
from apps.core.admin import ServiceModelAdmin
from apps.core.admin.forms import RefusableForm
from apps.core.errors import InvalidInput
from apps.core.money import format_number

CELL = '<tr><td class="px-3 py-1"><a href="{}">{}</a></td><td class="px-3 py-1">{}</td>{}</tr>'
AMOUNT = '<td class="px-3 py-1 text-right whitespace-nowrap">{}</td>'


class TransferForm(RefusableForm):
    """What the bank's statement and the insurer's note of payment say."""

    sum = MoneyText(label=_("amount"))
    received_on = forms.DateField(label=_("received on"), required=False)
    paid = forms.CharField(
        label=_("invoices paid"),
        widget=forms.Textarea(attrs={"rows": 8}),
        help_text=_(
            "One invoice a line: its number, then the amount; without one, all the insurer owes of it."
        ),
    )

    class Meta:
        model = InsurerTransfer
        fields = ("insurer", "reference", "received_on")

    def _post_clean(self) -> None:
        """Leave the rules to the service."""


@admin.register(InsurerTransfer)
class InsurerTransferAdmin(ServiceModelAdmin):
    """One received amount that pays shares of many invoices: recorded once, never changed."""

    form = TransferForm
    change_form_before_template = "admin/insurertransfer_owing.html"
    list_display = ("received_on", "insurer_name", "reference", "total", "count")
    list_filter = (("received_on", RangeDateFilter),)
    search_fields = ("reference", "insurer__name")
    search_help_text = _("Bank reference, or name of the insurer")
    ordering = ("-received_on", "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[InsurerTransfer]:
        """Load the lines on a transfer's own page only."""
        match = getattr(request, "resolver_match", None)
        return transfers_for(viewer=self.actor(request), with_lines=bool(match and match.kwargs))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the transfer and its invoices; show it as recorded."""
        if obj is None:
            return ((None, {"fields": ("insurer", ("reference", "sum", "received_on"), "paid")}),)
        facts = (("insurer_name", "reference"), ("total", "received_on", "recorded_at"), "report")
        return ((None, {"fields": facts}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Compute what is shown."""
        return () if obj is None else ("insurer_name", "total", "report")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Propose all that the chosen insurer owes: what the transfer leaves out is taken away."""
        asked: dict[str, Any] = super().get_changeform_initial_data(request)
        owing = owing_insurers(viewer=self.actor(request))
        chosen = next((row for row in owing if str(row.insurer.pk) == asked.get("insurer")), None)
        if chosen is None:
            return asked
        language = get_language() or "fr"
        lines = (
            f"{number} {format_number(due, chosen.currency, language)}" for number, due in chosen.owed.items()
        )
        # The amount stays to be typed from the bank's statement: it checks the lines.
        return {**asked, "paid": "\n".join(lines)}

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        """Show which insurers owe what: choosing one fills the lines in."""
        owing = [
            {
                "name": row.insurer.name,
                "key": row.insurer.pk,
                "count": len(row.owed),
                "sum": shown(row.total, row.currency),
            }
            for row in owing_insurers(viewer=self.actor(request))
        ]
        return super().add_view(request, form_url, {**(extra_context or {}), "owing": owing})

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Record a transfer for visible invoices."""
        practice = self.actor(request).practice
        return record_transfer(
            actor=self.actor(request),
            practice=practice,
            insurer=data["insurer"],
            reference=data["reference"],
            received_on=data["received_on"],
            amount=read(data["sum"], practice.currency) or 0,
            amounts=self.amounts_in(request, data["paid"], practice.currency),
            at=timezone.now(),
        )

    def amounts_in(self, request: HttpRequest, text: str, currency: str) -> dict[UUID, int | None]:
        """Read the lines; refuse numbers that nobody knows and numbers named twice."""
        lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
        numbers = [parts[0].strip(";:,").upper() for parts in lines]
        seen = Invoice.objects.visible_to(self.actor(request)).filter(number__in=numbers)
        keys = {str(row.number): row.pk for row in seen}
        unknown = sorted(set(numbers) - set(keys))
        if unknown:
            sentence = _now("There is no invoice with this number.")
            raise InvalidInput(paid=[f"{number}: {sentence}" for number in unknown])
        if len(set(numbers)) != len(numbers):
            raise InvalidInput(paid=[_now("Name each invoice once.")])
        return {
            keys[number]: read(parts[1] if len(parts) > 1 else "", currency)
            for number, parts in zip(numbers, lines, strict=True)
        }

    # --- what people read

    def object_label(self, obj: InsurerTransfer) -> str:
        """Return insurer and reference."""
        return f"{obj.insurer.name}, {obj.reference}"

    @display(description=_("insurer"), ordering="insurer__name")
    def insurer_name(self, obj: InsurerTransfer) -> str:
        """Return the insurer's name."""
        return obj.insurer.name

    @display(description=_("amount"), ordering="amount")
    def total(self, obj: InsurerTransfer) -> str:
        """Return the amount as people read it."""
        return shown(obj.amount, obj.currency)

    @display(description=_("invoices"))
    def count(self, obj: Any) -> int:
        """Return how many invoices it paid."""
        return int(obj.invoices)

    @display(description=_("invoices paid"))
    def report(self, obj: InsurerTransfer) -> str:
        """Return the lines: invoice, patient, paid, still owed by the insurer."""
        rows = (
            (
                reverse(f"{self.admin_site.name}:billing_invoice_change", args=[line.invoice.pk]),
                line.invoice.number,
                line.payment.patient.display_name,
                format_html_join(
                    "",
                    AMOUNT,
                    (
                        (shown(line.payment.amount, obj.currency),),
                        (_now("still due: %(amount)s") % {"amount": shown(line.balance, obj.currency)},),
                    ),
                ),
            )
            for line in lines_of(obj)
        )
        return format_html(
            '<div class="overflow-x-auto"><table class="w-full text-sm">{}</table></div>',
            format_html_join("", CELL, rows),
        )
