"""Routes of the agenda."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from apps.agenda.api.views import (
    AbsenceViewSet,
    AppointmentTypeViewSet,
    AppointmentViewSet,
    AvailabilityViewSet,
)

router = SimpleRouter(trailing_slash=False)
router.register("appointments", AppointmentViewSet, basename="appointment")
router.register("appointment-types", AppointmentTypeViewSet, basename="appointment-type")
router.register("absences", AbsenceViewSet, basename="absence")
router.register("availability", AvailabilityViewSet, basename="availability")
urlpatterns = router.urls
