"""Routes of the requests about personal data."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from apps.compliance.api.views import DataRequestViewSet

router = SimpleRouter(trailing_slash=False)
router.register("data-requests", DataRequestViewSet, basename="data-request")
urlpatterns = router.urls
