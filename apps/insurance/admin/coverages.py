"""Which contracts pay for a patient: linked by the front desk, by number or national identifier."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.access import rows_read
from apps.core.admin import ServiceModelAdmin
from apps.core.admin.forms import RefusableForm
from apps.directory.models import Insurer
from apps.insurance.models import Contract, PatientCoverage
from apps.insurance.services.coverages import change_coverage, link_coverage
from apps.insurance.services.lookups import count_lookup

S = Contract.Status
COLORS = {S.ACTIVE: "success", S.SUSPENDED: "warning", S.EXPIRED: "info", S.CANCELLED: "danger"}


class NamedInsurerField(forms.ModelChoiceField[Any]):
    """A choice of insurers by name."""

    def label_from_instance(self, obj: Any) -> str:
        """Return the name."""
        return str(obj.name)


class CoverageForm(RefusableForm):
    """The contract by number or by national identifier, and who of it the patient is."""

    contract_number = forms.CharField(
        label=_("contract number"),
        help_text=_("As on the insured person's card."),
        required=False,
        max_length=40,
    )
    insurer = NamedInsurerField(label=_("insurer"), queryset=Insurer.objects.none(), required=False)
    national_id = forms.CharField(
        label=_("national identifier"),
        help_text=_("Of the insured person; empty: the patient's own, where their file has one."),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    class Meta:
        model = PatientCoverage
        fields = ("patient", "rank", "valid_from", "valid_to")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            return
        for name, sentence in (
            ("rank", _("1 pays first; empty: after the others.")),
            ("valid_from", _("Empty: the person's first day under the contract.")),
        ):
            if name in self.fields:
                self.fields[name].required, self.fields[name].help_text = False, sentence
                self.initial.pop(name, None)
                self.fields[name].initial = None

    def _post_clean(self) -> None:
        """Leave the rules to the service."""


@admin.register(PatientCoverage)
class PatientCoverageAdmin(ServiceModelAdmin):
    """Links from patients' files to contracts of the network: whether they hold, never their terms."""

    form = CoverageForm
    create_service = link_coverage
    update_service = change_coverage
    service_object = "coverage"
    list_display = (
        "patient_name", "insurer_name", "number", "insured", "rank", "valid_from", "valid_to", "shown_status"
    )  # fmt: skip
    list_select_related = ("patient", "contract__insurer", "adherent")
    search_fields = ("patient__last_name", "patient__first_name", "contract__contract_number")
    search_help_text = _("Name of the patient, or number of the contract")
    ordering = ("-pk",)
    autocomplete_fields = ("patient",)
    readonly_fields = ("insurer_name", "number", "insured", "shown_status")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask how the contract is found; show the one that was."""
        period = ("rank", "valid_from", "valid_to")
        if obj is None:
            found_by = ("contract_number", "insurer", "national_id")
            return ((None, {"fields": ("patient",)}), (_("Contract"), {"fields": (found_by, period)}))
        contract = (("insurer_name", "number"), ("insured", "shown_status"), period)
        return ((None, {"fields": ("patient",)}), (_("Contract"), {"fields": contract}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Keep the patient and the contract of an existing link."""
        return () if obj is None else ("patient", *self.readonly_fields)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Offer the insurers in use."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if "insurer" in form.base_fields:
            rows = Insurer.objects.visible_to(self.actor(request)).active()
            form.base_fields["insurer"].queryset = rows.order_by("name", "pk")
        return form

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Look the contract up, counted and on record as over the API."""
        count_lookup(self.actor(request))
        coverage = super().create_object(request, data)
        rows_read.send(self.actor(request), [coverage], "insurance.contract.resolve")
        return coverage

    # --- what people read

    def object_label(self, obj: PatientCoverage) -> str:
        """Return the patient and the contract."""
        return f"{obj.patient.display_name}, {obj.contract.contract_number}"

    @display(description=_("patient"), ordering="patient__sort_name")
    def patient_name(self, obj: PatientCoverage) -> str:
        """Return the patient's name."""
        return obj.patient.display_name

    @display(description=_("insurer"), ordering="contract__insurer__name")
    def insurer_name(self, obj: PatientCoverage) -> str:
        """Return the insurer's name."""
        return str(obj.contract.insurer.name)

    @display(description=_("contract number"), ordering="contract__contract_number")
    def number(self, obj: PatientCoverage) -> str:
        """Return the number of the contract."""
        return str(obj.contract.contract_number)

    @display(description=_("insured person"))
    def insured(self, obj: PatientCoverage) -> str:
        """Return who of the contract the patient is."""
        return obj.adherent.display_name

    @display(description=_("status"), label=COLORS)
    def shown_status(self, obj: PatientCoverage) -> tuple[str, str]:
        """Return how the contract stands as a coloured label."""
        return obj.contract.status, obj.contract.get_status_display()
