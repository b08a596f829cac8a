"""Routes of the directory."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.directory.api.views import BankAccountViewSet, InsurerViewSet, PractitionerViewSet, RoomViewSet

router = SimpleRouter(trailing_slash=False)
router.register("practitioners", PractitionerViewSet, basename="practitioner")
router.register("rooms", RoomViewSet, basename="room")
router.register("insurers", InsurerViewSet, basename="insurer")
urlpatterns = [
    path(
        "bank-account",
        BankAccountViewSet.as_view({"get": "show", "post": "set"}),
        name="bank-account",
    ),
    *router.urls,
]
