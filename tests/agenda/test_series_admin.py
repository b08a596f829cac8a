"""Series in the admin: their visits, changing some of them, the conflicts of all."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from apps.agenda.models import Appointment, Series
from tests.agenda.scenes import PARIS, Desk, clock
from tests.agenda.test_series import starts, visits_of, weekly

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(desk: Desk, acting) -> Client:
    client = Client()
    with acting(desk.actor):
        client.force_login(desk.actor)
    return client


def page(name: str, series: Series | None = None) -> str:
    return reverse(f"admin:agenda_series_{name}", args=(series.pk,) if series else ())


def chosen(visit: Appointment) -> str:
    visit.refresh_from_db()
    return f"{visit.pk}:{visit.version}"


def edit(visit: Appointment, scope: str, day: str = "", hour: str = "", **more) -> dict:
    return {
        "appointment": chosen(visit), "scope": scope, "starts_at_0": day, "starts_at_1": hour,
        "duration_minutes": "", "practitioner": "", "room": "", **more,
    }  # fmt: skip


class TestSee:
    def test_shows_the_visits_and_the_rhythm_in_words(self, desk: Desk, browser) -> None:
        series = weekly(desk)
        listed = browser.get(page("changelist")).content.decode()
        assert "toutes les semaines, 4 fois" in listed or "every week, 4 times" in listed
        shown = browser.get(page("change", series)).content.decode()
        for visit in visits_of(series):
            assert str(visit.pk) in shown
        assert page("edit_visits", series) in shown
        visit = visits_of(series)[0]
        opened = browser.get(reverse("admin:agenda_appointment_change", args=(visit.pk,))).content.decode()
        assert page("change", series) in opened


class TestEdit:
    def test_moves_this_one_those_after_it_or_all(self, desk: Desk, browser) -> None:
        series = weekly(desk)
        second = visits_of(series)[1]
        url = page("edit_visits", series)
        assert browser.post(url, edit(second, "this", "02/12/2026", "10:00")).status_code == 302
        assert starts(series) == ["24/11 09:00", "02/12 10:00", "08/12 09:00", "15/12 09:00"]
        third = visits_of(series)[2]
        assert browser.post(url, edit(third, "following", "09/12/2026", "11:00")).status_code == 302
        assert starts(series)[2:] == ["09/12 11:00", "16/12 11:00"]
        first = visits_of(series)[0]
        assert browser.post(url, edit(first, "all", duration_minutes="45")).status_code == 302
        lengths = [visit.duration_minutes for visit in visits_of(series)]
        assert lengths == [45, 30, 45, 45]

    def test_shows_every_conflict_and_changes_nothing(self, desk: Desk, browser) -> None:
        series = weekly(desk)
        desk.book(clock(14), patient=1)
        desk.book(clock(14) + timedelta(days=7), patient=2)
        before = starts(series)
        answer = browser.post(
            page("edit_visits", series), edit(visits_of(series)[0], "all", "24/11/2026", "14:00")
        )
        assert answer.status_code == 200
        assert len(answer.context["conflicts"]) == 2
        assert "Ana Morel" in answer.context["conflicts"][0]["message"]
        assert starts(series) == before

    def test_refuses_a_visit_changed_meanwhile_and_a_change_of_nothing(self, desk: Desk, browser) -> None:
        series = weekly(desk)
        body = edit(visits_of(series)[0], "this", "25/11/2026", "09:00")
        url = page("edit_visits", series)
        assert browser.post(url, body).status_code == 302
        stale = browser.post(url, {**body, "starts_at_1": "10:00"})
        assert stale.status_code == 200
        assert stale.context["form"].errors
        nothing = browser.post(url, edit(visits_of(series)[1], "all"))
        assert nothing.context["form"].non_field_errors()

    def test_is_not_another_practice_s(self, desk: Desk, cleo, acting) -> None:
        series = weekly(desk)
        client = Client()
        with acting(cleo):
            client.force_login(cleo)
        assert client.get(page("edit_visits", series)).status_code == 404
        assert client.post(page("cancel_visits", series), {}).status_code == 404


class TestCancel:
    def test_cancels_those_after_it_with_the_reason(self, desk: Desk, browser) -> None:
        series = weekly(desk)
        body = {
            "appointment": chosen(visits_of(series)[2]),
            "scope": "following",
            "cancelled_by": "patient",
            "reason": "Déménage",
        }
        assert browser.post(page("cancel_visits", series), body).status_code == 302
        states = [visit.status for visit in visits_of(series)]
        assert states == ["booked", "booked", "cancelled_by_patient", "cancelled_by_patient"]
        assert visits_of(series)[3].cancel_reason == "Déménage"


class TestBook:
    def body(self, desk: Desk, **more) -> dict:
        house = desk.house
        return {
            "patient": str(desk.patients[0].pk), "practitioner": str(house.practitioners[0].pk), "assistant": "",
            "room": str(house.rooms[0].pk), "type": str(desk.type.pk), "starts_at_0": "24/11/2026",
            "starts_at_1": "09:00", "rhythm": "FREQ=WEEKLY;INTERVAL=2", "count": "3", **more,
        }  # fmt: skip

    def test_books_all_of_them(self, desk: Desk, browser) -> None:
        answer = browser.post(page("add"), self.body(desk))
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        assert starts(Series.objects.get()) == ["24/11 09:00", "08/12 09:00", "22/12 09:00"]

    def test_says_which_are_not_possible_or_leaves_them_out(self, desk: Desk, browser) -> None:
        desk.book(clock(9) + timedelta(days=14), patient=1)
        refused = browser.post(page("add"), self.body(desk))
        assert refused.status_code == 200
        assert "Ana Morel" in refused.content.decode()
        assert Appointment.objects.count() == 1
        assert browser.post(page("add"), self.body(desk, skip_conflicts="on")).status_code == 302
        times = [v.starts_at.astimezone(PARIS).day for v in visits_of(Series.objects.get())]
        assert times == [24, 22]
