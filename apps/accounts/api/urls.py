"""Routes of logins."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from apps.accounts.api.views import AuthViewSet

router = SimpleRouter(trailing_slash=False)
router.register("auth", AuthViewSet, basename="auth")
urlpatterns = router.urls
