from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest

from apps.insurance.fraud.facts import Opening, Point, Visit
from apps.insurance.fraud.figures import haversine_km
from tests.insurance.fraud.scenes import (
    CALM,
    DAY,
    MORNING,
    SFAX,
    TUNIS,
    calm,
    claiming,
    flag_of,
    line,
    peers,
    points_of,
)

# One degree of latitude is 111.195 km on the mean sphere.
DEGREE_KM = 111.195


def north_of_tunis(km: float) -> Point:
    return Point(TUNIS.lat + km / DEGREE_KM, TUNIS.lng)


class TestHaversine:
    def test_agrees_with_known_distances(self):
        assert haversine_km(Point(48.8566, 2.3522), Point(51.5074, -0.1278)) == pytest.approx(343.56, abs=0.1)
        assert haversine_km(TUNIS, SFAX) == pytest.approx(235.6, abs=0.5)
        assert haversine_km(Point(0, 0), Point(0, 180)) == pytest.approx(20_015.1, abs=0.1)
        assert haversine_km(TUNIS, TUNIS) == 0


class TestGeoFar:
    @pytest.mark.parametrize(("km", "points"), [(149.9, None), (150.1, 10), (299.9, 10), (300.1, 20)])
    def test_fires_beyond_one_hundred_and_fifty_and_three_hundred_km(self, km, points):
        facts = calm(person=replace(CALM.person, home=north_of_tunis(km)))
        assert points_of("GEO_FAR", facts) == points

    def test_spares_hospitalization_and_emergencies(self):
        facts = calm(person=replace(CALM.person, home=north_of_tunis(400)))
        assert points_of("GEO_FAR", claiming(facts=facts, type="hospitalization")) is None
        assert points_of("GEO_FAR", claiming(facts=facts, is_urgent=True)) is None

    def test_spares_unknown_places(self):
        away = calm(person=replace(CALM.person, home=north_of_tunis(400)))
        assert points_of("GEO_FAR", replace(away, person=replace(CALM.person, home=None))) is None
        assert points_of("GEO_FAR", replace(away, provider=replace(CALM.provider, place=None))) is None


class TestGeoTravel:
    def visit(self, km: float, *, minutes: int | None, provider: str = "provider-2", day=DAY) -> Visit:
        at = None if minutes is None else MORNING - timedelta(minutes=minutes)
        return Visit(claim="earlier-1", provider=provider, day=day, at=at, place=north_of_tunis(km))

    @pytest.mark.parametrize(
        ("km", "minutes", "points"),
        [
            (121, 60, 40),
            (119, 60, None),
            (49, 1, None),
            (51, 1, 40),
            (51, 0, 40),
            (300, 140, 40),
            (300, 160, None),
        ],
    )
    def test_fires_on_a_speed_nobody_travels_at(self, km, minutes, points):
        assert points_of("GEO_TRAVEL", calm(visits=(self.visit(km, minutes=minutes),))) == points

    def test_sees_a_later_visit_as_well(self):
        assert points_of("GEO_TRAVEL", calm(visits=(self.visit(121, minutes=-60),))) == 40

    @pytest.mark.parametrize(("km", "points"), [(249, None), (251, 20)])
    def test_minds_only_the_distance_where_a_time_is_missing(self, km, points):
        assert points_of("GEO_TRAVEL", calm(visits=(self.visit(km, minutes=None),))) == points

    def test_takes_no_time_from_a_claim_filed_on_another_day(self):
        late = claiming(
            facts=calm(visits=(self.visit(121, minutes=60),)), entered_at=MORNING + timedelta(days=3)
        )
        assert points_of("GEO_TRAVEL", late) is None

    def test_spares_the_day_before_without_times_and_the_same_provider(self):
        yesterday = self.visit(400, minutes=None, day=DAY - timedelta(days=1))
        assert points_of("GEO_TRAVEL", calm(visits=(yesterday,))) is None
        assert (
            points_of("GEO_TRAVEL", calm(visits=(self.visit(400, minutes=1, provider="provider-1"),))) is None
        )

    def test_spares_unknown_places(self):
        nowhere = replace(self.visit(400, minutes=1), place=None)
        assert points_of("GEO_TRAVEL", calm(visits=(nowhere,))) is None

    def test_names_the_other_claim(self):
        assert flag_of("GEO_TRAVEL", calm(visits=(self.visit(121, minutes=60),))).evidence == {
            "claims": ["earlier-1"]
        }


