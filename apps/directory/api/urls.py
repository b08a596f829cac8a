"""Routes of the directory."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from apps.directory.api.views import InsurerViewSet, PractitionerViewSet, RoomViewSet

router = SimpleRouter(trailing_slash=False)
router.register("practitioners", PractitionerViewSet, basename="practitioner")
router.register("rooms", RoomViewSet, basename="room")
router.register("insurers", InsurerViewSet, basename="insurer")
urlpatterns = router.urls
