"""Many hands on the same slots, each on a connection of its own.

The lock and the exclusion constraint each sell a slot once by themselves; with neither it is sold to everybody.
What only the lock can keep has a pair of its own: a booking against an absence being written.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction

from apps.agenda.models import Appointment, Occupancy
from apps.agenda.services import booking, create_absence, move_appointment, resources
from apps.agenda.services.resources import Locked, claims_of
from apps.core.errors import DomainError
from apps.directory.models import Practitioner, Room
from apps.patients.models import Patient
from tests.agenda.scenes import Desk, clock, make_patient

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]
HANDS = 16


@pytest.fixture
def desk(ben, house, at) -> Desk:
    """Ben's desk, with a patient per hand."""
    desk = Desk(ben, house, at)
    desk.patients = [make_patient(house.practice, 100 + number) for number in range(HANDS)]
    return desk


def race(work: Callable[[int], Any], hands: int = HANDS) -> Counter[str]:
    """Run `work` from all hands at once and count how each try ended."""
    barrier, ends = Barrier(hands), []

    def one(number: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait()
            ends.extend(work(number))
        finally:
            connections.close_all()

    threads = [Thread(target=one, args=(number,)) for number in range(hands)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(ends)


def attempt(act: Callable[[], Any]) -> str:
    """Return how one try ended: booked, a refusal's code, or the class of a database error."""
    try:
        act()
    except DomainError as refusal:
        return refusal.code
    except OperationalError as error:
        return type(error.__cause__).__name__
    return "booked"


def overlaps() -> int:
    """Count overlapping pairs of blocking time, by a self-join that uses nothing of the code under test."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM agenda_occupancy a JOIN agenda_occupancy b ON a.resource_id = b.resource_id"
            " AND a.id < b.id AND a.period && b.period WHERE a.blocking AND b.blocking"
        )
        return int(cursor.fetchone()[0])


def unlocked(*appointments: Appointment) -> Locked:
    """Stand in for the lock: the same rows, read without holding them."""
    keys = {a.practitioner_id for a in appointments}
    return Locked(
        practitioners={row.pk: row for row in Practitioner.objects.filter(pk__in=keys)},
        rooms={row.pk: row for row in Room.objects.all()},
        patients={row.pk: row for row in Patient.objects.all()},
    )


class TestOneSlot:
    def test_sixteen_bookings_give_exactly_one(self, desk: Desk) -> None:
        ends = race(lambda n: [attempt(lambda: desk.book(clock(9), patient=n))])

        assert ends == {"booked": 1, "SLOT_TAKEN": HANDS - 1}
        assert (Appointment.objects.count(), overlaps()) == (1, 0)

    def test_many_rounds_know_no_deadlock(self, desk: Desk) -> None:
        def rounds(number: int) -> list[str]:
            return [
                attempt(lambda slot=slot: desk.book(clock(8) + timedelta(minutes=30 * slot), patient=number))
                for slot in range(20)
            ]

        ends = race(rounds)
        assert ends["booked"] == 20
        assert set(ends) <= {"booked", "SLOT_TAKEN", "PATIENT_BUSY", "ROOM_TAKEN"}
        assert overlaps() == 0

    def test_the_lock_alone_sells_it_once(self, desk: Desk) -> None:
        with constraint_off():
            ends = race(lambda n: [attempt(lambda: desk.book(clock(9), patient=n))])

        assert ends == {"booked": 1, "SLOT_TAKEN": HANDS - 1}

    def test_the_constraint_alone_sells_it_once(self, desk: Desk, monkeypatch) -> None:
        monkeypatch.setattr(booking, "lock_resources", unlocked)
        monkeypatch.setattr(booking, "refuse_conflicts", lambda *args, **kwargs: None)

        ends = race(lambda n: [attempt(lambda: desk.book(clock(9), patient=n))])
        # Both sides may insert before either checks: PostgreSQL then breaks a deadlock. Hence the lock.
        assert ends["booked"] == 1
        assert set(ends) <= {"booked", "SLOT_TAKEN", "ROOM_TAKEN", "DeadlockDetected"}

    def test_neither_sells_it_to_everybody(self, desk: Desk, monkeypatch) -> None:
        monkeypatch.setattr(booking, "lock_resources", unlocked)
        checked, write = Barrier(HANDS), resources.hold

        def hold_together(*args: Any, **kwargs: Any) -> None:
            checked.wait(timeout=30)
            write(*args, **kwargs)

        monkeypatch.setattr(booking, "hold", hold_together)
        with constraint_off():
            ends = race(lambda n: [attempt(lambda: desk.book(clock(9), patient=n))])
            Occupancy.objects.all().delete()

        assert ends == {"booked": HANDS}


class constraint_off:  # noqa: N801 - reads as a context manager
    """Take the exclusion constraint away for a moment."""

    constraint = next(c for c in Occupancy._meta.constraints if c.name == resources.NO_OVERLAP)

    def __enter__(self) -> None:
        with connection.schema_editor() as editor:
            editor.remove_constraint(Occupancy, self.constraint)

    def __exit__(self, *exc: object) -> None:
        with connection.schema_editor() as editor:
            editor.add_constraint(Occupancy, self.constraint)


class TestAgainstAnAbsence:
    """Ana goes on leave while Ben books her: whoever is first, she is not booked while away."""

    def leave_while_booking(self, desk: Desk, ana: Any) -> str:
        written, ends = Event(), []

        def book() -> None:
            try:
                written.wait(timeout=10)
                ends.append(attempt(lambda: desk.book(clock(9))))
            finally:
                connections.close_all()

        hand = Thread(target=book)
        hand.start()
        with transaction.atomic():
            create_absence(
                actor=ana,
                practice=desk.house.practice,
                practitioner=desk.house.practitioners[0],
                starts_at=clock(8),
                ends_at=clock(12),
            )
            written.set()
            hand.join(timeout=2)  # it is done only if nothing made it wait
        hand.join()
        return ends[0]

    def test_the_booking_waits_and_is_refused(self, desk: Desk, ana) -> None:
        assert self.leave_while_booking(desk, ana) == "PRACTITIONER_ABSENT"

    def test_without_the_lock_she_is_booked_while_away(self, desk: Desk, ana, monkeypatch) -> None:
        monkeypatch.setattr(booking, "lock_resources", unlocked)

        assert self.leave_while_booking(desk, ana) == "booked"


class TestMix:
    def test_bookings_and_moves_leave_no_overlap_and_no_deadlock(self, desk: Desk) -> None:
        def hands(number: int) -> list[str]:
            dice = random.Random(number)
            mine, ends = [], []
            for _try in range(25):
                start = clock(8) + timedelta(minutes=15 * dice.randrange(40))
                who, chair = dice.randrange(2), dice.randrange(2)
                if mine and dice.random() < 0.4:
                    visit = dice.choice(mine)

                    def act(visit=visit, start=start, who=who, chair=chair) -> None:
                        fresh = Appointment.objects.get(pk=visit.pk)
                        move_appointment(
                            actor=desk.actor,
                            appointment=fresh,
                            version=fresh.version,
                            starts_at=start,
                            practitioner=desk.house.practitioners[who],
                            room=desk.house.rooms[chair],
                            at=desk.at,
                        )
                else:

                    def act(start=start, who=who, chair=chair) -> None:
                        mine.append(desk.book(start, 30, who=who, chair=chair, patient=number))

                ends.append(attempt(act))
            return ends

        ends = race(hands)
        assert set(ends) <= {"booked", "SLOT_TAKEN", "ROOM_TAKEN", "PATIENT_BUSY", "OUTSIDE_HOURS"}
        assert overlaps() == 0
        for visit in Appointment.objects.select_related("type"):
            held = {(row.resource_id, row.period.lower, row.period.upper) for row in visit.occupancies.all()}
            assert held == {(c.resource_id, c.starts_at, c.ends_at) for c in claims_of(visit)}

    def test_two_visits_that_swap_places_do_not_wait_for_each_other(self, desk: Desk) -> None:
        first = desk.book(clock(9), who=0, chair=0, patient=0)
        second = desk.book(clock(9), who=1, chair=1, patient=1)
        visits = [first, second]

        def swap(number: int) -> list[str]:
            ends = []
            for _try in range(20):
                visit = Appointment.objects.get(pk=visits[number].pk)
                other = desk.house.practitioners[1 - number]

                def act(visit=visit, other=other) -> None:
                    move_appointment(
                        actor=desk.actor,
                        appointment=visit,
                        version=visit.version,
                        practitioner=other,
                        at=desk.at,
                    )

                ends.append(attempt(act))
            return ends

        ends = race(swap, hands=2)
        assert set(ends) <= {"booked", "SLOT_TAKEN", "STALE"}
        assert overlaps() == 0
