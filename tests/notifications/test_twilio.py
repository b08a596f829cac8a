"""Twilio: the real client against a server that speaks its protocol, and its callbacks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils import timezone
from rest_framework.test import APIClient
from twilio.request_validator import RequestValidator

from apps.notifications.dispatch import dispatch_due
from apps.notifications.models import NotificationJob, NotificationLog, Suppression
from tests.notifications.fakes import Far, TwilioHandler, served

HOOK = "/api/v1/webhooks/twilio"
TOKEN = "twilio-test-token"


@pytest.fixture
def twilio(settings: Any) -> Iterator[Far]:
    with served(TwilioHandler) as far:
        settings.TWILIO_ACCOUNT_SID = "AC" + "0" * 32
        settings.TWILIO_AUTH_TOKEN = TOKEN
        settings.TWILIO_FROM = "LILAS"
        settings.TWILIO_API_BASE = far.url
        settings.PUBLIC_URL = "https://demo.example.org"
        yield far


@pytest.fixture
def now_queue(queue):
    """Queue a reminder due now: the fake server's clock is the real one."""
    return lambda **changes: queue(due_at=timezone.now(), at=timezone.now(), **changes)


def state(job: NotificationJob) -> tuple[str, str]:
    job.refresh_from_db()
    return job.status, job.last_error


def later(minutes: float):
    return lambda: timezone.now() + timedelta(minutes=minutes)


@pytest.mark.django_db
class TestTwilio:
    def test_creates_the_message_with_a_callback_that_names_our_job(self, twilio, now_queue):
        job = now_queue()

        dispatch_due(clock=timezone.now)

        (message,) = twilio.messages
        assert state(job) == ("sent", "")
        assert (message["to"], message["from"]) == ("+33612345678", "LILAS")
        assert message["status_callback"] == f"https://demo.example.org{HOOK}?job={job.pk}"
        assert job.provider_message_id == message["sid"]
        assert twilio.credentials == ["AC" + "0" * 32 + ":" + TOKEN]

    @pytest.mark.parametrize(
        ("code", "reason"), [(21610, "opt_out"), (21211, "invalid"), (21614, "invalid"), (21612, None)]
    )
    def test_takes_a_refusal_as_final(self, twilio, now_queue, code, reason):
        twilio.mode, twilio.code = "refuse", code
        job = now_queue()

        dispatch_due(clock=timezone.now)

        assert state(job) == ("failed", f"TWILIO_{code}")
        assert [row.reason for row in Suppression.objects.all()] == ([reason] if reason else [])

    def test_tries_again_when_throttled(self, twilio, now_queue):
        twilio.mode = "throttle"
        job = now_queue()

        dispatch_due(clock=timezone.now)

        assert state(job) == ("pending", "TWILIO_20429")

    def test_tries_again_when_nobody_listens(self, twilio, now_queue, settings):
        settings.TWILIO_API_BASE = "http://127.0.0.1:9"
        job = now_queue()

        dispatch_due(clock=timezone.now)

        assert state(job) == ("pending", "TWILIO_UNREACHABLE")

    @pytest.mark.parametrize("mode", ["reset", "error", "garbage"])
    def test_is_in_doubt_when_the_answer_is_lost(self, twilio, now_queue, mode):
        twilio.mode = mode
        job = now_queue()

        dispatch_due(clock=timezone.now)

        assert state(job)[0] == "unknown"

    def test_finds_a_message_whose_answer_was_lost(self, twilio, now_queue):
        twilio.mode = "reset"
        job = now_queue()
        dispatch_due(clock=timezone.now)
        twilio.mode = "ok"

        dispatch_due(clock=later(6))

        assert state(job) == ("sent", "")
        assert job.provider_message_id == twilio.messages[0]["sid"]
        assert len(twilio.messages) == 1

    def test_sends_again_what_twilio_never_had(self, twilio, now_queue):
        twilio.mode = "error"
        job = now_queue()
        dispatch_due(clock=timezone.now)
        twilio.mode = "ok"

        dispatch_due(clock=later(6))
        dispatch_due(clock=later(10))

        assert state(job) == ("sent", "")
        assert len(twilio.messages) == 1

    def test_does_not_mistake_a_twin_for_the_lost_one(self, twilio, now_queue):
        """Two children, one phone, the same words: the first one's receipt is not the second one's."""
        first = now_queue()
        dispatch_due(clock=timezone.now)
        twilio.mode = "error"
        second = now_queue()
        dispatch_due(clock=timezone.now)
        twilio.mode = "ok"

        dispatch_due(clock=later(6))

        assert state(first)[0] == "sent"
        assert state(second) == ("pending", "NEVER_ARRIVED")

    def test_waits_while_twilio_cannot_be_asked(self, twilio, now_queue):
        twilio.mode = "error"
        job = now_queue()
        dispatch_due(clock=timezone.now)

        dispatch_due(clock=later(6))

        assert state(job)[0] == "unknown"


