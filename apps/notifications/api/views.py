"""Texts, messages, their log, and a test message."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.pagination import HistoryPagination, PagePagination, WholePagination
from apps.core.api.views import BaseViewSet
from apps.core.limits import RateLimited, reserve
from apps.notifications.api.filters import JobFilter, LogFilter, TemplateFilter
from apps.notifications.api.serializers import (
    JobOutput,
    LogOutput,
    TemplateChange,
    TemplateInput,
    TemplateOutput,
    TestInput,
    TestOutput,
)
from apps.notifications.models import NotificationJob, NotificationLog, NotificationTemplate
from apps.notifications.services import retry_message, send_test
from apps.notifications.texts import add_text, change_text

TESTS_PER_HOUR = 30


class MessageViewSet(BaseViewSet):
    """What these views share."""

    @property
    def caller(self) -> Any:
        """Who asks: a user, as the permission table has admitted them."""
        return self.request.user


class TemplateViewSet(MessageViewSet):
    """Texts of messages: the house's, and the practice's own, which go first."""

    permissions = {
        "list": "notifications.view_notificationtemplate",
        "create": "notifications.add_notificationtemplate",
        "partial_update": "notifications.change_notificationtemplate",
    }
    serializers = {"list": TemplateOutput, "retrieve": TemplateOutput}
    inputs = {"create": TemplateInput, "partial_update": TemplateChange}
    pagination_class = WholePagination
    filterset_class = TemplateFilter
    queryset = NotificationTemplate.objects.none()

    def get_queryset(self) -> QuerySet[NotificationTemplate]:
        """Return what the caller's practice reads."""
        rows = NotificationTemplate.objects.visible_to(self.caller)
        return rows.order_by("key", "channel", "language", F("practice").asc(nulls_last=True), "pk")

    def list(self, request: Request) -> Response:
        """List texts."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    @extend_schema(request=TemplateInput, responses={201: TemplateOutput})
    def create(self, request: Request) -> Response:
        """Add the practice's own text for a message."""
        text = add_text(actor=self.caller, practice=self.caller.practice, **self.parsed())
        return self.answer(text, status=201)

    @extend_schema(request=TemplateChange, responses=TemplateOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change the practice's own text."""
        template = self.get_object()
        return self.answer(change_text(actor=self.caller, template=template, **self.parsed(partial=True)))


class JobViewSet(MessageViewSet):
    """Messages queued, sent and failed."""

    permissions = {
        "list": "notifications.view_notificationjob",
        "retry": "notifications.retry_notificationjob",
    }
    serializers = {"list": JobOutput, "retry": JobOutput}
    pagination_class = PagePagination
    filterset_class = JobFilter
    queryset = NotificationJob.objects.none()

    def get_queryset(self) -> QuerySet[NotificationJob]:
        """Return the messages of the caller's practice, newest first."""
        return NotificationJob.objects.visible_to(self.caller).order_by("-id")

    def list(self, request: Request) -> Response:
        """List messages."""
        return self.answer_list(self.filter_queryset(self.get_queryset().defer("recipient", "context")))

    @extend_schema(request=None, responses=JobOutput)
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: Any = None) -> Response:
        """Start a failed message over."""
        job = retry_message(actor=self.caller, job=self.get_object(), at=timezone.now())
        return self.answer(job, action="retry")


class LogViewSet(MessageViewSet):
    """What was sent, step by step, newest first."""

    permissions = {"list": "notifications.view_notificationlog"}
    serializers = {"list": LogOutput}
    pagination_class = HistoryPagination
    filterset_class = LogFilter
    queryset = NotificationLog.objects.none()

    def get_queryset(self) -> QuerySet[NotificationLog]:
        """Return the log of the caller's practice."""
        return NotificationLog.objects.visible_to(self.caller)

    def list(self, request: Request) -> Response:
        """List steps."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))


class TestViewSet(MessageViewSet):
    """Test messages."""

    __test__ = False

    permissions = {"create": "notifications.test_notification"}
    serializers = {"create": TestOutput}
    inputs = {"create": TestInput}
    pagination_class = None
    filter_backends = ()

    @extend_schema(request=TestInput, responses={202: TestOutput})
    def create(self, request: Request) -> Response:
        """Send a message filled with sample values, to see how it looks."""
        user = self.caller
        body = self.parsed()
        if wait := reserve(f"test-message:{user.practice_id}", limit=TESTS_PER_HOUR, window=3600):
            raise RateLimited(retry_after=wait)
        body.setdefault("language", user.language)
        job = send_test(actor=user, practice=user.practice, at=timezone.now(), **body)
        return self.answer({"job": job}, status=202, action="create")
