"""Routes of the patient file."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from apps.patients.api.around import AlertViewSet, AroundPatientViewSet
from apps.patients.api.views import PatientViewSet

router = SimpleRouter(trailing_slash=False)
router.register("patients", PatientViewSet, basename="patient")
router.register("patients", AroundPatientViewSet, basename="patient-around")
router.register("alerts", AlertViewSet, basename="alert")
urlpatterns = router.urls
