"""Contacts, consents and alerts of all patients."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from apps.core.admin import ServiceModelAdmin, service_action
from apps.core.text import fold
from apps.patients.models import Alert, ConsentForm, EmergencyAccess, PatientContact
from apps.patients.services import update_alert


class OfPatientAdmin(ServiceModelAdmin):
    """Rows about a patient, with a link to the file."""

    list_select_related = ("patient",)
    search_fields = ("patient__search_text", "patient__phone")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Search among the patients' names as they are compared."""
        for word in fold(search_term).split():
            queryset = queryset.filter(patient__search_text__contains=f" {word}")
        return queryset, False

    def object_label(self, obj: Any) -> str:
        """Whose it is."""
        return str(obj.patient.display_name)

    @admin.display(description=_("patient"), ordering="patient__sort_name")
    def shown_patient(self, obj: Any) -> str:
        """Link to the file."""
        address = reverse("admin:patients_patient_change", args=[obj.patient_id])
        return format_html('<a href="{}">{}</a>', address, obj.patient.display_name)


@admin.register(PatientContact)
class PatientContactAdmin(OfPatientAdmin):
    """People around patients."""

    list_display = ("name", "relation", "phone", "shown_patient", "ended_at")
    list_filter = ("relation", "is_legal_representative")
    ordering = ("name", "pk")


@admin.register(ConsentForm)
class ConsentFormAdmin(OfPatientAdmin):
    """Every decision; recorded on the patient's page, changed by nobody."""

    list_display = ("kind", "decision", "shown_patient", "channel", "text_version", "decided_at")
    list_filter = ("kind", "decision", "channel")
    ordering = ("-decided_at", "-pk")


@admin.register(EmergencyAccess)
class EmergencyAccessAdmin(OfPatientAdmin):
    """Restricted files opened in an emergency, for the practice's administrator to read."""

    list_display = ("opened_at", "expires_at", "shown_patient", "shown_user", "shown_reason")
    fields = ("shown_patient", "shown_user", "opened_at", "expires_at", "shown_reason")
    readonly_fields = fields
    ordering = ("-opened_at", "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load whose file it is and who opened it."""
        rows: QuerySet[Any] = super().get_queryset(request).select_related("patient", "user")
        return rows

    @admin.display(description=_("who"))
    def shown_user(self, obj: EmergencyAccess) -> str:
        """Return who opened the file."""
        return str(obj.user.display_name)

    @admin.display(description=_("reason"))
    def shown_reason(self, obj: EmergencyAccess) -> str:
        """Return why."""
        return str(obj.reason)


@admin.register(Alert)
class AlertAdmin(OfPatientAdmin):
    """Warnings."""

    update_service = update_alert
    service_object = "alert"
    list_display = ("shown_label", "kind", "severity", "substance_class", "shown_patient", "ended_at")
    list_filter = ("kind", "severity", "substance_class")
    fields = (
        "shown_patient",
        ("kind", "severity"),
        "label",
        ("substance", "substance_class"),
        "note",
        "noted_on",
        "ended_at",
    )
    readonly_fields = ("shown_patient", "ended_at")
    ordering = ("-severity", "pk")
    actions = ("end",)

    @service_action(
        _("End"), "patients.change_alert", when=lambda alert: alert.ended_at is None, icon="check"
    )
    def end(self, request: HttpRequest, obj: Alert) -> None:
        """Take a warning out of sight."""
        update_alert(actor=self.actor(request), alert=obj, at=timezone.now(), ended=True)

    @admin.display(description=_("what to know"))
    def shown_label(self, alert: Alert) -> str:
        """What to know."""
        return str(alert.label)
