"""Instalment plans in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.billing.admin.amounts import shown
from apps.billing.instalments import evenly
from apps.billing.models import Instalment, InstalmentPlan, Invoice
from apps.billing.plans import InstalmentView, PlanView, plan_on
from apps.billing.selectors import owed_by_patient
from apps.billing.services.plans import MOST_INSTALMENTS, agree_plan, cancel_plan
from apps.core.admin import ServiceModelAdmin, ServiceTabularInline, service_action
from apps.core.admin.forms import RefusableForm
from apps.core.errors import InvalidInput

P = InstalmentPlan.Status
COLORS = {P.CURRENT: "info", P.LATE: "danger", P.PAID: "success", P.CANCELLED: "warning"}


class PlanForm(RefusableForm):
    """Even instalments over what the patient still owes."""

    invoice_number = forms.CharField(label=_("invoice number"), max_length=24)
    count = forms.IntegerField(
        label=_("number of instalments"), min_value=1, max_value=MOST_INSTALMENTS, initial=3
    )
    first_due_on = forms.DateField(label=_("first one on"))
    months = forms.IntegerField(label=_("months between them"), min_value=1, max_value=12, initial=1)

    class Meta:
        model = InstalmentPlan
        fields: tuple[str, ...] = ()

    def _post_clean(self) -> None:
        """Leave the rules to the service."""


class InstalmentInline(ServiceTabularInline):
    """The instalments and what is settled of each."""

    model = Instalment
    fields = ("due_on", "part", "settled", "state")
    readonly_fields = fields
    ordering = ("position",)
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Instalment]:
        """Load the plan they belong to."""
        rows: QuerySet[Instalment] = super().get_queryset(request).select_related("plan__invoice__practice")
        return rows

    def view_of(self, obj: Instalment) -> InstalmentView:
        """Return the instalment as the plan's page stands today; worked out once per page."""
        plan = obj.plan
        held: dict[Any, PlanView] = self.__dict__.setdefault("held", {})
        if plan.pk not in held:
            held[plan.pk] = standing(InstalmentPlan.objects.with_details().get(pk=plan.pk))
        return next(view for view in held[plan.pk].instalments if view.instalment.pk == obj.pk)

    @display(description=_("amount"))
    def part(self, obj: Instalment) -> str:
        """Return the amount as people read it."""
        return shown(obj.amount, obj.plan.invoice.currency)

    @display(description=_("settled"))
    def settled(self, obj: Instalment) -> str:
        """Return what is settled as people read it."""
        return shown(self.view_of(obj).settled, obj.plan.invoice.currency)

    @display(description=_("state"))
    def state(self, obj: Instalment) -> str:
        """Return how it stands."""
        return str(Instalment.State(self.view_of(obj).state).label)


@admin.register(InstalmentPlan)
class InstalmentPlanAdmin(ServiceModelAdmin):
    """Payment by instalments: agreed, followed, cancelled."""

    form = PlanForm
    list_display = ("number", "patient_name", "shown_status", "total", "settled", "overdue", "next_due")
    search_fields = ("invoice__number", "invoice__patient__last_name", "invoice__patient__first_name")
    search_help_text = _("Number, or name of the patient")
    ordering = ("-pk",)
    inlines = (InstalmentInline,)
    actions = ("cancel_chosen",)

    @service_action(
        _("Cancel the plan"),
        "billing.change_instalmentplan",
        reason=True,
        when=lambda row: row.cancelled_at is None,
        icon="event_busy",
        danger=True,
    )
    def cancel_chosen(self, request: HttpRequest, obj: InstalmentPlan, reason: str) -> None:
        """End the plan; what is left is due at once."""
        cancel_plan(actor=self.actor(request), plan=obj, reason=reason, at=timezone.now())

    def get_queryset(self, request: HttpRequest) -> QuerySet[InstalmentPlan]:
        """Load what a plan is shown with."""
        rows: Any = super().get_queryset(request)
        return rows.with_details()  # type: ignore[no-any-return]  # plans

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse changes: a plan is cancelled and agreed anew."""
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the invoice and the schedule; show the plan as agreed."""
        if obj is None:
            asked = ("invoice_number", ("count", "first_due_on", "months"))
            return ((None, {"fields": asked}),)
        facts = (
            ("number", "patient_name", "shown_status"),
            ("total", "settled", "overdue", "next_due"),
            ("agreed_at", "cancelled_at", "reason"),
        )
        return ((None, {"fields": facts}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Compute what is shown."""
        if obj is None:
            return ()
        return ("number", "patient_name", "shown_status", "total", "settled", "overdue", "next_due")

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show an existing plan's instalments."""
        return () if obj is None else self.inlines

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Agree on even instalments for a visible invoice."""
        number = data["invoice_number"].strip().upper()
        invoice = Invoice.objects.visible_to(self.actor(request)).filter(number=number).first()
        if invoice is None:
            raise InvalidInput(invoice_number=[str(_("There is no invoice with this number."))])
        due = owed_by_patient(invoice)
        spread = evenly(due, data["count"], data["first_due_on"], data["months"])
        return agree_plan(actor=self.actor(request), invoice=invoice, instalments=spread, at=timezone.now())

    # --- what people read

    def object_label(self, obj: InstalmentPlan) -> str:
        """Return the invoice's number and the amount."""
        return f"{obj.invoice.number or _('draft')}, {shown(obj.amount, obj.invoice.currency)}"

    @display(description=_("invoice"), ordering="invoice__number")
    def number(self, obj: InstalmentPlan) -> str:
        """Return a link to the invoice."""
        url = reverse(f"{self.admin_site.name}:billing_invoice_change", args=[obj.invoice_id])
        return format_html('<a href="{}">{}</a>', url, obj.invoice.number or _("draft"))

    @display(description=_("patient"), ordering="invoice__patient__sort_name")
    def patient_name(self, obj: InstalmentPlan) -> str:
        """Return the patient's name."""
        return obj.invoice.patient.display_name

    @display(description=_("status"), label=COLORS)
    def shown_status(self, obj: InstalmentPlan) -> tuple[str, str]:
        """Return how the plan stands as a coloured label."""
        status = P(standing(obj).status)
        return status, str(status.label)

    @display(description=_("amount"), ordering="amount")
    def total(self, obj: InstalmentPlan) -> str:
        """Return the amount as people read it."""
        return shown(obj.amount, obj.invoice.currency)

    @display(description=_("settled"))
    def settled(self, obj: InstalmentPlan) -> str:
        """Return what is settled as people read it."""
        return shown(standing(obj).settled, obj.invoice.currency)

    @display(description=_("overdue"))
    def overdue(self, obj: InstalmentPlan) -> str:
        """Return what is late as people read it."""
        return shown(standing(obj).overdue or None, obj.invoice.currency)

    @display(description=_("next instalment"))
    def next_due(self, obj: InstalmentPlan) -> str:
        """Return the next day something is due."""
        view = standing(obj)
        if view.status == P.CANCELLED or view.next_due_on is None:
            return "–"
        return str(formats.date_format(view.next_due_on, "SHORT_DATE_FORMAT"))


def standing(plan: InstalmentPlan) -> PlanView:
    """Return a plan as it stands today."""
    return plan_on(plan, timezone.now().astimezone(plan.invoice.practice.zone).date())
