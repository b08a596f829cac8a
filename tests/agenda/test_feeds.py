"""GET /appointments/changes, the day sheet and the calendars."""

from __future__ import annotations

from datetime import timedelta
from threading import Thread

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from icalendar import Calendar

from apps.agenda.models import AgendaChange, CalendarToken
from apps.agenda.services import cancel_appointment, change_appointment, move_appointment
from apps.agenda.services.calendars import address_of, issue_calendar_token, revoke_calendar_token
from apps.audit.models import AuditEntry
from apps.core.errors import InvalidInput, PermissionRefused
from tests.agenda.scenes import Desk, clock
from tests.concurrency.crowd import race

CHANGES = "/api/v1/appointments/changes"
SHEET = "/api/v1/appointments/day-sheet.pdf"


@pytest.mark.django_db(transaction=True)
class TestChanges:
    def test_are_numbered_and_tell_how_it_is_now(self, desk: Desk, api, ana) -> None:
        visit = desk.book(clock(9))
        visit = move_appointment(
            actor=desk.actor, appointment=visit, version=1, starts_at=clock(10), at=desk.at
        )
        cancel_appointment(actor=desk.actor, appointment=visit, at=desk.at)

        body = api(ana).get(CHANGES, {"since": 0}).json()

        assert [(row["sequence"], row["type"]) for row in body["results"]] == [
            (1, "appointment.created"),
            (2, "appointment.updated"),
            (3, "appointment.cancelled"),
        ]
        assert {row["appointment"]["version"] for row in body["results"]} == {3}
        assert [row["sequence"] for row in api(ana).get(CHANGES, {"since": 2}).json()["results"]] == [3]
        assert api(ana).get(CHANGES, {"since": 3}).json()["results"] == []

    def test_go_on_page_by_page(self, desk: Desk, api, ana) -> None:
        for hour in (9, 10, 11):
            desk.book(clock(hour))
        body = api(ana).get(CHANGES, {"since": 0, "limit": 2}).json()
        assert [row["sequence"] for row in body["results"]] == [1, 2]
        assert [row["sequence"] for row in api(ana).get(body["next"]).json()["results"]] == [3]

    def test_of_another_practice_have_numbers_of_their_own(self, desk: Desk, api, cleo) -> None:
        desk.book(clock(9))
        assert api(cleo).get(CHANGES, {"since": 0}).json()["results"] == []

    def test_of_a_restricted_patient_keep_their_number_only(self, desk: Desk, api, ana, acting) -> None:
        desk.book(clock(9))
        with acting(desk.actor):
            desk.patients[0].restricted_at = desk.at
            desk.patients[0].save()
        [row] = api(ana).get(CHANGES, {"since": 0}).json()["results"]
        assert (row["sequence"], row["appointment"]) == (1, None)

    def test_that_are_forgotten_are_said_to_be(self, desk: Desk, api, ana) -> None:
        for hour in (9, 10):
            desk.book(clock(hour))
        AgendaChange.objects.filter(sequence=1).delete()

        for since in (0, 7):
            answer = api(ana).get(CHANGES, {"since": since})
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CHANGES_FORGOTTEN")
            assert answer.json()["error"]["details"]["last"] == 2
        assert len(api(ana).get(CHANGES, {"since": 1}).json()["results"]) == 1

    @pytest.mark.parametrize("query", [{}, {"since": "-1"}, {"since": "x"}, {"since": 0, "until": 3}])
    def test_refuse_what_they_do_not_know(self, desk: Desk, api, ana, query) -> None:
        assert api(ana).get(CHANGES, query).status_code == 400

    def test_cost_the_same_however_many(self, desk: Desk, api, ana) -> None:
        client = api(ana)
        counts = []
        for hours in ((9,), (10, 11, 12, 14)):
            for hour in hours:
                desk.book(clock(hour))
            with CaptureQueriesContext(connection) as queries:
                client.get(CHANGES, {"since": 0})
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_a_slower_transaction_is_numbered_when_it_commits(self, desk: Desk, api, ana) -> None:
        """A reader that has seen number 1 never finds another change below it later."""

        def quick() -> None:
            try:
                desk.book(clock(11), who=1, chair=1, patient=1)
            finally:
                connections.close_all()

        with transaction.atomic():
            slow = desk.book(clock(9))
            hand = Thread(target=quick)
            hand.start()
            hand.join(timeout=20)
            seen = [row["sequence"] for row in api(ana).get(CHANGES, {"since": 0}).json()["results"]]
        assert seen == [1]
        [late] = api(ana).get(CHANGES, {"since": 1}).json()["results"]
        assert (late["sequence"], late["appointment"]["id"]) == (2, str(slow.pk))

    def test_many_hands_leave_no_gap(self, desk: Desk) -> None:
        def work(number: int) -> None:
            start = clock(8) + timedelta(minutes=30 * number)
            desk.book(start, who=number % 2, chair=number % 2, patient=number % 3)

        answers = race(work, 16)
        assert answers == [None] * 16
        numbers = AgendaChange.objects.order_by("sequence").values_list("sequence", flat=True)
        assert list(numbers) == list(range(1, 17))


