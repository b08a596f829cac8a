"""Routes of messages."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from apps.notifications.api.callbacks import DispatchViewSet, PostmarkViewSet, TwilioViewSet
from apps.notifications.api.views import JobViewSet, LogViewSet, TemplateViewSet, TestViewSet

router = SimpleRouter(trailing_slash=False)
router.register("notifications/templates", TemplateViewSet, basename="notification-template")
router.register("notifications/jobs", JobViewSet, basename="notification-job")
router.register("notifications/logs", LogViewSet, basename="notification-log")
router.register("notifications/test", TestViewSet, basename="notification-test")
urlpatterns = [
    *router.urls,
    path(
        "jobs/notifications/dispatch",
        DispatchViewSet.as_view({"post": "create"}),
        name="notification-dispatch",
    ),
    path("webhooks/twilio", TwilioViewSet.as_view({"post": "create"}), name="webhook-twilio"),
    path("webhooks/postmark", PostmarkViewSet.as_view({"post": "create"}), name="webhook-postmark"),
]
