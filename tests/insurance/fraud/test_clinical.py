from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from apps.insurance.fraud.clinical import age_on, months_after
from tests.insurance.fraud.scenes import CALM, DAY, calm, claiming, flag_of, line, past, points_of

YESTERDAY = DAY - timedelta(days=1)


class TestIncompatible:
    def test_fires_on_a_pair_within_the_claim(self):
        facts = claiming(
            line("A"), line("B", sequence=2), facts=calm(incompatible=frozenset({("B", "A", "claim")}))
        )
        flag = flag_of("INCOMPATIBLE", facts)
        assert (flag.points, flag.evidence) == (35, {"lines": [1, 2]})

    def test_fires_on_a_pair_with_another_claim_of_the_day(self):
        facts = calm(incompatible=frozenset({("C2", "X", "day")}), history=(past("X"),))
        assert flag_of("INCOMPATIBLE", facts).evidence == {"lines": [1], "claims": ["earlier-1"]}

    def test_spares_another_day(self):
        facts = calm(
            incompatible=frozenset({("C2", "X", "day")}), history=(past("X", service_date=YESTERDAY),)
        )
        assert points_of("INCOMPATIBLE", facts) is None

    @pytest.mark.parametrize(("tooth", "points"), [("16", 35), ("17", None), ("", None)])
    def test_looks_at_the_tooth_where_the_pair_is_of_one_tooth(self, tooth, points):
        facts = claiming(
            line("A", tooth="16"),
            line("B", sequence=2, tooth=tooth),
            facts=calm(incompatible=frozenset({("A", "B", "tooth")})),
        )
        assert points_of("INCOMPATIBLE", facts) == points

    def test_spares_an_allowed_association(self):
        facts = claiming(
            line("A"),
            line("B", sequence=2),
            facts=calm(
                incompatible=frozenset({("A", "B", "claim")}), associated=frozenset({frozenset({"A", "B"})})
            ),
        )
        assert points_of("INCOMPATIBLE", facts) is None


class TestToothAbsent:
    GONE = (past("HBGD036", tooth="16", service_date=YESTERDAY),)

    def test_fires_on_an_act_on_an_extracted_tooth(self):
        flag = flag_of("TOOTH_ABSENT", claiming(line("HBMD053", tooth="16"), facts=calm(history=self.GONE)))
        assert (flag.points, flag.evidence) == (60, {"lines": [1], "claims": ["earlier-1"]})

    def test_fires_on_a_second_extraction_even_on_the_same_day(self):
        for day in (YESTERDAY, DAY):
            history = (past("HBGD036", tooth="16", service_date=day),)
            facts = claiming(line("HBGD022", tooth="16"), facts=calm(history=history))
            assert points_of("TOOTH_ABSENT", facts) == 60

    @pytest.mark.parametrize("code", ["LBLD015", "HBLD418", "HBLD785", "HBLD227", "HBLD099", "HBQK389"])
    def test_spares_what_stands_in_for_a_tooth(self, code):
        assert (
            points_of("TOOTH_ABSENT", claiming(line(code, tooth="16"), facts=calm(history=self.GONE))) is None
        )

    def test_spares_the_successor_of_a_milk_tooth(self):
        history = (past("HBGD035", tooth="54", service_date=YESTERDAY),)
        assert (
            points_of("TOOTH_ABSENT", claiming(line("HBMD053", tooth="14"), facts=calm(history=history)))
            is None
        )
        assert (
            points_of("TOOTH_ABSENT", claiming(line("HBFD006", tooth="54"), facts=calm(history=history)))
            == 60
        )

    def test_spares_other_acts_of_the_day_and_acts_before_the_extraction(self):
        for day in (DAY, DAY + timedelta(days=1)):
            history = (past("HBGD036", tooth="16", service_date=day),)
            facts = claiming(line("HBMD053", tooth="16"), facts=calm(history=history))
            assert points_of("TOOTH_ABSENT", facts) is None

    def test_spares_the_sextant_an_extraction_is_written_on_by_mistake(self):
        history = (past("HBGD036", tooth="03", service_date=YESTERDAY),)
        assert (
            points_of("TOOTH_ABSENT", claiming(line("HBJA003", tooth="03"), facts=calm(history=history)))
            is None
        )

    def test_learns_an_insurers_own_codes(self):
        acts = {"EXO": {"extraction": True}, "PONT": {"without_tooth": True}}
        history = (past("EXO", tooth="16", service_date=YESTERDAY),)
        assert (
            points_of("TOOTH_ABSENT", claiming(line("X", tooth="16"), facts=calm(history=history)), acts=acts)
            == 60
        )
        bridge = claiming(line("PONT", tooth="16"), facts=calm(history=history))
        assert points_of("TOOTH_ABSENT", bridge, acts=acts) is None


