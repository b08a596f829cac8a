"""The admin's first page: the day's figures, for those whose day it is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import User
from apps.agenda.models import Appointment, AppointmentType
from apps.core.context import bind
from apps.patients.models import Patient
from tests.cast import CASTING


@pytest.fixture
def visit(house, db) -> Appointment:
    now = timezone.now()
    starts_at = now.astimezone(house.practice.zone).replace(hour=12, minute=0, second=0, microsecond=0)
    with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.index"):
        return Appointment.objects.create(
            practice=house.practice,
            patient=Patient.objects.create(
                practice=house.practice,
                first_name="Paul",
                last_name="Girard",
                file_number=1,
                birth_date=now.date(),
            ),
            practitioner=house.practitioners[0],
            room=house.rooms[0],
            type=AppointmentType.objects.create(
                practice=house.practice, name="Contrôle", duration_minutes=30
            ),
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=30),
            scheduled_at=now,
            status="arrived",
        )


def cards(client) -> dict[str, str]:
    answer = client.get("/admin/")
    assert answer.status_code == 200
    return {card.icon: card.figure for card in answer.context["cards"]}


@pytest.mark.django_db
class TestIndex:
    def test_counts_the_days_visits_of_the_own_practice(self, ben: User, cleo: User, visit, browser) -> None:
        mine, elsewhere = cards(browser(ben)), cards(browser(cleo))
        assert (mine["calendar_month"], mine["airline_seat_recline_normal"]) == ("1", "1")
        assert (elsewhere["calendar_month"], elsewhere["airline_seat_recline_normal"]) == ("0", "0")

    def test_leads_to_lists_that_open(self, ben: User, visit, browser) -> None:
        client = browser(ben)
        for card in client.get("/admin/").context["cards"]:
            assert client.get(card.url).status_code == 200, card.url
            for row in card.rows:
                assert client.get(row.url).status_code == 200, row.url

    @pytest.mark.parametrize("who", ["ines", "omar", "root"])
    def test_shows_no_practices_day_to_others(self, request, visit, browser, who: str) -> None:
        network = {} if who == "root" else {"fact_check": "0", "account_balance": "0", "gavel": "0"}
        assert cards(browser(request.getfixturevalue(who))) == network


@pytest.mark.django_db
class TestMenu:
    def titles(self, client) -> set[str]:
        groups = client.get("/admin/").context["sidebar_navigation"]
        return {item["link"] for group in groups for item in group["items"]}

    def test_shows_the_front_desk_its_pages_only(self, ben: User, browser) -> None:
        links = self.titles(browser(ben))
        assert "/admin/patients/patient/" in links
        assert "/admin/agenda/appointment/" in links
        assert "/admin/audit/auditentry/" not in links
        assert "/admin/accounts/user/" not in links

    def test_every_link_opens(self, request, browser) -> None:
        for who in ("ana", "ben", "dora", "ines", "root"):
            client = browser(request.getfixturevalue(who))
            for link in self.titles(client):
                assert client.get(link).status_code == 200, (who, link)