class TestOutOfHours:
    def entered(self, hour: int, minute: int = 0, **changes):
        return claiming(entered_at=datetime(2026, 6, 30, hour, minute, tzinfo=UTC), **changes)

    @pytest.mark.parametrize(
        ("clock", "points"),
        [((7, 59), 10), ((8, 0), None), ((19, 29), None), ((19, 30), 10), ((22, 59), 10)],
    )
    def test_fires_outside_opening_hours(self, clock, points):
        assert points_of("OUT_OF_HOURS", self.entered(*clock)) == points

    def test_spares_a_claim_filed_later_and_a_provider_without_stated_hours(self):
        late = claiming(entered_at=datetime(2026, 7, 2, 21, 0, tzinfo=UTC))
        assert points_of("OUT_OF_HOURS", late) is None
        silent = calm(provider=replace(CALM.provider, hours=()))
        assert points_of("OUT_OF_HOURS", claiming(facts=silent, entered_at=MORNING.replace(hour=21))) is None

    @pytest.mark.parametrize("type_", ["consultation", "laboratory"])
    def test_fires_on_a_sunday_and_on_a_holiday(self, type_):
        sunday = claiming(service_date=date(2026, 6, 28), type=type_)
        assert flag_of("OUT_OF_HOURS", sunday).evidence == {"reason": "sunday"}
        assert flag_of("OUT_OF_HOURS", claiming(facts=calm(holiday=True), type=type_)).evidence == {
            "reason": "holiday"
        }

    def test_spares_a_pharmacy_on_a_sunday_and_a_practice_that_opens_then(self):
        assert points_of("OUT_OF_HOURS", claiming(service_date=date(2026, 6, 28), type="pharmacy")) is None
        open_then = replace(CALM.provider, hours=(Opening(7, time(9), time(12)),))
        facts = claiming(facts=calm(provider=open_then), service_date=date(2026, 6, 28))
        assert points_of("OUT_OF_HOURS", facts) is None

    @pytest.mark.parametrize(
        ("clock", "points"), [((22, 59), None), ((23, 0), 10), ((0, 0), 10), ((4, 59), 10), ((5, 0), None)]
    )
    def test_fires_on_a_pharmacy_claim_entered_at_night(self, clock, points):
        assert points_of("OUT_OF_HOURS", self.entered(*clock, type="pharmacy")) == points

    def test_spares_pharmacies_on_call_and_clinics(self):
        night = self.entered(2, type="pharmacy")
        assert points_of("OUT_OF_HOURS", night, rules={"OUT_OF_HOURS": {"exempt": ["provider-1"]}}) is None
        on_call = replace(CALM.provider, hours=(Opening(2, time(0), time(23, 59)),))
        assert points_of("OUT_OF_HOURS", replace(night, provider=on_call)) is None
        assert (
            points_of("OUT_OF_HOURS", replace(night, provider=replace(CALM.provider, kind="clinic"))) is None
        )


class TestCarenceEdge:
    def facts(self, days: int, price: int = 76_001, **changes):
        waited = calm(first_payable_day=DAY - timedelta(days=days), city_peers={"C2": peers()})
        return claiming(line(unit_price=price), facts=replace(waited, **changes))

    @pytest.mark.parametrize(("days", "points"), [(-1, None), (0, 10), (2, 10), (3, None)])
    def test_fires_on_a_dear_first_claim_just_after_the_waiting_period(self, days, points):
        assert points_of("CARENCE_EDGE", self.facts(days)) == points

    def test_spares_a_price_like_others(self):
        assert points_of("CARENCE_EDGE", self.facts(0, price=76_000)) is None

    def test_spares_who_claimed_before_and_who_never_waited(self):
        assert points_of("CARENCE_EDGE", self.facts(0, has_earlier_claims=True)) is None
        assert points_of("CARENCE_EDGE", self.facts(0, first_payable_day=None)) is None

    def test_spares_codes_with_too_few_peers(self):
        assert points_of("CARENCE_EDGE", self.facts(0, city_peers={"C2": peers(n=29)})) is None
