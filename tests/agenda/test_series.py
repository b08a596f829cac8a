"""Series: all of them or none, one conflict report, exceptions kept, whatever is done to them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from apps.agenda.models import Appointment, Series
from apps.agenda.recurrence import occurrences
from apps.agenda.services import change_appointment, move_appointment
from apps.agenda.services.resources import claims_of
from apps.agenda.services.series import SeriesConflicts, book_series, change_series
from apps.audit.models import AuditEntry
from apps.core.errors import DomainError, InvalidInput, Stale
from apps.directory.holidays import holidays_between
from tests.agenda.scenes import PARIS, Desk, clock
from tests.concurrency.test_booking_races import overlaps

URL = "/api/v1/appointments/series"


def visit_of(desk: Desk, starts_at: datetime, who: int = 0, chair: int = 0) -> dict[str, Any]:
    return {
        "practitioner": desk.house.practitioners[who],
        "room": desk.house.rooms[chair],
        "type": desk.type,
        "starts_at": starts_at,
    }


def weekly(desk: Desk, count: int = 4, **more) -> Series:
    return book_series(
        actor=desk.actor,
        practice=desk.house.practice,
        patient=desk.patients[0],
        visits=[visit_of(desk, clock(9))],
        rrule=f"FREQ=WEEKLY;COUNT={count}",
        at=desk.at,
        **more,
    )


def visits_of(series: Series) -> list[Appointment]:
    return list(Appointment.objects.filter(series=series).order_by("series_position"))


def starts(series: Series) -> list[str]:
    return [visit.starts_at.astimezone(PARIS).strftime("%d/%m %H:%M") for visit in visits_of(series)]


class TestRule:
    def local(self, rule: str) -> list[str]:
        return [moment.strftime("%d/%m %H:%M") for moment in occurrences(rule, clock(9), PARIS)]

    def test_keeps_the_wall_clock_over_a_clock_change(self) -> None:
        found = occurrences("FREQ=WEEKLY;COUNT=2", datetime(2026, 10, 20, 9, tzinfo=PARIS), PARIS)
        assert [moment.replace(tzinfo=PARIS).astimezone(UTC).hour for moment in found] == [7, 8]

    @pytest.mark.parametrize(
        ("rule", "found"),
        [
            ("FREQ=WEEKLY;COUNT=3", ["24/11 09:00", "01/12 09:00", "08/12 09:00"]),
            (
                "RRULE:FREQ=DAILY;INTERVAL=2;UNTIL=20261128T235959",
                ["24/11 09:00", "26/11 09:00", "28/11 09:00"],
            ),
            ("FREQ=MONTHLY;COUNT=2;BYDAY=1TU", ["24/11 09:00", "01/12 09:00"]),
        ],
    )
    def test_begins_with_the_first_visit(self, rule: str, found: list[str]) -> None:
        assert self.local(rule) == found

    @pytest.mark.parametrize(
        "rule",
        [
            "FREQ=WEEKLY", "FREQ=SECONDLY;COUNT=3", "COUNT=3", "x", "FREQ=DAILY;COUNT=105",
            "FREQ=WEEKLY;COUNT=-1;INTERVAL=0",
            "FREQ=DAILY;UNTIL=20991231T000000", "FREQ=DAILY;COUNT=3;DTSTART=20260101", "FREQ=WEEKLY;BYDAY=XX;COUNT=2",
            "FREQ=DAILY;UNTIL=20261231T000000Z",
        ],
    )  # fmt: skip
    def test_refuses_what_has_no_end_or_makes_no_sense(self, rule: str) -> None:
        with pytest.raises(InvalidInput):
            self.local(rule)


@pytest.mark.django_db
class TestBook:
    def test_books_every_visit_of_a_rule(self, desk: Desk) -> None:
        series = weekly(desk)
        assert starts(series) == ["24/11 09:00", "01/12 09:00", "08/12 09:00", "15/12 09:00"]
        assert AuditEntry.objects.about(series).get().event == "agenda.series.book"

    def test_books_the_steps_of_a_plan(self, desk: Desk) -> None:
        plan = [visit_of(desk, clock(9)), visit_of(desk, clock(9) + timedelta(days=10), who=1, chair=1)]
        series = book_series(
            actor=desk.actor,
            practice=desk.house.practice,
            patient=desk.patients[0],
            visits=plan,
            at=desk.at,
        )
        assert starts(series) == ["24/11 09:00", "04/12 09:00"]

    def test_tells_every_conflict_and_writes_nothing(self, desk: Desk) -> None:
        desk.book(clock(9) + timedelta(days=7), patient=1)
        with pytest.raises(SeriesConflicts) as refused:
            weekly(desk, count=6)  # the fifth is on 22 December, the sixth on the 29th
        told = [(c["starts_at"][:10], c["code"]) for c in refused.value.details["conflicts"]]
        assert told == [("2026-12-01", "SLOT_TAKEN")]
        assert (Appointment.objects.count(), Series.objects.count()) == (1, 0)

    def test_finds_conflicts_within_itself_and_holidays(self, desk: Desk) -> None:
        christmas = datetime(2026, 12, 25, 9, tzinfo=PARIS)
        plan = [visit_of(desk, moment) for moment in (clock(9), clock(9, 15), christmas)]
        with pytest.raises(SeriesConflicts) as refused:
            book_series(
                actor=desk.actor,
                practice=desk.house.practice,
                patient=desk.patients[0],
                visits=plan,
                at=desk.at,
            )
        assert [c["code"] for c in refused.value.details["conflicts"]] == ["SLOT_TAKEN", "OUTSIDE_HOURS"]

    def test_books_what_is_possible_when_asked(self, desk: Desk) -> None:
        desk.book(clock(9) + timedelta(days=7), patient=1)
        assert len(visits_of(weekly(desk, skip_conflicts=True))) == 3


@pytest.mark.django_db
class TestChange:
    def change(self, desk: Desk, series: Series, position: int, scope: str, **more) -> Series:
        named = visits_of(series)[position - 1]
        asked = {"version": named.version, **more}
        return change_series(
            actor=desk.actor, series=series, appointment=named, scope=scope, at=desk.at, **asked
        )

    def test_of_this_one_makes_an_exception_the_others_leave_alone(self, desk: Desk) -> None:
        series = weekly(desk)
        self.change(desk, series, 2, "this", starts_at=clock(14) + timedelta(days=8))
        self.change(desk, series, 1, "all", starts_at=clock(10))
        assert starts(series) == ["24/11 10:00", "02/12 14:00", "08/12 10:00", "15/12 10:00"]

    def test_of_the_following_ones(self, desk: Desk) -> None:
        series = weekly(desk)
        self.change(desk, series, 3, "following", starts_at=clock(9, 30) + timedelta(days=15))
        assert starts(series) == ["24/11 09:00", "01/12 09:00", "09/12 09:30", "16/12 09:30"]

    def test_may_move_each_into_the_other_s_place(self, desk: Desk) -> None:
        series = weekly(desk)
        self.change(desk, series, 1, "all", starts_at=clock(9) + timedelta(days=7))
        assert starts(series) == ["01/12 09:00", "08/12 09:00", "15/12 09:00", "22/12 09:00"]

    def test_refused_for_one_is_refused_for_all(self, desk: Desk) -> None:
        series = weekly(desk)
        desk.book(clock(11) + timedelta(days=14), patient=1)
        with pytest.raises(SeriesConflicts):
            self.change(desk, series, 1, "all", starts_at=clock(11))
        assert starts(series) == ["24/11 09:00", "01/12 09:00", "08/12 09:00", "15/12 09:00"]
        assert all(visit.occupancies.count() == 3 for visit in visits_of(series))

    def test_cancels_from_one_on(self, desk: Desk) -> None:
        series = weekly(desk)
        self.change(desk, series, 3, "following", cancel=True, reason="Déménagement")
        assert [visit.status for visit in visits_of(series)] == [
            "booked",
            "booked",
            "cancelled_by_practice",
            "cancelled_by_practice",
        ]

    def test_refuses_a_stale_version_and_a_visit_of_another_series(self, desk: Desk) -> None:
        series = weekly(desk)
        with pytest.raises(Stale):
            self.change(desk, series, 1, "all", version=7, starts_at=clock(10))
        alone = desk.book(clock(15))
        with pytest.raises(InvalidInput):
            change_series(
                actor=desk.actor, series=series, appointment=alone, scope="all", version=1, at=desk.at
            )


@pytest.mark.django_db
class TestApi:
    def body(self, desk: Desk, **more) -> dict:
        names = ("practitioner", "room", "type")
        first = visit_of(desk, clock(9))
        visit = {name: str(first[name].pk) for name in names} | {"starts_at": "2026-11-24T09:00"}
        return {
            "patient": str(desk.patients[0].pk),
            "visits": [visit],
            "rrule": "FREQ=WEEKLY;COUNT=3",
            **more,
        }

    def test_books_and_changes(self, desk: Desk, api, ben) -> None:
        client = api(ben)
        made = client.post(URL, self.body(desk))
        assert made.status_code == 201, made.content
        visits = made.json()["appointments"]
        assert [visit["starts_at"][:16] for visit in visits] == [
            "2026-11-24T09:00",
            "2026-12-01T09:00",
            "2026-12-08T09:00",
        ]
        asked = {"appointment": visits[1]["id"], "scope": "following", "version": 1}
        changed = client.patch(f"{URL}/{made.json()['id']}", {**asked, "starts_at": "2026-12-01T10:00"})
        assert changed.status_code == 200, changed.content
        assert [visit["starts_at"][11:16] for visit in changed.json()["appointments"]] == [
            "09:00",
            "10:00",
            "10:00",
        ]

    def test_reports_conflicts(self, desk: Desk, api, ben) -> None:
        desk.book(clock(9), patient=1)
        answer = api(ben).post(URL, self.body(desk))
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "SERIES_CONFLICTS")
        assert len(answer.json()["error"]["details"]["conflicts"]) == 1

    def test_is_closed_to_another_practice(self, desk: Desk, api, cleo) -> None:
        series = weekly(desk)
        assert api(cleo).patch(f"{URL}/{series.pk}", {}).status_code == 404
        answer = api(cleo).post(URL, self.body(desk))
        assert answer.status_code == 400
        assert "patient" in answer.json()["error"]["details"]


LENGTH = timedelta(minutes=30)


class SeriesMachine(RuleBasedStateMachine):
    """A series under random changes, beside a list that is changed the plain way."""

    desk: Desk

    def __init__(self) -> None:
        super().__init__()
        self.scope = transaction.atomic()
        self.scope.__enter__()
        self.series = weekly(self.desk, count=4)
        # position -> [local start, exception, alive]
        self.plain = {
            visit.series_position: [visit.starts_at.astimezone(PARIS).replace(tzinfo=None), False, True]
            for visit in visits_of(self.series)
        }

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.scope.__exit__(None, None, None)

    def named(self, position: int) -> Appointment:
        return Appointment.objects.get(series=self.series, series_position=position)

    def chosen(self, position: int, scope: str) -> list[int]:
        later = [p for p in self.plain if scope == "all" or (scope == "following" and p > position)]
        return [p for p in self.plain if p == position or (p in later and self.is_free(p))]

    def is_free(self, position: int) -> bool:
        return self.plain[position][2] and not self.plain[position][1]

    def possible(self, moved: dict[int, datetime]) -> bool:
        if any(not self.plain[position][2] for position in moved):
            return False
        times = {p: row[0] for p, row in self.plain.items() if row[2]} | moved
        ordered = sorted(times.values())
        if any(later - earlier < LENGTH for earlier, later in pairwise(ordered)):
            return False
        return all(is_open(moment) for moment in moved.values())

    @rule(
        position=st.integers(1, 4),
        scope=st.sampled_from(["this", "following", "all"]),
        days=st.sampled_from([-7, -1, 0, 1, 7]),
        at=st.sampled_from([time(8), time(9), time(9, 15), time(18, 30), time(18, 45)]),
    )
    def move(self, position: int, scope: str, days: int, at: time) -> None:
        moved = {
            p: datetime.combine(self.plain[p][0].date() + timedelta(days=days), at)
            for p in self.chosen(position, scope)
        }
        named = self.named(position)
        changed = any(moment != self.plain[p][0] for p, moment in moved.items())
        try:
            change_series(
                actor=self.desk.actor,
                series=self.series,
                appointment=named,
                scope=scope,
                version=named.version,
                starts_at=moved[position].replace(tzinfo=PARIS),
                at=self.desk.at,
            )
        except DomainError:
            assert not self.possible(moved)
            return
        assert self.possible(moved)
        for p, moment in moved.items():
            alone = scope == "this" and (changed or self.plain[p][1])
            self.plain[p] = [moment, alone, True]

    @rule(position=st.integers(1, 4), hour=st.integers(8, 18))
    def drag(self, position: int, hour: int) -> None:
        named = self.named(position)
        moment = datetime.combine(self.plain[position][0].date(), time(hour))
        differs = moment != self.plain[position][0]
        try:
            move_appointment(
                actor=self.desk.actor,
                appointment=named,
                version=named.version,
                starts_at=moment.replace(tzinfo=PARIS),
                at=self.desk.at,
            )
        except DomainError:
            assert not self.possible({position: moment})
            return
        assert self.possible({position: moment})
        self.plain[position] = [moment, self.plain[position][1] or differs, True]

    @rule(position=st.integers(1, 4))
    def miss(self, position: int) -> None:
        try:
            change_appointment(
                actor=self.desk.actor, appointment=self.named(position), verb="no-show", at=self.desk.at
            )
        except DomainError:
            assert not self.plain[position][2]
            return
        self.plain[position][2] = False

    @invariant()
    def holds(self) -> None:
        for visit in Appointment.objects.filter(series=self.series).select_related("type"):
            start, alone, alive = self.plain[visit.series_position]
            assert visit.starts_at.astimezone(PARIS).replace(tzinfo=None) == start
            assert visit.ends_at - visit.starts_at == LENGTH
            assert (visit.is_exception, visit.status == "booked") == (alone, alive)
            held = {(row.resource_id, row.period.lower) for row in visit.occupancies.all()}
            assert held == {(claim.resource_id, claim.starts_at) for claim in claims_of(visit)}
        assert overlaps() == 0


def is_open(moment: datetime) -> bool:
    day: date = moment.date()
    fits = time(8) <= moment.time() and moment + LENGTH <= datetime.combine(day, time(19))
    return fits and day.isoweekday() <= 5 and not holidays_between("FR", day, day)


@pytest.mark.django_db
def test_no_change_corrupts_a_series(desk: Desk) -> None:
    SeriesMachine.desk = desk
    run_state_machine_as_test(
        SeriesMachine,
        settings=settings(
            max_examples=15, stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