def call(job: NotificationJob | None, form: dict[str, str], *, token: str = TOKEN, path: str | None = None):
    path = path or (f"{HOOK}?job={job.pk}" if job else HOOK)
    signature = RequestValidator(token).compute_signature(f"https://demo.example.org{path}", form)
    return APIClient().post(
        path,
        urlencode(form),
        content_type="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signature},
    )


@pytest.mark.django_db
class TestCallback:
    @pytest.fixture
    def sent(self, twilio, now_queue):
        job = now_queue()
        dispatch_due(clock=timezone.now)
        job.refresh_from_db()
        return job

    def test_moves_forward_only(self, sent):
        form = {"MessageSid": sent.provider_message_id}
        for status, shown in [
            ("sent", "sent"),
            ("queued", "sent"),
            ("delivered", "delivered"),
            ("sent", "delivered"),
            ("undelivered", "delivered"),
            ("delivered", "delivered"),
        ]:
            assert call(sent, {**form, "MessageStatus": status}).status_code == 204
            assert state(sent)[0] == shown
        assert NotificationLog.objects.filter(job=sent, step="delivered").count() == 1

    def test_remembers_numbers_that_do_not_exist(self, sent):
        call(
            sent,
            {"MessageSid": sent.provider_message_id, "MessageStatus": "undelivered", "ErrorCode": "30005"},
        )

        assert state(sent) == ("undelivered", "TWILIO_30005")
        assert Suppression.objects.get().reason == "invalid"

    def test_settles_a_message_whose_worker_died(self, sent):
        sid = sent.provider_message_id
        NotificationJob.objects.filter(pk=sent.pk).update(
            state="unknown", provider_message_id="", delivery=""
        )

        assert call(sent, {"MessageSid": sid, "MessageStatus": "delivered"}).status_code == 204

        assert state(sent)[0] == "delivered"
        assert sent.provider_message_id == sid

    def test_stops_a_repetition_that_is_about_to_start(self, sent, twilio):
        sid = sent.provider_message_id
        NotificationJob.objects.filter(pk=sent.pk).update(
            state="pending", provider_message_id="", delivery=""
        )

        call(sent, {"MessageSid": sid, "MessageStatus": "sent"})
        dispatch_due(clock=later(60))

        assert len(twilio.messages) == 1

    def test_finds_the_message_by_twilio_s_identifier_too(self, sent):
        call(None, {"MessageSid": sent.provider_message_id, "MessageStatus": "delivered"})

        assert state(sent)[0] == "delivered"

    def test_ignores_messages_that_are_not_ours(self, twilio):
        assert call(None, {"MessageSid": "SM404", "MessageStatus": "delivered"}).status_code == 204
        path = f"{HOOK}?job=not-a-key"
        assert call(None, {"MessageSid": "SM404", "MessageStatus": "sent"}, path=path).status_code == 204

    def test_obeys_stop_and_start(self, twilio):
        answer = {"MessageSid": "SM1", "From": "+33612345678"}

        call(None, {**answer, "OptOutType": "STOP"})
        assert Suppression.objects.active().count() == 1
        call(None, {**answer, "OptOutType": "STOP"})
        assert Suppression.objects.active().count() == 1
        call(None, {**answer, "OptOutType": "START"})
        assert Suppression.objects.active().count() == 0

    def test_refuses_what_twilio_did_not_sign(self, sent, settings):
        form = {"MessageSid": sent.provider_message_id, "MessageStatus": "delivered"}

        assert call(sent, form, token="other").status_code == 401
        assert APIClient().post(HOOK, form).status_code == 401
        settings.TWILIO_AUTH_TOKEN = ""
        assert call(sent, form, token="").status_code == 401
        assert state(sent)[0] == "sent"
