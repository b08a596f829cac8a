"""A visit without a time is put on the agenda from its page, in Chromium."""

from __future__ import annotations

import pytest
from django.utils import timezone

from apps.agenda.models import Appointment
from apps.agenda.services.pinboard import pin_visit
from tests.agenda.scenes import Desk as FrontDesk
from tests.cast import House
from tests.e2e.conftest import Desk

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("browser"), pytest.mark.django_db(transaction=True)]


def test_takes_one_of_the_next_free_times(desk: Desk, house: House, ben) -> None:
    front = FrontDesk(ben, house, timezone.now())
    pin = pin_visit(
        actor=ben, practice=house.practice, patient=front.patients[0], type=front.type, at=front.at
    )
    desk.log_in("ben@test.test")
    desk.open(f"/admin/agenda/pinnedvisit/{pin.pk}/change/")
    desk.page.click(f"a[href$='{pin.pk}/place/']")
    desk.page.wait_for_selector("#free-times")
    desk.page.wait_for_selector(".datetimeshortcuts", state="attached")
    assert desk.accessibility_faults() == []
    desk.page.locator("section[aria-labelledby=free-times] a").nth(1).click()
    desk.page.wait_for_load_state()
    assert desk.page.input_value("input[name=starts_at_0]") != ""
    desk.page.locator("main form button[type=submit], form[novalidate] button[type=submit]").first.click()
    desk.page.wait_for_url("**/admin/agenda/appointment/**")
    booked = Appointment.objects.get()
    pin.refresh_from_db()
    assert (pin.status, pin.appointment_id) == ("placed", booked.pk)
