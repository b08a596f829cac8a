"""Routes of the agenda."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.agenda.api.feeds import CalendarViewSet, ChangesViewSet, DaySheetViewSet
from apps.agenda.api.house import CalendarTokenViewSet, OpenHolidayViewSet, RecallTypeViewSet
from apps.agenda.api.pinboard import PinboardViewSet
from apps.agenda.api.recalls import RecallViewSet
from apps.agenda.api.series import SeriesViewSet
from apps.agenda.api.views import (
    AbsenceViewSet,
    AppointmentTypeViewSet,
    AppointmentViewSet,
    AvailabilityViewSet,
)
from apps.agenda.api.waiting import WaitlistViewSet

router = SimpleRouter(trailing_slash=False)
router.register("appointments/series", SeriesViewSet, basename="appointment-series")
router.register("appointments/changes", ChangesViewSet, basename="appointment-change")
router.register("appointments", AppointmentViewSet, basename="appointment")
router.register("appointment-types", AppointmentTypeViewSet, basename="appointment-type")
router.register("recall-types", RecallTypeViewSet, basename="recall-type")
router.register("calendar-tokens", CalendarTokenViewSet, basename="calendar-token")
router.register("open-holidays", OpenHolidayViewSet, basename="open-holiday")
router.register("recalls", RecallViewSet, basename="recall")
router.register("pinboard", PinboardViewSet, basename="pinned-visit")
router.register("waitlist", WaitlistViewSet, basename="waitlist")
router.register("absences", AbsenceViewSet, basename="absence")
router.register("availability", AvailabilityViewSet, basename="availability")
urlpatterns = [
    path(
        "appointments/day-sheet.pdf", DaySheetViewSet.as_view({"get": "list"}), name="appointment-day-sheet"
    ),
    path(
        "practitioners/<uuid:pk>/calendar.ics",
        CalendarViewSet.as_view({"get": "list"}),
        name="practitioner-calendar",
    ),
    *router.urls,
]
