"""Treatments of a patient, and their verbs."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.clinical.api.filters import TreatmentFilter
from apps.clinical.api.serializers import CancelTreatmentInput, TreatmentInput, TreatmentOutput
from apps.clinical.models import Treatment
from apps.clinical.selectors import treatments_of
from apps.clinical.services import cancel_treatment, complete_treatment, record_treatment
from apps.core.api.views import BaseViewSet
from apps.patients.models import Patient


class PatientTreatmentViewSet(BaseViewSet):
    """What is planned for a patient and what was done."""

    queryset = Treatment.objects.none()
    permissions = {"list": "clinical.view_treatment", "create": "clinical.add_treatment"}
    serializers = {"list": TreatmentOutput, "retrieve": TreatmentOutput, "create": TreatmentOutput}
    inputs = {"create": TreatmentInput}
    filterset_class = TreatmentFilter

    def patient(self) -> Patient:
        """Return the patient of the path, or 404."""
        rows = Patient.objects.visible_to(self.caller).select_related("practice")
        patient: Patient = get_object_or_404(rows, pk=self.kwargs["patient_id"])
        self.tell_shown([patient])
        return patient

    def get_queryset(self) -> QuerySet[Treatment]:
        """Return the patient's treatments, newest first."""
        return treatments_of(viewer=self.caller, patient=self.patient())

    def list(self, request: Request, patient_id: Any = None) -> Response:
        """List treatments."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    @extend_schema(request=TreatmentInput, responses={201: TreatmentOutput})
    def create(self, request: Request, patient_id: Any = None) -> Response:
        """Record a treatment."""
        patient = self.patient()
        treatment = record_treatment(actor=self.caller, patient=patient, at=timezone.now(), **self.parsed())
        return self.answer(treatment, status=201)


class TreatmentViewSet(BaseViewSet):
    """Verbs of one treatment."""

    queryset = Treatment.objects.none()
    permissions = {"complete": "clinical.complete_treatment", "cancel": "clinical.cancel_treatment"}
    serializers = {"retrieve": TreatmentOutput}
    inputs = {"cancel": CancelTreatmentInput}

    def get_queryset(self) -> QuerySet[Treatment]:
        """Return what the caller sees."""
        rows: QuerySet[Treatment] = Treatment.objects.visible_to(self.caller).with_names()
        return rows

    @extend_schema(request=None, responses=TreatmentOutput)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: Any = None) -> Response:
        """Mark as carried out."""
        treatment = self.get_object()
        return self.answer(complete_treatment(actor=self.caller, treatment=treatment, at=timezone.now()))

    @extend_schema(request=CancelTreatmentInput, responses=TreatmentOutput)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: Any = None) -> Response:
        """Cancel, or take back what was marked as carried out by mistake."""
        treatment = self.get_object()
        given = self.parsed()
        return self.answer(
            cancel_treatment(actor=self.caller, treatment=treatment, at=timezone.now(), **given)
        )
