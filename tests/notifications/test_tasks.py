"""The task that sends what is due."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.utils import timezone

from apps.notifications.services import wake_dispatcher
from apps.notifications.tasks import dispatch_due_messages


@pytest.mark.django_db
class TestDispatchDue:
    def test_sends_once_and_is_safe_to_run_twice(self, queue, texts):
        queue(due_at=timezone.now())

        first, second = dispatch_due_messages(surplus="ignored"), dispatch_due_messages()

        assert (first["sent"], second["sent"], len(texts())) == (1, 0, 1)

    def test_is_what_beat_and_services_call_on_its_own_queue(self, celery, redis_server):
        planned = settings.CELERY_BEAT_SCHEDULE["dispatch-messages"]
        assert planned["task"] == dispatch_due_messages.name
        assert planned["options"] == {"queue": "messages"}

        wake_dispatcher()

        assert redis_server.llen("messages") == 1

    def test_carries_no_personal_data_through_the_broker(
        self, queue, redis_server, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            queue()

        (message,) = redis_server.lrange("messages", 0, -1)
        assert b"612345678" not in message
