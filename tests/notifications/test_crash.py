"""A worker killed at every step of a send, and many workers at once: nothing lost, nothing doubled."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from apps.notifications.dispatch import dispatch_due
from apps.notifications.models import NotificationJob, NotificationLog
from apps.notifications.providers.outbox import OutboxSms
from tests.notifications.crash_worker import POINTS
from tests.notifications.fakes import TwilioHandler, served

ROOT = Path(__file__).resolve().parents[2]
KILLED = [point for point in POINTS if point != "none"]


def run_worker(point: str, outbox: Path, **environment: str) -> int:
    """Run a worker of its own on this test's database and return its exit code."""
    db = connection.settings_dict
    url = f"postgres://{db['USER']}:{db['PASSWORD']}@{db['HOST']}:{db['PORT']}/{db['NAME']}"
    done = subprocess.run(
        [sys.executable, "-m", "tests.notifications.crash_worker", point],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "CRASH_OUTBOX": str(outbox),
            **environment,
        },
        timeout=60,
        check=False,
        capture_output=True,
    )
    assert done.returncode in {0, -9}, done.stderr.decode()
    return done.returncode


def _in(minutes: int) -> datetime:
    return timezone.now() + timedelta(minutes=minutes)


def recover() -> None:
    """Let later rounds run: the lease ends after two minutes, a doubt is asked after five."""
    for minutes in (3, 7, 12, 20):
        dispatch_due(clock=partial(_in, minutes))


@pytest.fixture
def job(queue, request):
    channel = getattr(request, "param", "sms")
    recipient = "camille@example.org" if channel == "email" else "+33612345678"
    now = timezone.now()
    return queue(channel=channel, recipient=recipient, due_at=now, at=now)


@pytest.mark.slow
@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
class TestKilledWorker:
    @pytest.mark.parametrize("point", KILLED)
    def test_text_message_leaves_once(self, job, point, outbox, texts):
        assert run_worker(point, outbox) == -9

        recover()

        job.refresh_from_db()
        assert job.status == "sent"
        assert [text["job"] for text in texts()] == [str(job.pk)]
        assert NotificationLog.objects.filter(job=job, step="sent").count() == 1

    @pytest.mark.parametrize("job", ["email"], indirect=True)
    @pytest.mark.parametrize("point", KILLED)
    def test_email_leaves_once(self, job, point, outbox, settings):
        settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
        settings.EMAIL_FILE_PATH = outbox / "email"
        assert run_worker(point, outbox) == -9

        recover()

        job.refresh_from_db()
        assert job.status == "sent"
        written = b"".join(path.read_bytes() for path in (outbox / "email").glob("*.log"))
        assert written.count(f"Message-ID: <{job.pk}@".encode()) == 1

    @pytest.mark.parametrize("point", KILLED)
    def test_twilio_creates_one_message(self, job, point, outbox, settings):
        with served(TwilioHandler) as far:
            credentials = {
                "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
                "TWILIO_AUTH_TOKEN": "token",
                "TWILIO_FROM": "LILAS",
                "TWILIO_API_BASE": far.url,
            }
            for name, value in credentials.items():
                setattr(settings, name, value)
            assert run_worker(point, outbox, **credentials) == -9

            recover()

            job.refresh_from_db()
            assert job.status == "sent"
            assert [message["body"] for message in far.messages] == [far.messages[0]["body"]]

    def test_would_double_if_the_provider_were_not_asked(self, job, outbox, texts, monkeypatch):
        """Shows that the tests above can fail: believe that nothing arrived, and the message leaves twice."""
        monkeypatch.setattr(OutboxSms, "find", lambda *args, **kwargs: None)
        run_worker("after_provider", outbox)

        recover()

        assert len(texts()) == 2

    def test_another_worker_goes_on_without_waiting_for_the_dead_one(self, job, queue, outbox, texts):
        run_worker("before_provider", outbox)
        second = queue(due_at=timezone.now(), at=timezone.now())

        dispatch_due(clock=timezone.now)

        second.refresh_from_db()
        assert second.status == "sent"


@pytest.fixture
def together() -> Callable[..., list[Any]]:
    """Run a function in many threads at once, each with a connection of its own."""

    def run(count: int, function: Callable[[], Any]) -> list[Any]:
        barrier, results = threading.Barrier(count), []

        def work() -> None:
            try:
                barrier.wait()
                results.append(function())
            finally:
                connections.close_all()

        threads = [threading.Thread(target=work) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    return run


@pytest.mark.slow
@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
class TestManyWorkers:
    def test_send_each_message_once(self, queue, texts, together):
        now = timezone.now()
        wanted = {str(queue(due_at=now, at=now).pk) for _ in range(40)}

        rounds = together(16, lambda: dispatch_due(clock=timezone.now))

        assert sum(each.sent for each in rounds) == 40
        assert Counter(text["job"] for text in texts()) == Counter(dict.fromkeys(wanted, 1))

    def test_queue_one_row_for_one_cause(self, queue, together):
        rows = together(16, lambda: queue(unique_key="appointment-1-24h").pk)

        assert len(rows) == 16
        assert len(set(rows)) == 1
        assert NotificationLog.objects.filter(step="queued").count() == 1

    def test_ask_after_a_doubt_once(self, queue, texts, together):
        """Several rounds find the same lost message: one of them puts it back, and it leaves once."""
        job = queue(due_at=timezone.now(), at=timezone.now())
        NotificationJob.objects.filter(pk=job.pk).update(
            state="unknown", attempts=1, provider="outbox", sending_at=timezone.now()
        )

        together(16, lambda: dispatch_due(clock=timezone.now))
        recover()

        job.refresh_from_db()
        assert (job.status, len(texts())) == ("sent", 1)
        assert NotificationLog.objects.filter(job=job, step="reconciled").count() == 1
