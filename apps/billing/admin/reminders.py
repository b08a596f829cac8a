"""Reminders of unpaid invoices in the admin: the log, and the practice's days."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.billing.admin.amounts import shown
from apps.billing.models import DunningPolicy, InvoiceReminder
from apps.billing.models.invoices import Payer
from apps.billing.models.reminders import house_days
from apps.billing.receivables import Receivables, receivables
from apps.billing.services.reminders import set_dunning
from apps.core.admin import ServiceModelAdmin, ServiceTabularInline
from apps.core.admin.dashboard import admin_page
from apps.core.admin.forms import RefusableForm
from apps.core.errors import InvalidInput

COLUMNS = (_("up to 30 days"), _("31 to 60 days"), _("61 to 90 days"), _("more than 90 days"))
PAGES = {Payer.PATIENT: "patients_patient_change", Payer.INSURER: "directory_insurer_change"}
BAR, ROW = 420, 30


class ReminderInline(ServiceTabularInline):
    """What the patient was reminded of, on the invoice's page."""

    model = InvoiceReminder
    fields = ("queued_at", "level", "channel", "asked", "is_manual")
    readonly_fields = fields
    ordering = ("pk",)
    show_change_link = False

    @display(description=_("amount"))
    def asked(self, obj: InvoiceReminder) -> str:
        """Return the amount as people read it."""
        return shown(obj.amount, obj.invoice.currency)


@admin.register(InvoiceReminder)
class InvoiceReminderAdmin(ServiceModelAdmin):
    """The log of reminders, and who owes what."""

    list_before_template = "admin/invoicereminder_owed.html"
    list_display = ("queued_at", "number", "patient_name", "level", "channel", "asked", "is_manual")
    list_filter = ("channel", "level")
    list_select_related = ("invoice__patient",)
    search_fields = ("invoice__number", "invoice__patient__last_name", "invoice__patient__first_name")
    search_help_text = _("Number, or name of the patient")
    ordering = ("-pk",)
    fields = (("number", "patient_name"), ("level", "channel", "asked"), ("queued_at", "is_manual"))
    readonly_fields = ("number", "patient_name", "asked")

    # --- who owes what

    def get_urls(self) -> Any:
        """Add the page of what is owed."""
        view = self.admin_site.admin_view(self.receivables_view)
        return [path("receivables/", view, name="billing_receivables"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the page of what is owed."""
        answer: HttpResponse = super().changelist_view(
            request,
            {**(extra_context or {}), "owed_url": reverse(f"{self.admin_site.name}:billing_receivables")},
        )
        return answer

    def receivables_view(self, request: HttpRequest) -> HttpResponse:
        """Show what patients and insurers owe by age: a bar of each column, and a row per debtor."""
        actor = self.actor(request)
        if actor.practice is None or not actor.has_perm("billing.view_invoice"):
            raise PermissionDenied
        at = timezone.now()
        found = receivables(
            viewer=actor, practice=actor.practice, today=at.astimezone(actor.practice.zone).date()
        )
        title = _("Who owes what")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "subtitle": title,
            "found": found,
            "kinds": [drawn(found, payer) for payer in (Payer.PATIENT, Payer.INSURER)],
            "columns": COLUMNS,
            "back": self.page("changelist"),
        }
        return TemplateResponse(request, "admin/billing_receivables.html", context)

    # --- what people read

    def object_label(self, obj: InvoiceReminder) -> str:
        """Return number and level."""
        return f"{obj.invoice.number}, {obj.level}"

    @display(description=_("invoice"), ordering="invoice__number")
    def number(self, obj: InvoiceReminder) -> str:
        """Return the invoice's number."""
        return str(obj.invoice.number)

    @display(description=_("patient"), ordering="invoice__patient__sort_name")
    def patient_name(self, obj: InvoiceReminder) -> str:
        """Return the patient's name."""
        return obj.patient.display_name

    @display(description=_("amount"), ordering="amount")
    def asked(self, obj: InvoiceReminder) -> str:
        """Return the amount as people read it."""
        return shown(obj.amount, obj.invoice.currency)


def drawn(found: Receivables, payer: Payer) -> dict[str, Any]:
    """Return what one kind of payer owes: its columns with the length of their bars, and its debtors."""
    ages = found.ages(payer)
    most = max(*ages, 1)
    bars = [
        {
            "label": label,
            "amount": shown(amount, found.currency),
            "width": BAR * amount // most,
            "y": ROW * row,
        }
        for row, (label, amount) in enumerate(zip(COLUMNS, ages, strict=True))
    ]
    rows = [
        {
            "debtor": debtor,
            "ages": [shown(amount, found.currency) if amount else "" for amount in debtor.ages],
            "total": shown(debtor.total, found.currency),
            "url": admin_page(PAGES[payer], debtor.key),
        }
        for debtor in found.debtors
        if debtor.payer == payer
    ]
    return {"payer": payer, "total": shown(sum(ages), found.currency), "bars": bars, "rows": rows}


class DunningForm(RefusableForm):
    """Days as people write them: 15, 30, 60."""

    levels = forms.CharField(
        label=_("days"),
        max_length=60,
        help_text=_("Days after the issue, or after an instalment fell due: 15, 30, 60"),
    )

    class Meta:
        model = DunningPolicy
        fields = ("is_active",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        days = house_days() if self.instance._state.adding else self.instance.days
        self.initial.setdefault("levels", ", ".join(str(day) for day in days))

    def _post_clean(self) -> None:
        """Leave the rules to the service."""


@admin.register(DunningPolicy)
class DunningPolicyAdmin(ServiceModelAdmin):
    """The practice's one rule of payment reminders."""

    form = DunningForm
    list_display = ("shown_days", "is_active")
    ordering = ("pk",)
    fields = ("levels", "is_active")
    update_changed_only = False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the days as text to those who may not change them."""
        days = "levels" if self.has_change_permission(request, obj) else "shown_days"
        return ((None, {"fields": (days, "is_active")}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Compute what is only shown."""
        return () if self.has_change_permission(request, obj) else ("shown_days",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let whoever may change the rule choose the first one."""
        actor = self.actor(request)
        practice = getattr(actor, "practice", None)
        if practice is None or not self.may(request, "change"):
            return False
        return not DunningPolicy.objects.filter(practice=practice).exists()

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Choose the first rule."""
        return self.update_object(request, None, data)

    def update_object(self, request: HttpRequest, obj: Any, data: dict[str, Any]) -> Any:
        """Choose other days, or switch reminders off."""
        try:
            days = [int(part) for part in data["levels"].replace(";", ",").split(",")]
        except ValueError:
            raise InvalidInput(levels=[str(_("Write numbers of days, separated by commas."))]) from None
        actor = self.actor(request)
        return set_dunning(actor=actor, practice=actor.practice, days=days, is_active=data["is_active"])

    def object_label(self, obj: DunningPolicy) -> str:
        """Return the days."""
        return ", ".join(str(day) for day in obj.days)

    @display(description=_("days"))
    def shown_days(self, obj: DunningPolicy) -> str:
        """Return the days as text."""
        return ", ".join(str(day) for day in obj.days)
