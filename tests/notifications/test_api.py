"""The routes of messages, by role and by house."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.accounts.roles import Role
from apps.audit.models import AuditEntry
from apps.notifications.dispatch import dispatch_due
from apps.notifications.models import NotificationJob, NotificationLog, NotificationTemplate
from tests.cast import make_user

TEMPLATES = "/api/v1/notifications/templates"
JOBS = "/api/v1/notifications/jobs"
LOGS = "/api/v1/notifications/logs"
TEST = "/api/v1/notifications/test"
OWN = {
    "key": "appointment.reminder",
    "channel": "sms",
    "language": "fr",
    "body": "RDV le {{ date }} à {{ time }}",
}


@pytest.mark.django_db
class TestTemplates:
    def test_lists_the_house_s_texts_with_a_preview(self, api, ben):
        answer = api(ben).get(TEMPLATES, {"key": "appointment.reminder", "channel": "sms"}).json()

        assert answer["count"] == 2
        row = next(row for row in answer["results"] if row["language"] == "fr")
        assert row["is_house"] is True
        assert row["preview"]["parts"] >= 1
        assert "practice_name" in row["variables"]

    def test_adds_and_changes_the_practice_s_own(self, api, dora):
        created = api(dora).post(TEMPLATES, OWN)
        assert created.status_code == 201, created.content
        row = created.json()
        assert (row["version"], row["is_house"]) == (1, False)

        changed = api(dora).patch(f"{TEMPLATES}/{row['id']}", {"body": "Le {{ date }}", "version": 1})
        assert (changed.status_code, changed.json()["version"]) == (200, 2)
        assert (
            AuditEntry.objects.filter(event="notifications.template.change", object_pk=row["id"]).count() == 1
        )

        stale = api(dora).patch(f"{TEMPLATES}/{row['id']}", {"body": "Non", "version": 1})
        assert (stale.status_code, stale.json()["error"]["code"]) == (409, "STALE")

    def test_refuses_a_second_text_for_the_same(self, api, dora):
        api(dora).post(TEMPLATES, OWN)

        answer = api(dora).post(TEMPLATES, OWN)

        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "TEMPLATE_EXISTS")

    @pytest.mark.parametrize(
        "bad",
        [
            {"body": "{{ diagnosis }}"},
            {"body": ""},
            {"key": "no.such"},
            {"channel": "fax"},
            {"subject": "Rappel"},
            {"key": "account.password_reset", "channel": "email", "subject": "x", "body": "{{ link }}"},
        ],
    )
    def test_refuses_a_bad_text(self, api, dora, bad):
        answer = api(dora).post(TEMPLATES, {**OWN, **bad})

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")
        assert not NotificationTemplate.objects.filter(practice__isnull=False).exists()

    def test_does_not_change_the_house_s(self, api, dora):
        house = NotificationTemplate.objects.filter(practice=None).earliest("pk")

        answer = api(dora).patch(f"{TEMPLATES}/{house.pk}", {"body": "x"})

        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "HOUSE_TEXT")

    def test_cleo_sees_and_changes_none_of_ours(self, api, dora, cleo, other_practice):
        own = api(dora).post(TEMPLATES, OWN).json()

        seen = api(cleo).get(TEMPLATES).json()["results"]

        assert own["id"] not in {row["id"] for row in seen}
        boss = make_user("boss@test.test", Role.PRACTICE_ADMIN, "Boss", practice=other_practice)
        assert api(boss).patch(f"{TEMPLATES}/{own['id']}", {"body": "x"}).status_code == 404

    def test_asks_the_same_queries_for_one_and_for_many(self, api, dora):
        client = api(dora)
        client.get(TEMPLATES)
        with CaptureQueriesContext(
            connection,
        ) as few:
            client.get(TEMPLATES, {"key": "patient.welcome"})
        with CaptureQueriesContext(connection) as many:
            client.get(TEMPLATES)
        assert len(many) == len(few)


@pytest.mark.django_db
class TestJobsAndLogs:
    def test_shows_messages_and_what_was_sent(self, api, ben, queue, clock):
        job = queue()
        dispatch_due(clock=clock)

        (row,) = api(ben).get(JOBS, {"status": "sent,delivered"}).json()["results"]
        logs = api(ben).get(LOGS, {"job": str(job.pk)}).json()["results"]

        assert (row["id"], row["status"], row["recipient"]) == (str(job.pk), "sent", "+336 •• •• 78")
        assert row["due_at"] == "2026-11-23T09:00:00+01:00"
        assert [entry["step"] for entry in logs] == ["sent", "sending", "queued"]
        assert "24/11/2026" in logs[1]["text"]
        assert "612345678" not in str(logs) + str(row)

    def test_filters_by_status_and_day(self, api, ben, queue, clock, at):
        queue()
        dispatch_due(clock=clock)
        queue(due_at=at + timedelta(days=1))

        def ids(**query):
            return api(ben).get(JOBS, query).json()["count"]

        assert ids(status="pending") == 1
        assert ids(status="pending,sent") == 2
        assert ids(**{"from": "2026-11-24"}) == 1
        assert ids(to="2026-11-23") == 1
        assert api(ben).get(JOBS, {"status": "gone"}).status_code == 400
        assert api(ben).get(JOBS, {"colour": "red"}).status_code == 400

    def test_cleo_sees_none_of_ours(self, api, cleo, queue, clock):
        queue()
        dispatch_due(clock=clock)

        assert api(cleo).get(JOBS).json()["count"] == 0
        assert api(cleo).get(LOGS).json()["results"] == []

    @pytest.mark.parametrize("who", ["ines", "root"])
    def test_are_not_for_insurers_or_the_platform(self, api, request, who):
        user = request.getfixturevalue(who)

        assert api(user).get(JOBS).status_code == 403
        assert api(user).get(LOGS).status_code == 403

    def test_starts_a_failed_message_over(self, api, dora, ben, queue, at):
        job = queue()
        NotificationJob.objects.filter(pk=job.pk).update(state="dead", attempts=5, finished_at=at)

        assert api(ben).post(f"{JOBS}/{job.pk}/retry").status_code == 403
        answer = api(dora).post(f"{JOBS}/{job.pk}/retry")

        assert (answer.status_code, answer.json()["status"]) == (200, "pending")
        assert NotificationLog.objects.filter(job=job, step="requeued", actor_id=dora.pk).exists()

    @pytest.mark.parametrize("state", ["pending", "done", "unknown", "cancelled"])
    def test_starts_nothing_else_over(self, api, dora, queue, state):
        job = queue()
        NotificationJob.objects.filter(pk=job.pk).update(state=state)

        answer = api(dora).post(f"{JOBS}/{job.pk}/retry")

        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ILLEGAL_TRANSITION")

    def test_retries_nothing_of_another_house(self, api, other_practice, queue, at):
        job = queue()
        NotificationJob.objects.filter(pk=job.pk).update(state="dead", finished_at=at)
        boss = make_user("boss@test.test", Role.PRACTICE_ADMIN, "Boss", practice=other_practice)

        assert api(boss).post(f"{JOBS}/{job.pk}/retry").status_code == 404


@pytest.mark.django_db
class TestLogIsAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE notifications_notificationlog SET step = 'sent'",
            "UPDATE notifications_notificationlog SET actor_id = NULL",
            "DELETE FROM notifications_notificationlog",
            "TRUNCATE notifications_notificationlog CASCADE",
        ],
    )
    def test_refuses_to_be_rewritten(self, queue, statement):
        queue()

        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    def test_lets_the_text_be_blanked(self, queue, clock):
        queue()
        dispatch_due(clock=clock)

        assert NotificationLog.objects.filter(step="sending").update(rendered=None) == 1


@pytest.mark.django_db
class TestTestMessage:
    def test_sends_sample_values(self, api, dora, texts, clock):
        answer = api(dora).post(TEST, {"channel": "sms", "recipient": "06 12 34 56 78"})

        assert answer.status_code == 202, answer.content
        assert answer.json()["job"]["status"] == "pending"
        assert NotificationJob.objects.get().cause_type == "notifications.test"

    @pytest.mark.parametrize(
        ("body", "status"),
        [
            ({"channel": "sms", "recipient": "nobody"}, 400),
            ({"channel": "fax", "recipient": "+33612345678"}, 400),
            ({"recipient": "+33612345678"}, 400),
            ({"channel": "email", "recipient": "a@example.org", "template": "account.password_reset"}, 400),
            ({"channel": "sms", "recipient": "+33612345678", "template": "billing.invoice"}, 409),
        ],
    )
    def test_refuses_what_cannot_be_sent(self, api, dora, body, status):
        assert api(dora).post(TEST, body).status_code == status
        assert not NotificationJob.objects.exists()

    def test_is_for_who_runs_the_practice(self, api, ben, ana):
        body = {"channel": "sms", "recipient": "+33612345678"}

        assert api(ben).post(TEST, body).status_code == 403
        assert api(ana).post(TEST, body).status_code == 403
        assert api(None).post(TEST, body).status_code == 401

    def test_has_a_limit(self, api, dora, monkeypatch):
        monkeypatch.setattr("apps.notifications.api.views.TESTS_PER_HOUR", 1)
        body = {"channel": "sms", "recipient": "+33612345678"}
        client = api(dora)

        assert client.post(TEST, body).status_code == 202
        refused = client.post(TEST, body)

        assert (refused.status_code, refused.headers["Retry-After"].isdigit()) == (429, True)
