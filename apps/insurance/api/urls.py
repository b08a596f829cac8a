"""Routes of the payer network."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from apps.insurance.api.conventions import ConventionViewSet
from apps.insurance.api.fhir.urls import urlpatterns as fhir_routes
from apps.insurance.api.flags import ClaimFlagViewSet
from apps.insurance.api.people import AdherentViewSet, ContractViewSet

router = SimpleRouter(trailing_slash=False)
router.register("adherents", AdherentViewSet, basename="adherent")
router.register("contracts", ContractViewSet, basename="contract")
router.register("conventions", ConventionViewSet, basename="convention")
router.register("claim-flags", ClaimFlagViewSet, basename="claim-flag")
urlpatterns = [*router.urls, *fhir_routes]
