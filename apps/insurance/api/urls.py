"""Routes of the payer network."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.insurance.api.claims import ClaimViewSet, EligibilityViewSet
from apps.insurance.api.conventions import ConventionViewSet
from apps.insurance.api.coverages import PatientCoverageViewSet
from apps.insurance.api.fhir.urls import urlpatterns as fhir_routes
from apps.insurance.api.flags import ClaimFlagViewSet
from apps.insurance.api.people import AdherentViewSet, ContractViewSet
from apps.insurance.api.reconciliations import (
    ReconciliationJobViewSet,
    ReconciliationLineViewSet,
    ReconciliationViewSet,
)

router = SimpleRouter(trailing_slash=False)
router.register("adherents", AdherentViewSet, basename="adherent")
router.register("contracts", ContractViewSet, basename="contract")
router.register("conventions", ConventionViewSet, basename="convention")
router.register("claims", ClaimViewSet, basename="claim")
router.register("eligibility", EligibilityViewSet, basename="eligibility")
router.register("reconciliations", ReconciliationViewSet, basename="reconciliation")
router.register("reconciliation-lines", ReconciliationLineViewSet, basename="reconciliation-line")
router.register("reconciliation-jobs", ReconciliationJobViewSet, basename="reconciliation-job")
router.register("claim-flags", ClaimFlagViewSet, basename="claim-flag")
urlpatterns = [
    path(
        "patients/<uuid:patient_id>/coverages",
        PatientCoverageViewSet.as_view({"get": "list", "post": "create"}),
        name="patient-coverages",
    ),
    path(
        "patients/<uuid:patient_id>/coverages/<uuid:pk>",
        PatientCoverageViewSet.as_view({"patch": "partial_update"}),
        name="patient-coverage",
    ),
    *router.urls,
    *fhir_routes,
]
