"""Public holidays close the practice, unless it opens."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from django.core.exceptions import ValidationError

from apps.agenda.services.days import close_holiday, open_holiday
from apps.agenda.services.rules import OutsideHours
from apps.agenda.slots import find_slots
from apps.audit.models import AuditEntry
from apps.core.errors import InvalidInput
from tests.agenda.scenes import PARIS, Desk, clock

pytestmark = pytest.mark.django_db
CHRISTMAS = datetime(2026, 12, 25, tzinfo=PARIS)  # a Friday


def slots_at_christmas(desk: Desk):
    return find_slots(
        practice=desk.house.practice,
        kind=desk.type,
        practitioners=desk.house.practitioners[:1],
        first=date(2026, 12, 24),
        last=date(2026, 12, 26),
        at=desk.at,
    )


class TestClosed:
    def test_nobody_is_booked_and_the_day_is_named(self, desk: Desk) -> None:
        with pytest.raises(OutsideHours) as refused:
            desk.book(clock(9, day=CHRISTMAS))
        assert refused.value.details == {"day": "2026-12-25"}
        assert "25/12/2026" in str(refused.value)

    def test_nothing_is_offered(self, desk: Desk) -> None:
        days = {slot.starts_at.astimezone(PARIS).date() for slot in slots_at_christmas(desk)}
        assert days == {date(2026, 12, 24)}

    def test_may_be_booked_over_with_a_reason(self, desk: Desk) -> None:
        assert desk.book(clock(9, day=CHRISTMAS), override_reason="Urgence").is_overbooked

    def test_follows_the_country(self, desk: Desk, acting) -> None:
        with acting(desk.actor):
            desk.house.practice.country = "TN"
            desk.house.practice.save()
        assert desk.book(clock(9, day=CHRISTMAS))


class TestOpen:
    def test_receives_at_the_usual_hours(self, desk: Desk, dora) -> None:
        opened = open_holiday(actor=dora, practice=desk.house.practice, day=date(2026, 12, 25))

        assert desk.book(clock(9, day=CHRISTMAS))
        assert {slot.starts_at.astimezone(PARIS).day for slot in slots_at_christmas(desk)} == {24, 25}
        close_holiday(actor=dora, open_holiday=opened)
        with pytest.raises(OutsideHours):
            desk.book(clock(11, day=CHRISTMAS))
        assert AuditEntry.objects.filter(event="agenda.holiday.open", actor_id=dora.pk).exists()

    def test_at_one_practice_only(self, desk: Desk, dora, other_practice) -> None:
        open_holiday(actor=dora, practice=other_practice, day=date(2026, 12, 25))
        with pytest.raises(OutsideHours):
            desk.book(clock(9, day=CHRISTMAS))

    def test_refuses_a_working_day_and_a_second_time(self, desk: Desk, dora) -> None:
        with pytest.raises(InvalidInput):
            open_holiday(actor=dora, practice=desk.house.practice, day=date(2026, 12, 24))
        open_holiday(actor=dora, practice=desk.house.practice, day=date(2026, 12, 25))
        with pytest.raises(ValidationError):
            open_holiday(actor=dora, practice=desk.house.practice, day=date(2026, 12, 25))
