"""The admin pages of messages: every action reaches its service."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from apps.notifications.dispatch import dispatch_due
from apps.notifications.models import NotificationJob, NotificationLog, NotificationTemplate, Suppression


@pytest.fixture
def browser(acting):
    def logged_in(user):
        client = Client()
        with acting(user):
            client.force_login(user)
        return client

    return logged_in


def page(model: str, name: str, *args) -> str:
    return reverse(f"admin:notifications_{model}_{name}", args=args)


def house_text(channel: str = "sms") -> NotificationTemplate:
    return NotificationTemplate.objects.get(
        practice=None, key="appointment.reminder", channel=channel, language="fr"
    )


@pytest.mark.django_db
class TestTemplates:
    @pytest.mark.parametrize(("channel", "shown"), [("sms", "GSM-7"), ("email", "<iframe")])
    def test_previews_a_text(self, browser, ben, channel, shown):
        answer = browser(ben).get(page("notificationtemplate", "change", house_text(channel).pk))

        assert answer.status_code == 200
        assert shown in answer.content.decode()

    def test_adds_through_the_service(self, browser, dora, practice):
        form = {
            "key": "appointment.reminder",
            "channel": "sms",
            "language": "fr",
            "subject": "",
            "body": "RDV {{ date }}",
            "simplify": "on",
            "is_active": "on",
        }
        answer = browser(dora).post(page("notificationtemplate", "add"), form)

        assert answer.status_code == 302, answer.context["errors"]
        assert NotificationTemplate.objects.get(practice=practice).body == "RDV {{ date }}"

    def test_shows_what_the_service_refuses(self, browser, dora, practice):
        form = {"key": "appointment.reminder", "channel": "sms", "language": "fr", "body": "{{ diagnosis }}"}
        answer = browser(dora).post(page("notificationtemplate", "add"), form)

        assert answer.status_code == 200
        assert "diagnosis" in str(answer.context["errors"])
        assert not NotificationTemplate.objects.filter(practice=practice).exists()

    def test_adapts_a_house_text_and_changes_the_copy(self, browser, dora, practice):
        client = browser(dora)
        client.post(page("notificationtemplate", "adapt_do", house_text().pk), {"confirmed": "yes"})
        own = NotificationTemplate.objects.get(practice=practice)

        answer = client.post(
            page("notificationtemplate", "change", own.pk),
            {"subject": "", "body": "RDV {{ time }}", "simplify": "on", "is_active": "on"},
        )

        assert answer.status_code == 302, answer.context["errors"]
        own.refresh_from_db()
        assert (own.body, own.version) == ("RDV {{ time }}", 2)

    def test_leaves_the_house_s_texts_alone(self, browser, dora):
        text = house_text()
        answer = browser(dora).post(page("notificationtemplate", "change", text.pk), {"body": "x"})

        assert answer.status_code == 403
        assert house_text().body == text.body


@pytest.mark.django_db
class TestJobs:
    def test_shows_steps_and_what_was_sent(self, browser, ben, queue, clock):
        job = queue()
        dispatch_due(clock=clock)

        shown = browser(ben).get(page("notificationjob", "change", job.pk)).content.decode()

        assert "rappel de votre rendez-vous" in shown
        assert "612345678" not in shown

    def test_sends_again(self, browser, dora, queue, at):
        job = queue()
        NotificationJob.objects.filter(pk=job.pk).update(state="dead", finished_at=at)

        browser(dora).post(page("notificationjob", "retry_do", job.pk), {"confirmed": "yes"})

        job.refresh_from_db()
        assert job.state == "pending"

    def test_cancels(self, browser, dora, ben, queue):
        job = queue()

        assert browser(ben).post(page("notificationjob", "cancel_do", job.pk)).status_code == 403
        browser(dora).post(page("notificationjob", "cancel_do", job.pk), {"confirmed": "yes"})

        job.refresh_from_db()
        assert job.state == "cancelled"
        assert NotificationLog.objects.filter(job=job, step="cancelled", actor_id=dora.pk).exists()

    def test_cleo_sees_none_of_ours(self, browser, cleo, queue):
        job = queue()
        log = NotificationLog.objects.get()

        assert browser(cleo).get(page("notificationjob", "change", job.pk)).status_code == 404
        assert browser(cleo).get(page("notificationlog", "change", log.pk)).status_code == 404


@pytest.mark.django_db
class TestSuppressions:
    def test_are_added_and_lifted(self, browser, ben, practice):
        client = browser(ben)
        answer = client.post(page("suppression", "add"), {"channel": "sms", "recipient": "06 12 34 56 78"})
        assert answer.status_code == 302, answer.context["errors"]
        row = Suppression.objects.get()
        assert (row.practice_id, row.reason, row.recipient_masked) == (practice.pk, "manual", "+336 •• •• 78")

        client.post(page("suppression", "lift_do", row.pk), {"confirmed": "yes"})

        row.refresh_from_db()
        assert row.lifted_at is not None

    def test_refuse_what_is_no_number(self, browser, ben):
        answer = browser(ben).post(page("suppression", "add"), {"channel": "sms", "recipient": "x"})

        assert answer.status_code == 200
        assert not Suppression.objects.exists()