@pytest.mark.django_db
class TestDaySheet:
    def test_is_a_pdf_of_the_day(self, desk: Desk, api, ana) -> None:
        desk.book(clock(9))
        desk.book(clock(9), who=1, chair=1, patient=1)
        answer = api(ana).get(SHEET, {"date": "2026-11-24"})

        assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
        assert answer.content.startswith(b"%PDF")
        assert answer["Content-Disposition"] == 'inline; filename="agenda-2026-11-24.pdf"'

    def test_names_who_comes_and_when(self, desk: Desk, ana, monkeypatch) -> None:
        from apps.agenda import day_sheet

        desk.book(clock(9))
        gone = desk.book(clock(11), patient=1)
        cancel_appointment(actor=desk.actor, appointment=gone, at=desk.at)
        columns = day_sheet.columns_of(viewer=ana, practice=desk.house.practice, day=clock(0).date())
        pages = []
        real = day_sheet.render_to_string
        monkeypatch.setattr(
            day_sheet, "render_to_string", lambda *args: pages.append(real(*args)) or pages[-1]
        )
        day_sheet.render_day_sheet(
            practice=desk.house.practice, day=clock(0).date(), columns=columns, at=desk.at
        )
        assert "Camille DURAND1" in pages[0]
        assert "09:00–09:30" in pages[0]
        assert "DURAND2" not in pages[0]
        assert "mardi 24 novembre 2026" in pages[0].lower()

    def test_of_an_empty_day_says_so(self, desk: Desk, api, ana) -> None:
        assert api(ana).get(SHEET, {"date": "2026-11-29"}).status_code == 200

    def test_of_another_practice_shows_nothing_of_ours(self, desk: Desk, cleo) -> None:
        from apps.agenda.day_sheet import columns_of

        desk.book(clock(9))
        assert columns_of(viewer=cleo, practice=desk.house.practice, day=clock(0).date()) == []

    @pytest.mark.parametrize("query", [{"date": "24/11/2026"}, {"day": "2026-11-24"}])
    def test_refuses_what_it_does_not_know(self, desk: Desk, api, ana, query) -> None:
        assert api(ana).get(SHEET, query).status_code == 400


def feed_of(api, address: str):
    return api(None).get("/" + address.split("/", 3)[3])


@pytest.mark.django_db
class TestCalendar:
    def issue(self, desk: Desk, actor, who: int = 0) -> tuple[CalendarToken, str]:
        token, secret = issue_calendar_token(
            actor=actor,
            practice=desk.house.practice,
            practitioner=desk.house.practitioners[who],
            at=desk.at,
        )
        return token, address_of(token, secret)

    def test_tells_times_and_rooms_and_nothing_else(self, desk: Desk, api, ana) -> None:
        soon = (timezone.now() + timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
        visit = desk.book(soon, override_reason="Essai", note="Extraction 38")
        _token, address = self.issue(desk, ana)

        answer = feed_of(api, address)

        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("text/calendar")
        [event] = Calendar.from_ical(answer.content).walk("VEVENT")
        assert str(event["uid"]).startswith(str(visit.pk))
        assert (event["dtstart"].dt, event["sequence"]) == (visit.starts_at, 1)
        assert (str(event["location"]), str(event["status"])) == ("Fauteuil 1", "CONFIRMED")
        for secret in ("Camille", "DURAND", "Durand", "Contr", "Extraction", "Ana", "Morel"):
            assert secret.encode() not in answer.content

    def test_follows_a_move_and_a_cancellation(self, desk: Desk, api, ana) -> None:
        soon = (timezone.now() + timedelta(days=3)).replace(minute=0, second=0, microsecond=0)
        visit = desk.book(soon, override_reason="Essai")
        _token, address = self.issue(desk, ana)
        cancel_appointment(actor=desk.actor, appointment=visit, at=desk.at)

        [event] = Calendar.from_ical(feed_of(api, address).content).walk("VEVENT")
        assert (str(event["status"]), event["sequence"]) == ("CANCELLED", 2)

    def test_is_closed_without_a_living_secret(self, desk: Desk, api, ana) -> None:
        token, address = self.issue(desk, ana)
        bare = address.split("?")[0]
        other = bare.replace(str(token.practitioner_id), str(desk.house.practitioners[1].pk))
        assert feed_of(api, bare).status_code == 401
        assert feed_of(api, bare + "?token=guess").status_code == 401
        assert feed_of(api, other + "?" + address.split("?")[1]).status_code == 401
        revoke_calendar_token(actor=ana, token=token, at=desk.at)
        assert feed_of(api, address).status_code == 401

    def test_keeps_no_secret(self, desk: Desk, ana) -> None:
        token, address = self.issue(desk, ana)
        secret = address.rpartition("=")[2]
        assert secret not in str(CalendarToken.objects.filter(pk=token.pk).values())
        assert AuditEntry.objects.about(token).get().event == "agenda.calendar_token.issue"

    def test_is_one_s_own_or_the_administrator_s(self, desk: Desk, ana, dora, cleo, other_house) -> None:
        with pytest.raises(PermissionRefused):
            self.issue(desk, ana, who=1)
        assert self.issue(desk, dora, who=1)
        with pytest.raises(InvalidInput):
            issue_calendar_token(
                actor=dora,
                practice=desk.house.practice,
                practitioner=other_house.practitioners[0],
                at=desk.at,
            )

    def test_is_limited_per_address(self, desk: Desk, api, ana) -> None:
        _token, address = self.issue(desk, ana)
        assert [feed_of(api, address).status_code for _ in range(21)][-1] == 429


@pytest.mark.django_db
def test_a_verb_counts_as_a_change(desk: Desk) -> None:
    visit = desk.book(clock(9))
    change_appointment(actor=desk.actor, appointment=visit, verb="arrive", at=desk.at)
    events = AgendaChange.objects.filter(appointment=visit).order_by("pk").values_list("event", flat=True)
    assert list(events) == ["appointment.created", "appointment.updated"]
