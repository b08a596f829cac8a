"""The agenda's figures: one slot under siege, random intervals, a full week, three months of free time."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.agenda.models import Appointment, Occupancy
from apps.agenda.services.resources import claims_of
from apps.core.context import bind
from apps.core.errors import DomainError
from apps.directory.models import Practitioner
from tests.agenda.scenes import STAGE, Desk, clock, make_patient
from tests.concurrency.crowd import race
from tests.concurrency.test_booking_races import overlaps
from tests.figures import FULL, figure

pytestmark = [pytest.mark.concurrency, pytest.mark.figures]
HANDS = 16
ATTEMPTS = 10_000 if FULL else 480
INTERVALS = 10_000 if FULL else 480
WEEK = 500


def ended(act: Any) -> str:
    """Return how one try ended."""
    try:
        act()
    except DomainError as refusal:
        return refusal.code
    except Exception as error:  # noqa: BLE001 - whatever else happens is a fault to be counted
        return f"fault {type(error.__cause__ or error).__name__}"
    return "booked"


@pytest.mark.django_db(transaction=True)
class TestSiege:
    def test_one_slot_is_sold_once(self, ben, house, at) -> None:
        desk = Desk(ben, house, at)
        desk.patients = [make_patient(house.practice, 100 + number) for number in range(HANDS)]

        def work(number: int) -> list[str]:
            return [ended(lambda: desk.book(clock(9), patient=number)) for _ in range(ATTEMPTS // HANDS)]

        ends = Counter(end for answer in race(work, HANDS) for end in answer)
        faults = sum(count for end, count in ends.items() if end.startswith("fault"))
        figure("agenda_one_slot_attempts", ends.total(), str(ATTEMPTS))
        figure("agenda_one_slot_booked", ends["booked"], "1")
        figure("agenda_one_slot_faults", faults, "0")
        assert ends == {"booked": 1, "SLOT_TAKEN": ATTEMPTS - 1}
        assert Appointment.objects.count() == 1

    def test_random_intervals_never_overlap(self, ben, house, at) -> None:
        desk = Desk(ben, house, at)
        desk.patients = [make_patient(house.practice, 100 + number) for number in range(HANDS)]

        def work(number: int) -> list[str]:
            dice = random.Random(number)
            ends = []
            for _try in range(INTERVALS // HANDS):
                start = clock(8, day=clock(0) + timedelta(days=dice.choice([0, 1, 2, 3])))
                start += timedelta(minutes=5 * dice.randrange(120))
                who, chair, minutes = dice.randrange(2), dice.randrange(2), 5 * dice.randrange(1, 13)

                def book(start=start, who=who, chair=chair, minutes=minutes) -> None:
                    desk.book(start, minutes, who=who, chair=chair, patient=number)

                ends.append(ended(book))
            return ends

        ends = Counter(end for answer in race(work, HANDS) for end in answer)
        faults = sum(count for end, count in ends.items() if end.startswith("fault"))
        figure("agenda_random_intervals", ends.total(), str(INTERVALS))
        figure("agenda_overlapping_pairs", overlaps(), "0")
        figure("agenda_random_faults", faults, "0")
        assert (overlaps(), faults) == (0, 0)
        assert ends["booked"] == Appointment.objects.count() > 20


def fill_week(desk: Desk) -> None:
    """Write a week of visits past the services: what is measured is reading them."""
    practice, visits = desk.house.practice, []
    for number in range(WEEK):
        start = clock(8, day=clock(0) + timedelta(days=number % 4)) + timedelta(minutes=5 * (number // 4))
        visits.append(
            Appointment(
                practice=practice,
                patient=desk.patients[number % 3],
                practitioner=desk.house.practitioners[number % 2],
                room=desk.house.rooms[number % 2],
                type=desk.type,
                starts_at=start,
                ends_at=start + timedelta(minutes=5),
                scheduled_at=desk.at,
            )
        )
    with bind(actor_id=STAGE.id, actor_role=STAGE.role, action="test.stage"):
        Appointment.objects.bulk_create(visits)
    Occupancy.objects.bulk_create(
        Occupancy(
            practice=practice,
            appointment=visit,
            resource_id=claim.resource_id,
            kind=claim.kind,
            period=claim.period,
            blocking=False,
        )
        for visit in visits
        for claim in claims_of(visit)
    )


@pytest.mark.django_db
class TestReading:
    def test_a_week_of_500_visits(self, ben, house, at, api) -> None:
        desk = Desk(ben, house, at)
        fill_week(desk)
        client = api(ben)
        with CaptureQueriesContext(connection) as queries:
            answer = client.get("/api/v1/appointments", {"from": "2026-11-23", "to": "2026-11-29"})
        assert answer.json()["count"] == WEEK
        figure("agenda_week_queries", len(queries), "<=4")
        assert len(queries) <= 4

    def test_three_months_of_five_practitioners(self, ben, house, at, api) -> None:
        desk = Desk(ben, house, at)
        fill_week(desk)
        with bind(actor_id=STAGE.id, actor_role=STAGE.role, action="test.stage"):
            for number in range(3):
                Practitioner.objects.create(
                    practice=house.practice, first_name="Zoé", last_name=f"Nom{number}"
                )
        people = Practitioner.objects.filter(practice=house.practice).exclude(kind="assistant")
        keys = ",".join(str(key) for key in people.values_list("pk", flat=True))
        client = api(ben)
        asked = {"type": str(desk.type.pk), "practitioner": keys, "from": "2026-11-24", "to": "2027-02-23"}
        with CaptureQueriesContext(connection) as queries:
            answer = client.get("/api/v1/availability", {**asked, "limit": "2000"})
        assert answer.json()["count"] == 2000
        assert people.count() == 5
        figure("agenda_availability_queries", len(queries), "<=6")
        assert len(queries) <= 6
