"""Routes of treatments."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.clinical.api.views import PatientTreatmentViewSet, TreatmentViewSet

router = SimpleRouter(trailing_slash=False)
router.register("treatments", TreatmentViewSet, basename="treatment")
urlpatterns = [
    path(
        "patients/<uuid:patient_id>/treatments",
        PatientTreatmentViewSet.as_view({"get": "list", "post": "create"}),
        name="patient-treatments",
    ),
    *router.urls,
]
