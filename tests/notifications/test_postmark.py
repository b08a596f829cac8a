"""Postmark: anymail's real backend against a server that speaks its protocol, and its calls back."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.notifications.dispatch import dispatch_due
from apps.notifications.models import NotificationJob, Suppression
from tests.notifications.fakes import Far, PostmarkHandler, served

HOOK = "/api/v1/webhooks/postmark"


@pytest.fixture
def postmark(settings: Any) -> Iterator[Far]:
    with served(PostmarkHandler) as far:
        settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
        settings.ANYMAIL = {
            "POSTMARK_SERVER_TOKEN": "postmark-token",
            "POSTMARK_API_URL": f"{far.url}/",
            "REQUESTS_TIMEOUT": (2, 2),
        }
        settings.POSTMARK_WEBHOOK_CREDENTIALS = "postmark:hook-password"
        yield far


@pytest.fixture
def email(queue):
    return lambda: queue(
        channel="email", recipient="camille@example.org", due_at=timezone.now(), at=timezone.now()
    )


def state(job: NotificationJob) -> str:
    job.refresh_from_db()
    return job.status


@pytest.mark.django_db
class TestPostmark:
    # pytest-django replaces the email backend; these tests want the real one.
    @pytest.fixture(autouse=True)
    def _real_backend(self, postmark, settings):
        settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"

    def test_sends_with_our_job_as_metadata(self, postmark, email):
        job = email()

        dispatch_due(clock=timezone.now)

        (message,) = postmark.messages
        assert state(job) == "sent"
        assert message["Metadata"] == {"job": str(job.pk)}
        assert message["Subject"] == "Rappel de rendez-vous"
        assert "HtmlBody" in message
        assert job.provider_message_id == message["MessageID"]
        assert postmark.credentials == ["postmark-token"]

    def test_remembers_an_inactive_recipient(self, postmark, email):
        postmark.mode = "refuse"
        job = email()

        dispatch_due(clock=timezone.now)

        assert (state(job), job.last_error) == ("failed", "EMAIL_RECIPIENT_REFUSED")
        assert Suppression.objects.get().reason == "hard_bounce"

    def test_finds_an_email_whose_answer_was_lost(self, postmark, email):
        postmark.mode = "reset"
        job = email()
        dispatch_due(clock=timezone.now)
        assert state(job) == "unknown"
        postmark.mode = "ok"

        dispatch_due(clock=lambda: timezone.now() + timedelta(minutes=6))

        assert state(job) == "sent"
        assert len(postmark.messages) == 1

    def test_sends_again_what_postmark_never_had(self, postmark, email):
        postmark.mode = "error"
        job = email()
        dispatch_due(clock=timezone.now)
        postmark.mode = "ok"

        dispatch_due(clock=lambda: timezone.now() + timedelta(minutes=6))
        dispatch_due(clock=lambda: timezone.now() + timedelta(minutes=10))

        assert state(job) == "sent"
        assert len(postmark.messages) == 1


def call(body: dict[str, Any], credentials: str = "postmark:hook-password"):
    header = "Basic " + b64encode(credentials.encode()).decode()
    return APIClient().post(HOOK, body, headers={"Authorization": header})


@pytest.mark.django_db
class TestCallback:
    @pytest.fixture
    def sent(self, postmark, email, settings):
        settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
        job = email()
        dispatch_due(clock=timezone.now)
        job.refresh_from_db()
        return job

    def tell(self, far: Far, job: NotificationJob, *events: str) -> None:
        far.details[job.provider_message_id] = {
            "MessageID": job.provider_message_id,
            "Metadata": {"job": str(job.pk)},
            "MessageEvents": [{"Type": event} for event in events],
        }

    def test_records_a_delivery_postmark_confirms(self, postmark, sent):
        self.tell(postmark, sent, "Delivered")

        assert call({"RecordType": "Delivery", "MessageID": sent.provider_message_id}).status_code == 204

        assert state(sent) == "delivered"

    def test_does_not_believe_what_postmark_does_not_confirm(self, postmark, sent):
        self.tell(postmark, sent)

        call({"RecordType": "Bounce", "Type": "HardBounce", "MessageID": sent.provider_message_id})

        assert state(sent) == "sent"
        assert not Suppression.objects.exists()

    def test_suppresses_after_a_hard_bounce(self, postmark, sent):
        self.tell(postmark, sent, "Bounced")

        call({"RecordType": "Bounce", "Type": "HardBounce", "MessageID": sent.provider_message_id})

        assert state(sent) == "undelivered"
        assert Suppression.objects.get().reason == "hard_bounce"

    def test_asks_to_be_called_again_when_postmark_does_not_answer(self, sent, settings):
        settings.ANYMAIL = {**settings.ANYMAIL, "POSTMARK_API_URL": "http://127.0.0.1:9/"}

        assert call({"RecordType": "Delivery", "MessageID": sent.provider_message_id}).status_code == 503

    def test_refuses_other_credentials(self, sent, settings):
        body = {"RecordType": "Delivery", "MessageID": sent.provider_message_id}

        assert call(body, "postmark:other").status_code == 401
        assert APIClient().post(HOOK, body).status_code == 401
        settings.POSTMARK_WEBHOOK_CREDENTIALS = ""
        assert call(body, "").status_code == 401
