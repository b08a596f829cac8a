"""Routes of logins and accounts."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from apps.accounts.api.mfa import MfaViewSet
from apps.accounts.api.users import UserViewSet
from apps.accounts.api.views import AuthViewSet, PasswordViewSet, SessionViewSet

router = SimpleRouter(trailing_slash=False)
router.register("auth/sessions", SessionViewSet, basename="auth-session")
router.register("auth/password", PasswordViewSet, basename="auth-password")
router.register("auth", MfaViewSet, basename="auth-mfa")
router.register("auth", AuthViewSet, basename="auth")
router.register("users", UserViewSet, basename="user")
urlpatterns = router.urls
