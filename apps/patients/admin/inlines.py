"""What stands on a patient's page besides the file itself."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from apps.core.admin import ServiceTabularInline
from apps.patients.admin.forms import ConsentRowForm, ContactRowForm
from apps.patients.models import Alert, ConsentForm, PatientContact


class ContactInline(ServiceTabularInline):
    """People around the patient; one that is taken away is ended, not deleted."""

    model = PatientContact
    form = ContactRowForm
    service_argument = "contacts"
    fields = ("relation", "name", "phone", "email", "is_legal_representative")
    verbose_name_plural = _("Contacts")
    ordering = ("pk",)
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the contacts in force."""
        return super().get_queryset(request).filter(ended_at__isnull=True)

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Read phones as dialled here."""
        practice = getattr(request.user, "practice", None)
        country = practice.country if practice is not None else "FR"
        kwargs["form"] = type("ContactRowForm", (ContactRowForm,), {"country": country})
        return super().get_formset(request, obj, **kwargs)


class ConsentInline(ServiceTabularInline):
    """Decisions: added, never changed."""

    model = ConsentForm
    form = ConsentRowForm
    fk_name = "patient"
    service_argument = "consents"
    fields = ("kind", "decision", "channel", "text_version", "signer_name", "decided_at")
    readonly_fields = ("decided_at",)
    verbose_name_plural = _("Consents")
    ordering = ("-decided_at", "-pk")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes a decision."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes one."""
        return False


class AlertInline(ServiceTabularInline):
    """Warnings in force; one that is taken away is ended."""

    model = Alert
    service_argument = "alerts"
    fields = ("kind", "label", "substance_class", "severity", "noted_on")
    verbose_name_plural = _("Alerts")
    ordering = ("-severity", "pk")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the warnings in force."""
        return super().get_queryset(request).filter(ended_at__isnull=True)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Give a label one line."""
        if db_field.name == "label":
            kwargs["widget"] = UnfoldAdminTextInputWidget()
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def is_editable(self, request: HttpRequest, obj: Any) -> bool:
        """Leave warnings to those who care for the patient, and to an open file."""
        may = request.user.has_perm("patients.add_alert")
        return may and obj is not None and super().is_editable(request, obj)
