"""Patients and households."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin import ServiceModelAdmin, service_action
from apps.core.money import format_money
from apps.patients.admin.exchange import ExchangeMixin
from apps.patients.admin.forms import PatientForm
from apps.patients.admin.inlines import AlertInline, ConsentInline, ContactInline
from apps.patients.admin.merge import MergeMixin
from apps.patients.models import Alert, Household, Patient, PatientContact
from apps.patients.search import find_patients, in_order
from apps.patients.selectors import accounts_of, added, current_alerts
from apps.patients.services import (
    add_alert,
    add_contact,
    archive_patient,
    create_household,
    end_contact,
    record_consent,
    register_patient,
    restore_patient,
    update_alert,
    update_contact,
    update_household,
    update_patient,
)

STATUS_COLOURS = {
    "active": "success",
    "prospective": "info",
    "inactive": "warning",
    "archived": "warning",
    "deceased": "danger",
}


@admin.register(Patient)
class PatientAdmin(ExchangeMixin, MergeMixin, ServiceModelAdmin):
    """The card index and a patient's file."""

    form = PatientForm
    list_display = (
        "shown_name",
        "file_number",
        "birth_date",
        "phone",
        "city",
        "shown_alerts",
        "shown_status",
    )
    list_display_links = ("shown_name",)
    list_filter = ("status", "do_not_contact", "sex", "language", "practitioner")
    search_fields = ("last_name",)
    search_help_text = _("Name in any order, phone, birth date, file number or national identifier.")
    autocomplete_fields = ("household", "practitioner")
    readonly_fields = ("file_number", "shown_national_id", "shown_alerts", "shown_balance", "created_at")
    actions = ("archive", "restore", "merge")
    list_per_page = 50
    fieldsets = (
        (None, {"fields": (("shown_alerts", "shown_balance"), ("status", "file_number"))}),
        (
            _("Identity"),
            {
                "fields": (
                    ("last_name", "first_name"),
                    ("birth_name", "birth_date", "sex"),
                    ("shown_national_id", "new_national_id", "identity_status"),
                    "allow_duplicate",
                )
            },
        ),
        (
            _("How to reach them"),
            {
                "fields": (
                    ("phone", "phone_secondary", "email"),
                    ("address", "postal_code", "city", "country"),
                    ("language", "do_not_contact", "reminder_sms", "reminder_email"),
                )
            },
        ),
        (
            _("At the practice"),
            {
                "fields": (
                    ("practitioner", "referred_by", "household"),
                    ("profession", "tags"),
                    "comment",
                    "created_at",
                )
            },
        ),
    )
    inlines = (AlertInline, ContactInline, ConsentInline)

    # --- reading

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the patients in name order, with the warnings shown beside the name."""
        rows = super().get_queryset(request).select_related("practice", "household")
        return rows.prefetch_related(current_alerts()).order_by("sort_name", "pk")

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Search as the API does."""
        practice = self.actor(request).practice
        rows = queryset.filter(merged_into__isnull=True)
        if not search_term.strip() or practice is None:
            return rows, False
        return in_order(rows, find_patients(rows, search_term, practice=practice)), False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out of a new file what only an old one has, and the other way round."""
        shown = super().get_fieldsets(request, obj)
        hidden = (
            {"allow_duplicate"}
            if obj
            else {
                *("shown_alerts", "shown_balance", "shown_national_id", "created_at"),
                *("status", "file_number"),
            }
        )
        if obj is not None and not self.has_change_permission(request, obj):
            hidden |= {"new_national_id"}
        kept = [
            (title, {**options, "fields": without(options["fields"], hidden)}) for title, options in shown
        ]
        return [(title, options) for title, options in kept if options["fields"]]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Read phones as dialled in the practice's country."""
        form = super().get_form(request, obj, change=change, **kwargs)
        practice = self.actor(request).practice
        return type(form.__name__, (form,), {"country": practice.country}) if practice is not None else form

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave a file alone that was merged into another."""
        merged = obj is not None and obj.merged_into_id is not None
        return super().has_change_permission(request, obj) and not merged

    def object_label(self, obj: Patient) -> str:
        """Name, on this page of those who may see it."""
        return obj.display_name

    # --- writing

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Patient:
        """Register."""
        identity(data)
        data.pop("alerts", None)
        contacts = [without_key(row) for row in data.pop("contacts", [])]
        consents = [given(row) for row in data.pop("consents", [])]
        actor = self.actor(request)
        return register_patient(
            actor=actor,
            practice=actor.practice,
            at=timezone.now(),
            contacts=contacts,
            consents=consents,
            **data,
        )

    def update_object(self, request: HttpRequest, obj: Patient, data: dict[str, Any]) -> Patient:
        """Change the file and what stands around it, all or nothing."""
        identity(data)
        data.pop("allow_duplicate", None)
        actor, at = self.actor(request), timezone.now()
        contacts, consents, alerts = (data.pop(name, None) for name in ("contacts", "consents", "alerts"))
        with transaction.atomic():
            patient = update_patient(actor=actor, patient=obj, at=at, **data) if data else obj
            if contacts is not None:
                sync(
                    contacts,
                    PatientContact.objects.filter(patient=obj).current(),
                    add=lambda row: add_contact(actor=actor, patient=obj, at=at, **row),
                    change=lambda old, row: update_contact(actor=actor, contact=old, at=at, **row),
                    end=lambda old: end_contact(actor=actor, contact=old, at=at),
                )
            if alerts is not None:
                sync(
                    alerts,
                    Alert.objects.filter(patient=obj).current(),
                    add=lambda row: add_alert(actor=actor, patient=obj, at=at, **row),
                    change=lambda old, row: update_alert(actor=actor, alert=old, at=at, **row),
                    end=lambda old: update_alert(actor=actor, alert=old, at=at, ended=True),
                )
            for row in consents or []:
                if "id" not in row:
                    record_consent(actor=actor, patient=obj, at=at, **given(row))
        return patient

    @service_action(
        _("Archive"),
        "patients.change_patient",
        when=lambda patient: patient.status != "archived",
        icon="archive",
    )
    def archive(self, request: HttpRequest, obj: Patient) -> None:
        """Take a file out of daily use."""
        archive_patient(actor=self.actor(request), patient=obj, at=timezone.now())

    @service_action(
        _("Bring back into use"),
        "patients.change_patient",
        when=lambda patient: patient.status == "archived" and patient.merged_into_id is None,
        icon="unarchive",
    )
    def restore(self, request: HttpRequest, obj: Patient) -> None:
        """Bring an archived file back."""
        restore_patient(actor=self.actor(request), patient=obj, at=timezone.now())

    # --- columns

    @admin.display(description=_("name"), ordering="sort_name")
    def shown_name(self, patient: Patient) -> str:
        """Name as a card index writes it."""
        return f"{patient.last_name.upper()} {patient.first_name}"

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def shown_status(self, patient: Patient) -> tuple[str, str]:
        """Status as a coloured label."""
        return patient.status, patient.get_status_display()

    @admin.display(description=_("alerts"))
    def shown_alerts(self, patient: Patient) -> str:
        """Warnings in force, the gravest first."""
        alerts: list[Alert] = getattr(patient, "current_alerts", [])
        contact = [_("do not contact")] if patient.do_not_contact else []
        texts = [(f"⚠ {text}",) for text in [*contact, *(alert.label for alert in alerts)]]
        return format_html_join(", ", "<strong>{}</strong>", texts) or "-"

    @admin.display(description=_("national health identifier"))
    def shown_national_id(self, patient: Patient) -> str:
        """Masked."""
        return patient.national_id_masked or "-"

    @admin.display(description=_("balance"))
    def shown_balance(self, patient: Patient) -> str:
        """What the patient still owes, and what the household does."""
        own = accounts_of(patient.practice_id, [patient.pk], patient.practice.currency)[patient.pk]
        owed = format_money(own.patient_due, own.currency, get_language() or "fr")
        if patient.household is None:
            return owed
        return _("%(own)s, household %(family)s") % {"own": owed, "family": owed_by(patient.household)}


@admin.register(Household)
class HouseholdAdmin(ServiceModelAdmin):
    """Families."""

    create_service = create_household
    update_service = update_household
    list_display = ("name", "shown_guarantor", "shown_members")
    search_fields = ("name",)
    autocomplete_fields = ("guarantor",)
    fields = ("name", "guarantor", "shown_members", "shown_balance")
    readonly_fields = ("shown_members", "shown_balance")
    ordering = ("name", "pk")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the households with their members."""
        return super().get_queryset(request).select_related("guarantor").prefetch_related("members")

    def object_label(self, obj: Household) -> str:
        """Name of the family."""
        return obj.name

    @admin.display(description=_("who pays"))
    def shown_guarantor(self, household: Household) -> str:
        """Name of who pays."""
        return household.guarantor.display_name if household.guarantor else "-"

    @admin.display(description=_("members"))
    def shown_members(self, household: Household) -> str:
        """Links to the members' files."""
        links = [
            (reverse("admin:patients_patient_change", args=[member.pk]), member.display_name)
            for member in household.members.all()
            if member.restricted_at is None
        ]
        return format_html_join(", ", '<a href="{}">{}</a>', links) or "-"

    @admin.display(description=_("balance"))
    def shown_balance(self, household: Household) -> str:
        """What the members still owe together."""
        return "-" if household._state.adding else owed_by(household)


