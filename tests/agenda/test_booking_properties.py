"""Random bookings against a list and a loop."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.agenda.models import Appointment, AppointmentType, Occupancy
from apps.agenda.services.resources import claims_of
from apps.core.errors import DomainError
from apps.core.models import new_id
from tests.agenda.scenes import Desk, clock

DAY = clock(8)
booking = st.tuples(
    st.integers(0, 120),  # start, in five-minute steps from 08:00
    st.integers(1, 24),  # length, in steps
    st.integers(0, 1),  # practitioner
    st.integers(0, 1),  # room
    st.integers(0, 2),  # patient
)


def naive(taken: list[tuple[int, int, int, int, int]], wish: tuple[int, int, int, int, int]) -> str:
    """Decide a booking the slow way: closed, taken by whom, or free."""
    start, length, who, chair, patient = wish
    if start + length > 132:
        return "OUTSIDE_HOURS"
    meets = [other for other in taken if other[0] < start + length and start < other[0] + other[1]]
    if any(other[2] == who for other in meets):
        return "SLOT_TAKEN"
    if any(other[3] == chair for other in meets):
        return "ROOM_TAKEN"
    return "PATIENT_BUSY" if any(other[4] == patient for other in meets) else "booked"


@pytest.mark.django_db
class TestRandomBookings:
    @given(st.lists(booking, min_size=1, max_size=25))
    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_are_decided_as_the_naive_reference_decides(self, desk: Desk, wishes) -> None:
        Occupancy.objects.all().delete()
        taken: list[tuple[int, int, int, int, int]] = []
        for wish in wishes:
            start, length, who, chair, patient = wish
            expected = naive(taken, wish)
            try:
                desk.book(
                    DAY + timedelta(minutes=5 * start), 5 * length, who=who, chair=chair, patient=patient
                )
                decided = "booked"
                taken.append(wish)
            except DomainError as refusal:
                decided = refusal.code
            assert decided == expected, wish


class TestPatternClaims:
    @given(
        pattern=st.text("X/.", min_size=0, max_size=30),
        steps=st.integers(1, 30),
        assisted=st.booleans(),
    )
    @settings(max_examples=300, deadline=None)
    def test_hold_each_person_in_exactly_the_steps_that_need_them(
        self, pattern: str, steps: int, assisted: bool
    ) -> None:
        starts_at = datetime(2026, 11, 24, 8, tzinfo=clock(8).tzinfo).astimezone()
        visit = Appointment(
            patient_id=new_id(),
            practitioner_id=new_id(),
            assistant_id=new_id() if assisted else None,
            room_id=new_id(),
            type=AppointmentType(),
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=5 * steps),
            pattern=pattern,
        )
        # One sign per step, the last one repeated; nobody asked for means needed throughout.
        signs = [pattern[min(i, len(pattern) - 1)] if pattern else "X" for i in range(steps)]
        expected = {"room": set(range(steps)), "patient": set(range(steps))}
        for kind, wanted in (("practitioner", "X"), ("assistant", "X/")):
            if kind == "practitioner" or assisted:
                expected[kind] = {i for i in range(steps) if signs[i] in wanted} or set(range(steps))

        found: dict[str, set[int]] = {}
        for claim in claims_of(visit):
            first = int((claim.starts_at - starts_at).total_seconds()) // 300
            last = int((claim.ends_at - starts_at).total_seconds()) // 300
            found.setdefault(str(claim.kind), set()).update(range(first, last))
        assert found == expected
