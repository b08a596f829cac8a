"""Sixteen people put one visit of the pinboard on the agenda at once: the first does."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from apps.agenda.models import Appointment, PinnedVisit
from apps.agenda.services import change_appointment
from apps.agenda.services.pinboard import pin_visit, place_pinned, unschedule
from tests.agenda.scenes import Desk, clock
from tests.concurrency.crowd import race

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]
HANDS = 16


def codes(ends: list[Any]) -> Counter[str]:
    return Counter(getattr(end, "code", type(end).__name__) for end in ends)


def test_one_visit_and_sixteen_times(ben, house, at) -> None:
    desk = Desk(ben, house, at)
    pin = pin_visit(
        actor=ben, practice=house.practice, patient=desk.patients[0], type=desk.type, at=at,
        practitioner=house.practitioners[0],
    )  # fmt: skip

    def work(number: int) -> Appointment:
        start = clock(9) + timedelta(minutes=30 * number)
        return place_pinned(actor=ben, pin=pin, room=house.rooms[0], starts_at=start, at=at)

    assert codes(race(work, HANDS)) == {"Appointment": 1, "NOT_PINNED": HANDS - 1}
    assert Appointment.objects.count() == 1


def test_placing_beside_taking_back_never_deadlocks(ben, house, at) -> None:
    desk = Desk(ben, house, at)
    for round_ in range(6):
        visit = desk.book(clock(9 + round_))
        pin = unschedule(actor=ben, appointment=visit, at=at)

        def work(number: int, visit=visit, pin=pin, hour=9 + round_) -> Appointment:
            if number % 2:
                return change_appointment(actor=ben, appointment=visit, verb="undo", at=at)
            return place_pinned(actor=ben, pin=pin, room=house.rooms[1], starts_at=clock(hour), at=at)

        ends = codes(race(work, 4))
        assert set(ends) <= {"Appointment", "NOT_PINNED", "ILLEGAL_TRANSITION", "SLOT_TAKEN", "PATIENT_BUSY"}
        assert ends["Appointment"] == 1
    assert not PinnedVisit.objects.filter(status="pinned").exists()
