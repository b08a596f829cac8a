"""Routes of the catalogue."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from apps.catalog.api.views import ActViewSet

router = SimpleRouter(trailing_slash=False)
router.register("acts", ActViewSet, basename="act")
urlpatterns = router.urls
