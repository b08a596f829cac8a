"""Treatments in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from apps.catalog.models import Act
from apps.clinical.models import Treatment
from apps.clinical.services import cancel_treatment, complete_treatment, record_treatment
from apps.core.admin import ServiceModelAdmin, service_action
from apps.core.admin.forms import RefusableForm
from apps.core.money import format_money, parse_money
from apps.directory.models import Practitioner

COLORS = {
    Treatment.Status.PLANNED: "info",
    Treatment.Status.DONE: "success",
    Treatment.Status.CANCELLED: "danger",
}


class TreatmentForm(RefusableForm):
    """A new treatment; people write prices as they read them."""

    amount = forms.CharField(
        label=_("price"), required=False, max_length=20, help_text=_("Empty: the practice's fee.")
    )

    class Meta:
        model = Treatment
        fields = ("patient", "act", "practitioner", "appointment", "tooth", "surfaces")


@admin.register(Treatment)
class TreatmentAdmin(ServiceModelAdmin):
    """What is planned and done; a treatment changes by its verbs only."""

    form = TreatmentForm
    list_display = (
        "patient_name",
        "act_label",
        "tooth",
        "surfaces",
        "shown_status",
        "shown_price",
        "performed_at",
    )
    list_filter = ("status", ("performed_at", RangeDateTimeFilter))
    list_select_related = ("patient", "act", "practitioner")
    search_fields = ("patient__last_name", "patient__first_name", "act__code")
    search_help_text = _("Name of the patient or code of the act")
    autocomplete_fields = ("patient", "act", "appointment")
    ordering = ("-performed_at", "-pk")
    actions = ("complete_chosen", "cancel_chosen")
    fieldsets = (
        (
            None,
            {"fields": ("patient", "act", ("tooth", "surfaces"), ("practitioner", "appointment"), "amount")},
        ),
    )

    @service_action(
        _("Carried out"),
        "clinical.complete_treatment",
        confirm=False,
        when=lambda row: row.status == "planned",
        icon="check_circle",
    )
    def complete_chosen(self, request: HttpRequest, obj: Treatment) -> None:
        """Mark as carried out."""
        complete_treatment(actor=self.actor(request), treatment=obj, at=timezone.now())

    @service_action(
        _("Cancel"),
        "clinical.cancel_treatment",
        reason=True,
        when=lambda row: row.status != "cancelled",
        icon="cancel",
        danger=True,
    )
    def cancel_chosen(self, request: HttpRequest, obj: Treatment, reason: str) -> None:
        """Cancel with a reason."""
        cancel_treatment(actor=self.actor(request), treatment=obj, reason=reason, at=timezone.now())

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave changes to the verbs."""
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the course of an existing treatment."""
        if obj is None:
            return super().get_fieldsets(request, obj)
        where = ("patient", "act", ("tooth", "surfaces"), ("practitioner", "appointment"))
        course = ("status", "shown_price", ("planned_at", "performed_at"), ("cancelled_at", "cancel_reason"))
        return ((None, {"fields": where}), (_("Course"), {"fields": course}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the price as people read it."""
        return () if obj is None else ("shown_price",)

    def choices_for(self, db_field: Any, request: HttpRequest) -> Any:
        """Offer those who treat, and acts in use."""
        rows = super().choices_for(db_field, request)
        if db_field.name == "practitioner":
            return rows.filter(is_active=True).exclude(kind=Practitioner.Kind.ASSISTANT)
        return rows.filter(is_active=True) if db_field.remote_field.model is Act else rows

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Record."""
        amount = data.pop("amount", "")
        price = parse_money(amount, data["patient"].practice.currency) if amount else None
        return record_treatment(actor=self.actor(request), price=price, at=timezone.now(), **data)

    def object_label(self, obj: Treatment) -> str:
        """Return the patient and the act."""
        return f"{obj.patient.display_name}, {obj.act.code} {obj.tooth}".strip()

    @display(description=_("patient"), ordering="patient__sort_name")
    def patient_name(self, obj: Treatment) -> str:
        """Return the patient's name."""
        return obj.patient.display_name

    @display(description=_("act"), ordering="act__code")
    def act_label(self, obj: Treatment) -> str:
        """Return code and label."""
        return f"{obj.act.code} {obj.act.label}"

    @display(description=_("price"), ordering="price")
    def shown_price(self, obj: Treatment) -> str:
        """Return the price as people read it."""
        return format_money(obj.price, obj.currency, get_language() or "fr")

    @display(description=_("status"), ordering="status", label=COLORS)
    def shown_status(self, obj: Treatment) -> tuple[str, str]:
        """Return the status as a coloured label."""
        return obj.status, obj.get_status_display()
