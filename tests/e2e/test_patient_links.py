"""The links patients get, in Chromium: the form of each page is taken as a browser sends it."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from apps.agenda.links import link_of, offer_link_of
from apps.agenda.models import Appointment
from apps.agenda.services.offers import offer_time
from apps.agenda.services.waiting import add_to_waitlist
from tests.agenda.scenes import PARIS
from tests.agenda.scenes import Desk as FrontDesk
from tests.cast import House
from tests.e2e.conftest import Desk

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("browser"), pytest.mark.django_db(transaction=True)]


@pytest.fixture
def front(ben, house: House) -> FrontDesk:
    return FrontDesk(ben, house, timezone.now())


def soon(hour: int):
    """Return an hour of a working day some days ahead, by the real clock the pages go by."""
    day = timezone.now().astimezone(PARIS) + timedelta(days=3)
    while day.weekday() > 4:
        day += timedelta(days=1)
    return day.replace(hour=hour, minute=0, second=0, microsecond=0)


def test_a_reminder_is_confirmed(desk: Desk, front: FrontDesk) -> None:
    visit = front.book(soon(10), override_reason="Jour quelconque")
    desk.open(urlsplit(link_of(visit)).path)
    assert desk.accessibility_faults() == []
    desk.page.click("button[value=yes]")
    desk.page.wait_for_selector("[role=status]")
    visit.refresh_from_db()
    assert visit.confirmation == "confirmed"


def test_an_offer_is_taken(desk: Desk, front: FrontDesk) -> None:
    house = front.house
    entry = add_to_waitlist(
        actor=front.actor, practice=house.practice, patient=front.patients[0], type=front.type, at=front.at
    )
    offer = offer_time(
        actor=front.actor, entry=entry, practitioner=house.practitioners[0], room=house.rooms[0], starts_at=soon(11),
        at=front.at,
    )  # fmt: skip
    desk.open(urlsplit(offer_link_of(offer)).path)
    assert desk.accessibility_faults() == []
    desk.page.click("button[value=yes]")
    desk.page.wait_for_selector("[role=status]")
    offer.refresh_from_db()
    assert offer.state == "accepted"
    assert Appointment.objects.get().starts_at == offer.starts_at