def owed_by(household: Household) -> str:
    """Return what the members of a household still owe together, but those whose file is restricted."""
    members = [member.pk for member in household.members.all() if member.restricted_at is None]
    currency = household.practice.currency
    total = added(accounts_of(household.practice_id, members, currency).values(), currency)
    return format_money(total.patient_due, currency, get_language() or "fr")


def sync(
    rows: list[dict[str, Any]],
    existing: Any,
    *,
    add: Callable[[dict[str, Any]], Any],
    change: Callable[[Any, dict[str, Any]], Any],
    end: Callable[[Any], Any],
) -> None:
    """Bring rows to what a formset asks for: new ones added, changed ones changed, missing ones ended."""
    known = {row.pk: row for row in existing}
    for row in rows:
        old = known.pop(row.get("id"), None)
        values = without_key(row)
        if old is None:
            add(values)
        elif any(getattr(old, name) != value for name, value in values.items()):
            change(old, values)
    for old in known.values():
        end(old)


def identity(data: dict[str, Any]) -> None:
    """Turn the typed identifier, if any, into the field it is."""
    typed = data.pop("new_national_id", "")
    if typed:
        data["national_id"] = typed


def given(row: dict[str, Any]) -> dict[str, Any]:
    """Return a decision as the service takes it: what was left empty is left out."""
    return {name: value for name, value in without_key(row).items() if value not in {"", None}}


def without_key(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a formset without its key."""
    return {name: value for name, value in row.items() if name != "id"}


def without(fields: Any, hidden: set[str]) -> Any:
    """Return the fields of a fieldset without the hidden ones."""
    kept = []
    for entry in fields:
        if isinstance(entry, tuple):
            inner = tuple(name for name in entry if name not in hidden)
            kept += [inner] if inner else []
        elif entry not in hidden:
            kept.append(entry)
    return kept
