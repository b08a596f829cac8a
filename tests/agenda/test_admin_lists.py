"""The admin's pages of waiting list, recalls, worked holidays and calendar addresses call the services."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from apps.agenda.models import CalendarToken, OpenHoliday, Recall, RecallAttempt, RecallType, WaitlistEntry
from apps.audit.models import AuditEntry
from tests.agenda.scenes import Desk

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(acting):
    """Return a client with an admin session."""

    def logged_in(user) -> Client:
        client = Client()
        with acting(user):
            client.force_login(user)
        return client

    return logged_in


def page(model: str, name: str, *args) -> str:
    return reverse(f"admin:agenda_{model}_{name}", args=args)


class TestCalendarToken:
    def test_shows_the_address_once_and_revokes_it(self, desk: Desk, browser, ana) -> None:
        client = browser(ana)
        who = str(desk.house.practitioners[0].pk)
        answer = client.post(
            page("calendartoken", "add"), {"practitioner": who, "label": "Téléphone"}, follow=True
        )
        [address] = re.findall(r"/api/v1/practitioners/[^\s<]+", answer.content.decode())
        assert Client().get(address).status_code == 200
        token = CalendarToken.objects.get()
        again = client.get(page("calendartoken", "change", token.pk)).content.decode()
        assert "calendar.ics" not in again

        client.post(page("calendartoken", "revoke_address_do", token.pk), {"confirmed": "yes"})
        assert Client().get(address).status_code == 401

    def test_of_a_colleague_is_refused(self, desk: Desk, browser, ana) -> None:
        who = str(desk.house.practitioners[1].pk)
        browser(ana).post(page("calendartoken", "add"), {"practitioner": who, "label": ""})
        assert not CalendarToken.objects.exists()


class TestHoliday:
    def test_opens_and_closes(self, desk: Desk, browser, dora) -> None:
        client = browser(dora)
        client.post(page("openholiday", "add"), {"day": "24/12/2026"})
        assert not OpenHoliday.objects.exists()
        client.post(page("openholiday", "add"), {"day": "25/12/2026"})
        day = OpenHoliday.objects.get()
        client.post(page("openholiday", "delete", day.pk), {"post": "yes"})
        assert not OpenHoliday.objects.exists()


class TestWaitlist:
    def test_adds_changes_and_withdraws(self, desk: Desk, browser) -> None:
        client = browser(desk.actor)
        asked = {
            "patient": str(desk.patients[0].pk),
            "type": str(desk.type.pk),
            "practitioner": "",
            "duration_minutes": "",
            "priority": "1",
            "weekdays": "1,3",
            "earliest": "",
            "latest": "",
            "valid_from": "",
            "valid_until": "",
            "note": "",
        }
        answer = client.post(page("waitlistentry", "add"), asked)
        assert answer.status_code == 302, re.findall(r"errorlist.*", answer.content.decode())
        entry = WaitlistEntry.objects.get()
        assert (entry.weekdays, entry.priority, entry.status) == ([1, 3], 1, "waiting")
        client.post(page("waitlistentry", "delete", entry.pk), {"post": "yes"})
        entry.refresh_from_db()
        assert entry.status == "withdrawn"
        assert AuditEntry.objects.about(entry).filter(event="agenda.waitlist.withdraw").exists()


class TestRecall:
    def test_notes_a_call(self, desk: Desk, browser, acting) -> None:
        with acting(desk.actor):
            kind = RecallType.objects.create(practice=desk.house.practice, name="Contrôle")
        client = browser(desk.actor)
        asked = {
            "patient": str(desk.patients[0].pk),
            "type": str(kind.pk),
            "practitioner": "",
            "previous_on": "20/05/2026",
            "override_on": "",
            "snoozed_until": "",
            "note": "",
        }
        answer = client.post(page("recall", "add"), asked)
        assert answer.status_code == 302, re.findall(r"errorlist.*", answer.content.decode())
        recall = Recall.objects.get()
        assert f"{recall.due_on:%d/%m/%Y}" == "20/11/2026"
        client.post(page("recall", "called_no_answer_do", recall.pk), {"confirmed": "yes"})
        assert RecallAttempt.objects.get().outcome == "no_answer"
