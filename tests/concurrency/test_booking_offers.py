"""Sixteen patients take one offered time at once: the first has it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from apps.agenda.models import Appointment, WaitlistEntry, WaitlistOffer
from apps.agenda.services.offers import accept_offer, offer_time, tend_waitlist
from apps.agenda.services.waiting import add_to_waitlist
from apps.agenda.tasks import WAITLIST
from tests.agenda.scenes import Desk, clock, make_patient
from tests.concurrency.crowd import race

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]
HANDS = 16


def offer_to(desk: Desk, number: int) -> WaitlistOffer:
    practice = desk.house.practice
    patient = make_patient(practice, number)
    entry = add_to_waitlist(actor=desk.actor, practice=practice, patient=patient, type=desk.type, at=desk.at)
    return offer_time(
        actor=desk.actor,
        entry=entry,
        practitioner=desk.house.practitioners[0],
        room=desk.house.rooms[0],
        starts_at=clock(9),
        at=desk.at,
    )


class TestAccept:
    def test_sixteen_patients_and_one_time(self, ben, house, at) -> None:
        desk = Desk(ben, house, at)
        offers = [offer_to(desk, 100 + number) for number in range(HANDS)]

        ends = race(lambda n: accept_offer(actor=WAITLIST, offer=offers[n], at=at).state, HANDS)

        assert Counter(map(str, ends)) == {"accepted": 1, "lost": HANDS - 1}
        assert Appointment.objects.count() == 1
        assert WaitlistEntry.objects.filter(status="booked").count() == 1

    def test_one_patient_who_taps_sixteen_times(self, ben, house, at) -> None:
        desk = Desk(ben, house, at)
        offer = offer_to(desk, 100)

        ends = race(lambda n: accept_offer(actor=WAITLIST, offer=offer, at=at).state, HANDS)

        assert Counter(getattr(end, "code", str(end)) for end in ends) == {
            "accepted": 1,
            "OFFER_GONE": HANDS - 1,
        }
        assert Appointment.objects.count() == 1

    def test_rounds_of_the_task_beside_answers(self, ben, house, at) -> None:
        desk = Desk(ben, house, at)
        offers = [offer_to(desk, 100 + number) for number in range(4)]

        def work(number: int) -> str:
            if number < 4:
                return accept_offer(actor=WAITLIST, offer=offers[number], at=at).state
            return f"round {tend_waitlist(actor=WAITLIST, at=at + timedelta(hours=1))}"

        ends = race(work, 8)
        assert not [end for end in ends if isinstance(end, Exception) and not hasattr(end, "code")]
        assert Appointment.objects.count() <= 1
