"""Both nights of 2026 on which the clocks of Paris change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from apps.agenda.models import Appointment
from apps.agenda.services.reminders import due_moment
from apps.agenda.services.resources import SlotTaken
from apps.agenda.services.rules import OutsideHours, opening_periods
from apps.directory.models import OpeningHours
from tests.agenda.scenes import PARIS, Desk

pytestmark = pytest.mark.django_db
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


@pytest.fixture
def open_at_night(desk: Desk, acting) -> None:
    """Open the practice all Sunday, from midnight to midnight."""
    with acting(desk.actor):
        OpeningHours.objects.create(
            practice=desk.house.practice, weekday=7, opens_at="00:00", closes_at="23:59"
        )


def utc(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


class TestApiTimes:
    @pytest.mark.parametrize(
        ("wall", "stored"),
        [
            ("2026-03-27T10:00:00", datetime(2026, 3, 27, 9, tzinfo=UTC)),
            ("2026-03-30T10:00:00", datetime(2026, 3, 30, 8, tzinfo=UTC)),
            ("2026-10-23T10:00:00", datetime(2026, 10, 23, 8, tzinfo=UTC)),
            ("2026-10-26T10:00:00", datetime(2026, 10, 26, 9, tzinfo=UTC)),
        ],
    )
    def test_ten_o_clock_is_ten_o_clock_on_both_sides(
        self, desk: Desk, api, wall: str, stored: datetime
    ) -> None:
        answer = api(desk.actor).post("/api/v1/appointments", desk.body(wall))

        assert answer.status_code == 201
        booked = Appointment.objects.get(pk=answer.json()["id"])
        assert booked.starts_at == stored
        assert answer.json()["starts_at"].startswith(wall)

    def test_the_hour_that_does_not_exist_is_refused(self, desk: Desk, api, open_at_night) -> None:
        answer = api(desk.actor).post("/api/v1/appointments", desk.body("2026-03-29T02:30:00"))

        assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, ["starts_at"])

    def test_the_hour_that_comes_twice_is_the_first(self, desk: Desk, api, open_at_night) -> None:
        answer = api(desk.actor).post("/api/v1/appointments", desk.body("2026-10-25T02:30:00"))

        assert answer.json()["starts_at"] == "2026-10-25T02:30:00+02:00"

    def test_both_hours_that_look_alike_can_be_booked(self, desk: Desk, api, open_at_night) -> None:
        client = api(desk.actor)
        first = client.post("/api/v1/appointments", desk.body("2026-10-25T02:30:00+02:00"))
        second = client.post("/api/v1/appointments", desk.body("2026-10-25T02:30:00+01:00"))

        assert (first.status_code, second.status_code) == (201, 201)

    def test_a_local_day_has_its_own_length(self, desk: Desk, api, open_at_night) -> None:
        late = utc(AUTUMN, 22, 15)  # 23:15 in Paris, the 25th hour of that day
        desk.book(late)

        answer = api(desk.actor).get("/api/v1/appointments", {"date": "2026-10-25"})
        assert answer.json()["count"] == 1
        assert api(desk.actor).get("/api/v1/appointments", {"date": "2026-10-26"}).json()["count"] == 0


class TestBookingAcrossTheNight:
    def test_spring_01_30_to_03_30_is_one_hour(self, desk: Desk, open_at_night) -> None:
        booked = desk.book(utc(SPRING, 0, 30), 60)

        assert booked.ends_at.astimezone(PARIS).strftime("%H:%M") == "03:30"
        with pytest.raises(SlotTaken):
            desk.book(utc(SPRING, 1, 15), patient=1)
        assert desk.book(utc(SPRING, 1, 30), patient=1).status == "booked"

    def test_autumn_01_30_to_03_30_is_three_hours(self, desk: Desk, open_at_night) -> None:
        booked = desk.book(datetime(2026, 10, 25, 1, 30, tzinfo=PARIS), 180)

        assert booked.ends_at.astimezone(PARIS).strftime("%H:%M") == "03:30"


class TestOpeningPeriods:
    def test_a_night_open_all_day_is_23_and_25_hours(self, desk: Desk, open_at_night) -> None:
        hours = list(OpeningHours.objects.filter(weekday=7))

        lengths = [
            sum((until - since for since, until in opening_periods(hours, day, day, PARIS)), timedelta())
            for day in (SPRING, AUTUMN)
        ]
        assert lengths == [timedelta(hours=23), timedelta(hours=25)]

    def test_the_house_opens_at_eight_on_the_wall_on_both_sides(self, desk: Desk) -> None:
        for monday in (date(2026, 3, 30), date(2026, 10, 26)):
            eight = datetime(monday.year, monday.month, monday.day, 8, tzinfo=PARIS)
            assert desk.book(eight).status == "booked"
            with pytest.raises(OutsideHours):
                desk.book(eight - timedelta(minutes=15), patient=1)


class TestDueMoment:
    def test_a_week_before_is_the_same_wall_time(self) -> None:
        monday = datetime(2026, 3, 30, 10, tzinfo=PARIS)

        due = due_moment(monday.astimezone(UTC), timedelta(days=7), PARIS)
        assert due.astimezone(PARIS).isoformat() == "2026-03-23T10:00:00+01:00"

    @pytest.mark.parametrize(("hour", "expected"), [(7, "08:00"), (9, "09:00"), (20, "19:45"), (23, "19:45")])
    def test_nothing_is_due_at_night(self, hour: int, expected: str) -> None:
        visit = datetime(2026, 11, 24, hour, 30 if hour != 9 else 0, tzinfo=PARIS)

        due = due_moment(visit.astimezone(UTC), timedelta(hours=24), PARIS)
        assert due.astimezone(PARIS).strftime("%d %H:%M") == f"23 {expected}"