class TestSurfaceRepeat:
    FILLED = past("HBMD049", tooth="16", surfaces="MO", service_date=date(2025, 6, 30))

    def facts(self, filled, code="HBMD053", **fields):
        asked = line(code, **{"tooth": "16", "surfaces": "O"} | fields)
        return claiming(asked, facts=calm(history=(filled,)))

    @pytest.mark.parametrize(
        ("day", "points"),
        [(date(2025, 6, 30), None), (date(2025, 7, 1), 20), (YESTERDAY, 20), (DAY, None)],
    )
    def test_fires_within_twelve_months(self, day, points):
        assert points_of("SURFACE_REPEAT", self.facts(replace(self.FILLED, service_date=day))) == points

    def test_needs_a_surface_and_a_tooth_in_common(self):
        filled = replace(self.FILLED, service_date=YESTERDAY)
        assert points_of("SURFACE_REPEAT", self.facts(filled, surfaces="MO")) == 20
        assert points_of("SURFACE_REPEAT", self.facts(filled, surfaces="DV")) is None
        assert points_of("SURFACE_REPEAT", self.facts(filled, tooth="17")) is None

    def test_spares_an_injury(self):
        filled = replace(self.FILLED, service_date=YESTERDAY)
        assert points_of("SURFACE_REPEAT", self.facts(filled, trauma=True)) is None

    def test_spares_acts_that_are_no_filling(self):
        filled = replace(self.FILLED, service_date=YESTERDAY)
        assert points_of("SURFACE_REPEAT", self.facts(filled, code="HBFD008")) is None

    def test_counts_months_by_the_calendar(self):
        assert months_after(date(2024, 2, 29), 12) == date(2025, 2, 28)
        assert months_after(date(2025, 12, 31), 2) == date(2026, 2, 28)
        assert months_after(date(2025, 11, 30), 1) == date(2025, 12, 30)


class TestAgeSex:
    ACTS = {"PED": {"max_age": 15}, "GER": {"min_age": 60}, "OBS": {"sex": "F"}}

    @pytest.mark.parametrize(
        ("birth", "points"), [(date(2010, 6, 30), 50), (date(2010, 7, 1), None), (date(2020, 1, 1), None)]
    )
    def test_fires_above_the_highest_age(self, birth, points):
        facts = claiming(line("PED"), facts=calm(person=replace(CALM.person, birth_date=birth)))
        assert points_of("AGE_SEX", facts, acts=self.ACTS) == points

    @pytest.mark.parametrize(("birth", "points"), [(date(1966, 6, 30), None), (date(1966, 7, 1), 50)])
    def test_fires_below_the_lowest_age(self, birth, points):
        facts = claiming(line("GER"), facts=calm(person=replace(CALM.person, birth_date=birth)))
        assert points_of("AGE_SEX", facts, acts=self.ACTS) == points

    @pytest.mark.parametrize(("sex", "points"), [("M", 50), ("F", None), ("", None)])
    def test_fires_on_the_other_sex(self, sex, points):
        facts = claiming(line("OBS"), facts=calm(person=replace(CALM.person, sex=sex)))
        assert points_of("AGE_SEX", facts, acts=self.ACTS) == points

    def test_spares_who_has_no_known_age(self):
        facts = claiming(line("PED"), facts=calm(person=replace(CALM.person, birth_date=None)))
        assert points_of("AGE_SEX", facts, acts=self.ACTS) is None

    def test_knows_orthodontics_is_for_children(self):
        assert points_of("AGE_SEX", claiming(line("TO90"))) == 50

    def test_counts_completed_years(self):
        assert age_on(date(2000, 2, 29), date(2026, 2, 28)) == 25
        assert age_on(date(2000, 2, 29), date(2026, 3, 1)) == 26
