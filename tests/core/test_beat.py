"""What beat is told to do exists, has a queue some worker reads, and can be sent."""

from __future__ import annotations

import pytest
from django.conf import settings

from config.celery import app

KNOWN = {queue.name for queue in app.conf.task_queues}


@pytest.mark.parametrize("name", sorted(settings.CELERY_BEAT_SCHEDULE))
class TestBeatSchedule:
    def test_names_a_task_and_a_queue_that_exist(self, name: str) -> None:
        entry = settings.CELERY_BEAT_SCHEDULE[name]
        app.loader.import_default_modules()
        assert entry["task"] in app.tasks
        assert entry["options"]["queue"] in KNOWN

    def test_can_be_sent(self, name: str, redis_server) -> None:
        entry = settings.CELERY_BEAT_SCHEDULE[name]
        app.loader.import_default_modules()
        app.tasks[entry["task"]].apply_async(**entry["options"])
        assert redis_server.llen(entry["options"]["queue"]) == 1
