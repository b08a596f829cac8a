from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from apps.insurance.fraud.facts import Frequency, Pace, PractitionerDay
from tests.insurance.fraud.scenes import CALM, DAY, calm, claiming, flag_of, line, past, points_of


def days_ago(days: int, **fields):
    return past(service_date=DAY - timedelta(days=days), **fields)


class TestFreq:
    LIMIT = {"C2": Frequency(max_quantity=2, days=30)}

    @pytest.mark.parametrize(
        ("earlier", "points"), [(0, None), (1, None), (2, 20), (3, 30), (4, 40), (9, 40)]
    )
    def test_fires_above_the_limit_and_harder_for_each_one_more(self, earlier, points):
        history = tuple(days_ago(10, claim=f"c{n}") for n in range(earlier))
        assert points_of("FREQ", calm(frequencies=self.LIMIT, history=history)) == points

    def test_names_what_it_counted(self):
        history = (days_ago(1, claim="b"), days_ago(2, claim="a"))
        flag = flag_of("FREQ", calm(frequencies=self.LIMIT, history=history))
        assert (flag.observed, flag.threshold) == (3, 2)
        assert flag.evidence == {"lines": [1], "claims": ["a", "b"]}

    @pytest.mark.parametrize(("days", "points"), [(29, 20), (30, None), (-29, 20), (-30, None)])
    def test_counts_the_window_on_both_sides_of_the_day(self, days, points):
        history = (days_ago(days, claim="a"), days_ago(days, claim="b"))
        assert points_of("FREQ", calm(frequencies=self.LIMIT, history=history)) == points

    def test_counts_quantities_over_the_lines_of_the_claim(self):
        facts = claiming(line(quantity=2), line(sequence=2, quantity=2), facts=calm(frequencies=self.LIMIT))
        assert points_of("FREQ", facts) == 30

    def test_spares_a_chronic_condition(self):
        history = tuple(days_ago(10, claim=f"c{n}") for n in range(9))
        chronic = replace(CALM.person, chronic=True)
        assert points_of("FREQ", calm(frequencies=self.LIMIT, history=history, person=chronic)) is None

    def test_spares_codes_without_a_limit(self):
        assert points_of("FREQ", calm(history=tuple(days_ago(n) for n in range(1, 29)))) is None

    def test_takes_the_insurers_own_limit_before_the_contracts(self):
        history = (days_ago(10, claim="a"), days_ago(11, claim="b"))
        facts = calm(frequencies=self.LIMIT, history=history)
        assert points_of("FREQ", facts, acts={"C2": {"max_quantity": 3, "per_days": 30}}) is None
        assert points_of("FREQ", facts, acts={"C2": {"max_quantity": 1, "per_days": 30}}) == 30


class TestImpossibleDay:
    # The ordinary claim adds 20 minutes.
    @pytest.mark.parametrize(
        ("minutes", "points"), [(940, None), (941, 40), (1420, 40), (1421, 80), (5000, 80)]
    )
    def test_fires_above_sixteen_and_above_twenty_four_hours(self, minutes, points):
        facts = calm(practitioner_day=PractitionerDay(minutes=minutes, other_patients=3))
        assert points_of("IMPOSSIBLE_DAY", facts) == points

    def test_multiplies_minutes_by_quantity(self):
        facts = claiming(
            line(minutes=20, quantity=2),
            facts=calm(practitioner_day=PractitionerDay(minutes=921, other_patients=3)),
        )
        assert points_of("IMPOSSIBLE_DAY", facts) == 40

    @pytest.mark.parametrize(("others", "points"), [(59, None), (60, 40), (200, 40)])
    def test_asks_for_a_review_above_sixty_patients(self, others, points):
        facts = calm(practitioner_day=PractitionerDay(minutes=0, other_patients=others))
        assert points_of("IMPOSSIBLE_DAY", facts) == points

    def test_spares_a_site_whose_practitioner_is_not_named(self):
        assert points_of("IMPOSSIBLE_DAY", calm(practitioner_day=None)) is None


class TestVelocityProv:
    @pytest.mark.parametrize(("before", "points"), [(14, None), (15, 25)])
    def test_fires_on_the_sixteenth_claim_in_ten_minutes(self, before, points):
        assert points_of("VELOCITY_PROV", calm(pace=Pace(last_ten_minutes=before))) == points

    @pytest.mark.parametrize(("before", "points"), [(11, None), (12, 25)])
    def test_fires_above_three_times_its_own_p99_of_an_hour(self, before, points):
        pace = Pace(last_ten_minutes=1, last_hour=before, hour_p99=Fraction(4), hours_seen=24)
        assert points_of("VELOCITY_PROV", calm(pace=pace)) == points

    def test_spares_a_provider_who_is_hardly_known(self):
        pace = Pace(last_hour=14, hour_p99=Fraction(1), hours_seen=23)
        assert points_of("VELOCITY_PROV", calm(pace=pace)) is None

    def test_spares_a_user_who_imports_batches(self):
        facts = calm(pace=Pace(last_ten_minutes=500))
        assert points_of("VELOCITY_PROV", facts, rules={"VELOCITY_PROV": {"exempt": ["user-1"]}}) is None
        assert points_of("VELOCITY_PROV", facts, rules={"VELOCITY_PROV": {"exempt": ["user-2"]}}) == 25


class TestVelocityPat:
    @pytest.mark.parametrize(("before", "points"), [(4, None), (5, 25)])
    def test_fires_on_the_sixth_claim_of_a_day(self, before, points):
        assert points_of("VELOCITY_PAT", calm(day_claims=before)) == points

    @pytest.mark.parametrize(("before", "points"), [(2, None), (3, 25)])
    def test_fires_on_the_fourth_provider_of_one_type(self, before, points):
        assert points_of("VELOCITY_PAT", calm(day_claims=3, day_other_providers=before)) == points


class TestLimitDrain:
    @pytest.mark.parametrize(("before", "points"), [(1_551_000, None), (1_551_001, 15)])
    def test_fires_above_four_fifths_of_the_annual_limit(self, before, points):
        facts = calm(annual_limit=2_000_000, covered_in_30_days=before)
        assert points_of("LIMIT_DRAIN", facts) == points

    def test_says_the_share(self):
        flag = flag_of("LIMIT_DRAIN", calm(annual_limit=2_000_000, covered_in_30_days=1_851_000))
        assert (flag.observed, flag.threshold) == (95, 80)

    def test_spares_hospitalization(self):
        facts = calm(annual_limit=2_000_000, covered_in_30_days=1_999_999)
        assert points_of("LIMIT_DRAIN", claiming(facts=facts, type="hospitalization")) is None

    def test_spares_contracts_without_a_limit_and_claims_that_use_none_of_it(self):
        assert points_of("LIMIT_DRAIN", calm(annual_limit=None, covered_in_30_days=10**9)) is None
        spent = calm(annual_limit=2_000_000, covered_in_30_days=2_000_000)
        assert points_of("LIMIT_DRAIN", spent.with_covered(0)) is None
