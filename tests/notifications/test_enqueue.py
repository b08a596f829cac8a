"""Queueing a message, in the transaction of its cause."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction

from apps.notifications.errors import InvalidRecipient, MissingVariable, NoTemplate, UnknownMessage
from apps.notifications.models import NotificationJob, NotificationLog
from apps.notifications.services import cancel_for


@pytest.mark.django_db
class TestEnqueue:
    def test_stores_one_row_and_one_log_entry(self, queue, dora, practice, at):
        job = queue()

        assert (job.state, job.practice_id, job.attempts) == ("pending", practice.pk, 0)
        log = NotificationLog.objects.get(job=job)
        assert (log.step, log.actor_id, log.at) == ("queued", dora.pk, at)

    def test_same_key_returns_the_row_there_is(self, queue):
        first = queue(unique_key="appointment-1")
        second = queue(unique_key="appointment-1", recipient="+33699999999")

        assert second.pk == first.pk
        assert second.recipient == "+33612345678"
        assert NotificationLog.objects.count() == 1

    def test_goes_when_its_cause_is_rolled_back(self, queue):
        def cause() -> None:
            with transaction.atomic():
                queue()
                raise RuntimeError

        with pytest.raises(RuntimeError):
            cause()

        assert not NotificationJob.objects.exists()

    def test_seals_recipient_and_values(self, queue):
        job = queue(context={"date": "24/11/2026", "time": "09:30", "first_name": "Camille"})

        with connection.cursor() as cursor:
            cursor.execute("SELECT row_to_json(j)::text FROM notifications_notificationjob j")
            stored = cursor.fetchone()[0]
        assert "612345678" not in stored
        assert "Camille" not in stored
        assert job.recipient_masked == "+336 •• •• 78"
        assert NotificationJob.objects.get().context["first_name"] == "Camille"

    @pytest.mark.parametrize(
        ("channel", "given", "kept"),
        [
            ("sms", "06 12 34 56 78", "+33612345678"),
            ("sms", "+216 20 123 456", "+21620123456"),
            ("email", " Camille@Example.org ", "camille@example.org"),
        ],
    )
    def test_keeps_one_spelling_of_a_recipient(self, queue, channel, given, kept):
        assert queue(channel=channel, recipient=given).recipient == kept

    @pytest.mark.parametrize(
        ("channel", "given"),
        [("sms", "12"), ("sms", "abc"), ("email", "nobody"), ("email", "a@b.fr\nBcc: c@d.fr")],
    )
    def test_refuses_a_recipient_nothing_can_reach(self, queue, channel, given):
        with pytest.raises(InvalidRecipient):
            queue(channel=channel, recipient=given)

    def test_refuses_a_message_nobody_knows(self, queue):
        with pytest.raises(UnknownMessage):
            queue(template="no.such")

    def test_refuses_a_channel_without_a_text(self, queue):
        with pytest.raises(NoTemplate):
            queue(template="patient.welcome", context={"first_name": "Camille"})

    def test_refuses_a_missing_value(self, queue):
        with pytest.raises(MissingVariable) as refusal:
            queue(context={"date": "24/11/2026"})

        assert refusal.value.details == {"variables": ["time"]}

    def test_takes_a_moment_for_date_and_time(self, queue, at):
        assert queue(context={"starts_at": at}).context == {"starts_at": "2026-11-23T08:00:00+00:00"}

    def test_wakes_a_worker_only_for_what_is_due(
        self, queue, at, monkeypatch, django_capture_on_commit_callbacks
    ):
        woken = []
        monkeypatch.setattr("apps.notifications.services.wake_dispatcher", lambda: woken.append(1))

        with django_capture_on_commit_callbacks(execute=True):
            queue(due_at=at + timedelta(hours=1))
        assert woken == []

    def test_survives_a_dead_broker(self, queue, monkeypatch, django_capture_on_commit_callbacks):
        from kombu.exceptions import OperationalError

        def fail(*args, **kwargs):
            raise OperationalError

        monkeypatch.setattr("celery.current_app.send_task", fail)

        with django_capture_on_commit_callbacks(execute=True) as called:
            queue()

        assert len(called) == 1
        assert NotificationJob.objects.count() == 1


@pytest.mark.django_db
class TestCancelFor:
    def test_cancels_what_waits_for_this_cause_only(self, queue, dora, at):
        cause = uuid4()
        mine, other = queue(cause_id=cause), queue()

        assert cancel_for(actor=dora, cause_type="agenda.appointment", cause_id=cause, at=at) == 1

        mine.refresh_from_db()
        other.refresh_from_db()
        assert (mine.state, other.state) == ("cancelled", "pending")
        assert list(mine.logs.order_by("id").values_list("step", flat=True)) == ["queued", "cancelled"]

    def test_leaves_what_has_begun_to_leave(self, queue, dora, at):
        job = queue()
        NotificationJob.objects.filter(pk=job.pk).update(
            state="sending", lease_owner=uuid4(), lease_until=at + timedelta(minutes=2)
        )

        assert cancel_for(actor=dora, cause_type=job.cause_type, cause_id=job.cause_id, at=at) == 0
