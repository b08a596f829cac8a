"""Which contracts pay for a patient, over HTTP."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.fields import DayField, VisibleKeyField
from apps.core.api.pagination import WholePagination
from apps.core.api.views import BaseViewSet
from apps.directory.models import Insurer
from apps.insurance.api.fields import ReachableKeyField
from apps.insurance.models import Adherent, Contract, PatientCoverage
from apps.insurance.services.coverages import change_coverage, link_coverage
from apps.insurance.services.lookups import count_lookup
from apps.patients.models import Patient

MOST_RANKS = 20


class PatientCoverageOutput(serializers.ModelSerializer[PatientCoverage]):
    """A link from a patient's file to a contract: whether it holds, never its terms."""

    patient = serializers.UUIDField(source="patient_id")
    contract = serializers.UUIDField(source="contract_id")
    adherent = serializers.UUIDField(source="adherent_id")
    insurer = serializers.UUIDField(source="contract.insurer_id")
    insurer_name = serializers.CharField(source="contract.insurer.name")
    contract_number = serializers.CharField(source="contract.contract_number")
    contract_status = serializers.ChoiceField(choices=Contract.Status.choices, source="contract.status")
    currency = serializers.CharField(source="contract.currency")
    insured_name = serializers.CharField(source="adherent.display_name")

    class Meta:
        model = PatientCoverage
        fields = (
            "id", "patient", "contract", "adherent", "insurer", "insurer_name", "contract_number", "contract_status",
            "currency", "insured_name", "rank", "valid_from", "valid_to",
        )  # fmt: skip
        read_only_fields = fields


class CoverageLinkInput(serializers.Serializer[Any]):
    """The contract, by key, by number or by national identifier, and who of it the patient is."""

    contract = ReachableKeyField(Contract, required=False, allow_null=True)
    contract_number = serializers.CharField(max_length=40, required=False, allow_blank=True)
    insurer = VisibleKeyField(Insurer, required=False, allow_null=True)
    adherent = ReachableKeyField(Adherent, required=False, allow_null=True)
    national_id = serializers.CharField(max_length=40, required=False, allow_blank=True, write_only=True)
    rank = serializers.IntegerField(min_value=1, max_value=MOST_RANKS, required=False, allow_null=True)
    valid_from = DayField(required=False, allow_null=True)
    valid_to = DayField(required=False, allow_null=True)


class CoverageLinkChange(serializers.Serializer[Any]):
    """Changed rank or days."""

    rank = serializers.IntegerField(min_value=1, max_value=MOST_RANKS, required=False)
    valid_from = DayField(required=False)
    valid_to = DayField(required=False, allow_null=True)


class PatientCoverageViewSet(BaseViewSet):
    """Contracts that pay for a patient, who pays first first."""

    queryset = PatientCoverage.objects.none()
    permissions = {
        "list": "insurance.view_patientcoverage",
        "create": "insurance.add_patientcoverage",
        "partial_update": "insurance.change_patientcoverage",
    }
    serializers = {"list": PatientCoverageOutput, "retrieve": PatientCoverageOutput}
    inputs = {"create": CoverageLinkInput, "partial_update": CoverageLinkChange}
    recorded_reads = {"create": "insurance.contract.resolve"}
    pagination_class = WholePagination

    def patient(self) -> Patient:
        """Return the patient of the path, or 404."""
        rows = Patient.objects.visible_to(self.caller).select_related("practice")
        patient: Patient = get_object_or_404(rows, pk=self.kwargs["patient_id"])
        self.tell_shown([patient])
        return patient

    def get_queryset(self) -> QuerySet[PatientCoverage]:
        """Return the patient's links."""
        rows: QuerySet[PatientCoverage] = PatientCoverage.objects.visible_to(self.caller).filter(
            patient=self.patient()
        )
        return rows.select_related("contract__insurer", "adherent").order_by("rank", "valid_from", "pk")

    def list(self, request: Request, patient_id: Any = None) -> Response:
        """List the contracts that pay or paid for a patient."""
        return self.answer_list(self.get_queryset())

    @extend_schema(request=CoverageLinkInput, responses={201: PatientCoverageOutput})
    def create(self, request: Request, patient_id: Any = None) -> Response:
        """Point the file at a contract; what one may not know of reads as what does not exist."""
        patient, given = self.patient(), self.parsed()
        count_lookup(self.caller)
        coverage = link_coverage(actor=self.caller, patient=patient, at=timezone.now(), **given)
        return self.answer(self.get_queryset().get(pk=coverage.pk), status=201)

    @extend_schema(request=CoverageLinkChange, responses=PatientCoverageOutput)
    def partial_update(self, request: Request, patient_id: Any = None, pk: Any = None) -> Response:
        """Change rank or days; a last day ends the link."""
        coverage = self.get_object()
        change_coverage(actor=self.caller, coverage=coverage, **self.parsed(partial=True))
        return self.answer(self.get_queryset().get(pk=coverage.pk))
