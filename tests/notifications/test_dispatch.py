"""Sending what is due, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail

from apps.core.storage import private_store
from apps.notifications import dispatch
from apps.notifications.dispatch import dispatch_due
from apps.notifications.hooks import message_status
from apps.notifications.models import NotificationJob, NotificationLog, Suppression
from apps.notifications.providers.base import CannotAsk, Receipt, Refused, Unclear
from apps.notifications.services import retry_message, suppress
from apps.notifications.texts import add_text


class FakeProvider:
    """Stands for a provider whose behaviour the test chooses; counts its calls."""

    name = "fake"
    settles_after = timedelta(minutes=5)

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.answer: Any = Receipt("fake-1")
        self.found: Any = None

    def send(self, message):
        self.calls.append(message)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def find(self, message, *, since, known):
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.fixture
def provider(monkeypatch):
    fake = FakeProvider()
    monkeypatch.setattr(dispatch, "provider_for", lambda channel: fake)
    return fake


def steps(job: NotificationJob) -> list[str]:
    return list(NotificationLog.objects.filter(job=job).order_by("id").values_list("step", flat=True))


def after(at, **span):
    return lambda: at + timedelta(**span)


@pytest.mark.django_db
class TestDispatch:
    def test_sends_a_text_message_to_the_outbox_and_logs_what_was_sent(self, queue, texts, clock):
        job = queue()

        done = dispatch_due(clock=clock)

        assert done.sent == 1
        job.refresh_from_db()
        assert (job.status, job.provider, job.attempts) == ("sent", "outbox", 1)
        assert [(text["to"], text["job"]) for text in texts()] == [("+33612345678", str(job.pk))]
        assert steps(job) == ["queued", "sending", "sent"]
        shown = NotificationLog.objects.get(job=job, step="sending")
        assert shown.rendered["text"] == texts()[0]["text"]
        assert "24/11/2026" in shown.rendered["text"]
        assert (shown.encoding, shown.parts) == ("GSM-7", 1)

    def test_sends_an_email_with_its_pdf(self, queue, clock, practice):
        key = f"{practice.pk}/{uuid4()}"
        private_store().put(key, b"%PDF-1.7 invoice", "application/pdf")
        job = queue(
            channel="email",
            recipient="camille@example.org",
            template="billing.invoice",
            context={"number": "F2026-0001", "amount": "86,76 €"},
            attachments=[{"key": key, "filename": "F2026-0001.pdf", "content_type": "application/pdf"}],
        )

        dispatch_due(clock=clock)

        email: Any = mail.outbox[0]
        assert email.to == ["camille@example.org"]
        assert email.from_email.startswith("Cabinet des Lilas <")
        assert email.subject == "Votre facture F2026-0001"
        assert email.extra_headers["Message-ID"].startswith(f"<{job.pk}@")
        assert email.attachments[0].filename == "F2026-0001.pdf"
        assert email.attachments[0].content == b"%PDF-1.7 invoice"
        assert email.alternatives[0].mimetype == "text/html"

    def test_leaves_what_is_not_due(self, queue, texts, clock, at):
        queue(due_at=at + timedelta(seconds=1))

        assert dispatch_due(clock=clock).sent == 0
        assert texts() == []

    def test_sends_each_once_however_often_it_runs(self, queue, texts, clock):
        for _ in range(3):
            queue()

        rounds = [dispatch_due(clock=clock).sent for _ in range(3)]

        assert rounds == [3, 0, 0]
        assert len(texts()) == 3

    def test_stops_at_its_limit(self, queue, clock):
        for _ in range(3):
            queue()

        assert dispatch_due(clock=clock, limit=2).sent == 2

    def test_drops_a_reminder_whose_moment_has_passed(self, queue, texts, at):
        job = queue(expires_at=at + timedelta(hours=1))

        done = dispatch_due(clock=after(at, hours=1))

        assert (done.expired, texts()) == (1, [])
        job.refresh_from_db()
        assert (job.status, steps(job)[-1]) == ("cancelled", "expired")

    @pytest.mark.parametrize("everybody", [True, False])
    def test_does_not_write_to_somebody_who_wants_none(
        self, queue, texts, dora, practice, clock, at, everybody
    ):
        suppress(
            actor=dora,
            practice_id=None if everybody else practice.pk,
            channel="sms",
            recipient="+33612345678",
            reason=Suppression.Reason.OPT_OUT,
            at=at,
        )
        job = queue()

        dispatch_due(clock=clock)

        job.refresh_from_db()
        assert (job.status, job.last_error, texts()) == ("failed", "SUPPRESSED", [])

    def test_obeys_another_practice_s_suppression_not_here(
        self, queue, texts, dora, other_practice, clock, at
    ):
        suppress(
            actor=dora,
            practice_id=other_practice.pk,
            channel="sms",
            recipient="+33612345678",
            reason=Suppression.Reason.OPT_OUT,
            at=at,
        )
        queue()

        assert dispatch_due(clock=clock).sent == 1

    def test_prefers_the_practice_s_own_text(self, queue, texts, dora, practice, clock):
        add_text(
            actor=dora,
            practice=practice,
            key="appointment.reminder",
            channel="sms",
            language="fr",
            body="RDV {{ date }}",
        )
        queue()

        dispatch_due(clock=clock)

        assert texts()[0]["text"] == "RDV 24/11/2026"

    def test_falls_back_to_french(self, queue, texts, dora, practice, clock):
        queue(language="de")

        dispatch_due(clock=clock)

        assert "rappel de votre rendez-vous" in texts()[0]["text"]

    def test_keeps_links_that_log_in_out_of_log_and_row(self, queue, clock):
        job = queue(
            template="account.password_reset",
            channel="email",
            recipient="ana@example.org",
            context={"link": "https://example.org/secret-token"},
        )

        dispatch_due(clock=clock)

        assert "secret-token" in mail.outbox[0].body
        job.refresh_from_db()
        assert job.context is None
        for entry in NotificationLog.objects.filter(job=job):
            assert "secret-token" not in str(entry.rendered)

    def test_tells_the_apps_above(self, queue, clock):
        heard = []
        job = queue()

        def listen(job, status, at):
            heard.append((job.cause_id, status))

        message_status.register(listen)
        try:
            dispatch_due(clock=clock)
        finally:
            message_status.unregister(listen)

        assert heard == [(job.cause_id, "sent")]

    def test_outlives_trouble_above(self, queue, clock):
        job = queue()

        def fail(job, status, at):
            raise RuntimeError("trouble above")

        message_status.register(fail)
        try:
            dispatch_due(clock=clock)
        finally:
            message_status.unregister(fail)

        job.refresh_from_db()
        assert job.status == "sent"


@pytest.mark.django_db
class TestFailure:
    def test_tries_again_after_1_5_30_minutes_and_then_gives_up(self, queue, provider, at):
        provider.answer = Refused("TWILIO_UNREACHABLE", retry=True)
        job = queue()
        moment, waits = at, []
        for _ in range(5):
            dispatch_due(clock=after(moment))
            job.refresh_from_db()
            waits.append((job.due_at - moment).total_seconds() / 60 if job.state == "pending" else None)
            moment = max(moment, job.due_at)

        assert waits == [1, 5, 30, 30, None]
        assert (job.status, len(provider.calls)) == ("dead", 5)
        assert steps(job)[-1] == "failed"

    def test_does_not_repeat_a_final_refusal_and_remembers_an_opt_out(self, queue, provider, at, clock):
        provider.answer = Refused("TWILIO_21610", suppress=Suppression.Reason.OPT_OUT)
        job = queue()

        dispatch_due(clock=clock)
        dispatch_due(clock=after(at, days=2))

        job.refresh_from_db()
        assert (job.status, job.last_error, len(provider.calls)) == ("failed", "TWILIO_21610", 1)
        assert Suppression.objects.get().reason == "opt_out"

    def test_tries_again_when_the_attachment_cannot_be_read_yet(self, queue, clock, monkeypatch):
        from apps.core.storage import StorageDown

        class Down:
            def read(self, key):
                raise StorageDown

        monkeypatch.setattr(dispatch, "private_store", Down)
        job = queue(
            channel="email",
            recipient="camille@example.org",
            attachments=[{"key": "a/b", "filename": "f.pdf", "content_type": "application/pdf"}],
        )

        dispatch_due(clock=clock)

        job.refresh_from_db()
        assert (job.state, mail.outbox) == ("pending", [])

    def test_starts_over_by_hand(self, queue, provider, dora, clock, at):
        provider.answer = Refused("TWILIO_30042")
        job = queue()
        dispatch_due(clock=clock)
        provider.answer = Receipt("fake-2")

        retry_message(actor=dora, job=job, at=at)
        dispatch_due(clock=clock)

        job.refresh_from_db()
        assert (job.status, job.provider_message_id) == ("sent", "fake-2")
        assert steps(job) == ["queued", "sending", "failed", "requeued", "sending", "sent"]


@pytest.mark.django_db
class TestUnknownOutcome:
    @pytest.fixture
    def doubtful(self, queue, provider, clock):
        provider.answer = Unclear("TWILIO_READTIMEOUT")
        job = queue()
        dispatch_due(clock=clock)
        provider.answer = Receipt("second")
        job.refresh_from_db()
        return job

    def test_is_not_sent_again_before_the_provider_is_asked(self, doubtful, provider, at):
        dispatch_due(clock=after(at, minutes=4))

        doubtful.refresh_from_db()
        assert (doubtful.status, len(provider.calls)) == ("unknown", 1)

    def test_is_done_when_the_provider_has_it(self, doubtful, provider, at):
        provider.found = Receipt("first")

        assert dispatch_due(clock=after(at, minutes=6)).reconciled == 1

        doubtful.refresh_from_db()
        assert (doubtful.status, doubtful.provider_message_id, len(provider.calls)) == ("sent", "first", 1)

    def test_is_sent_again_when_it_never_arrived(self, doubtful, provider, at):
        dispatch_due(clock=after(at, minutes=6))
        dispatch_due(clock=after(at, minutes=8))

        doubtful.refresh_from_db()
        assert (doubtful.status, doubtful.provider_message_id, len(provider.calls)) == ("sent", "second", 2)
        assert steps(doubtful) == ["queued", "sending", "unknown", "reconciled", "sending", "sent"]

    def test_waits_while_the_provider_cannot_be_asked_and_is_left_to_people_after_a_day(
        self, doubtful, provider, at
    ):
        provider.found = CannotAsk()

        dispatch_due(clock=after(at, hours=23))
        doubtful.refresh_from_db()
        assert doubtful.status == "unknown"

        dispatch_due(clock=after(at, hours=25))
        doubtful.refresh_from_db()
        assert (doubtful.status, doubtful.last_error, len(provider.calls)) == ("failed", "OUTCOME_UNKNOWN", 1)

    def test_covers_faults_nobody_foresaw(self, queue, provider, clock):
        provider.answer = ZeroDivisionError()
        job = queue()

        dispatch_due(clock=clock)

        job.refresh_from_db()
        assert (job.status, job.last_error) == ("unknown", "UNEXPECTED")
