"""From flags to a score: the cases of the specification, and what holds for any facts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.insurance.fraud.catalogue import BY_CODE, RULES
from apps.insurance.fraud.config import FraudConfig
from apps.insurance.fraud.facts import (
    Band,
    Facts,
    Frequency,
    Generics,
    OtherCover,
    Pace,
    Pair,
    Peers,
    Person,
    PractitionerDay,
    Visit,
)
from apps.insurance.fraud.rules import FAMILIES, Settings
from apps.insurance.fraud.scoring import as_decimal, screen
from tests.insurance.fraud.scenes import (
    CALM,
    DAY,
    MORNING,
    SFAX,
    calm,
    claiming,
    flag_of,
    line,
    past,
    peers,
    screened,
)
from tests.insurance.fraud.test_places import north_of_tunis

YESTERDAY = DAY - timedelta(days=1)
FAR_AWAY = replace(CALM.person, home=north_of_tunis(320))
# What the specification lists (claims.md 4.1): family and points of every rule.
SPECIFIED = {
    "DUP_EXACT": ("duplicate", (80,)),
    "DUP_LINE": ("duplicate", (40,)),
    "NEAR_DUP": ("duplicate", (25,)),
    "FREQ": ("volume", (20, 30, 40)),
    "PRICE_PEER": ("price", (20, 35)),
    "PRICE_OVER": ("price", (15,)),
    "IMPOSSIBLE_DAY": ("volume", (40, 80)),
    "INCOMPATIBLE": ("clinical", (35,)),
    "TOOTH_ABSENT": ("clinical", (60,)),
    "SURFACE_REPEAT": ("clinical", (20,)),
    "AGE_SEX": ("clinical", (50,)),
    "GEO_FAR": ("geo_time", (10, 20)),
    "GEO_TRAVEL": ("geo_time", (20, 40)),
    "OUT_OF_HOURS": ("geo_time", (10,)),
    "VELOCITY_PROV": ("volume", (25,)),
    "VELOCITY_PAT": ("volume", (25,)),
    "CARENCE_EDGE": ("geo_time", (10,)),
    "LIMIT_DRAIN": ("volume", (15,)),
    "THRESHOLD_HUG": ("price", (15,)),
    "PAIR_RING": ("network", (15,)),
    "GENERIC_REFUSED": ("network", (15,)),
    "ID_SHARED": ("network", (30,)),
}


class TestCatalogue:
    def test_holds_the_twenty_two_rules_with_their_families_and_points(self):
        assert {rule.code: (rule.family, rule.weights) for rule in RULES} == SPECIFIED
        assert len(RULES) == len(BY_CODE) == 22

    def test_lists_tiers_from_mild_to_grave(self):
        assert all(list(rule.weights) == sorted(rule.weights) for rule in RULES)


class TestScore:
    def test_is_twenty_five_for_a_near_duplicate_alone(self):
        found = screened(calm(history=(past(service_date=YESTERDAY),)))
        assert ([flag.rule for flag in found.flags], found.score) == (["NEAR_DUP"], 25)

    def test_is_forty_five_for_a_near_duplicate_far_from_home(self):
        found = screened(calm(history=(past(service_date=YESTERDAY),), person=FAR_AWAY))
        assert found.family_scores == {"duplicate": 25, "geo_time": 20}
        assert found.score == 45

    def test_is_eighty_for_an_absent_tooth_at_an_odd_price(self):
        facts = claiming(
            line("HBMD053", tooth="16", unit_price=82_000),
            facts=calm(
                history=(past("HBGD036", tooth="16", service_date=YESTERDAY),),
                city_peers={"HBMD053": peers()},
            ),
        )
        found = screened(facts)
        assert found.family_scores == {"price": 20, "clinical": 60}
        assert found.score == 80

    def test_counts_only_the_gravest_of_a_family(self):
        facts = claiming(
            line(unit_price=120_000, bareme_price=70_000), facts=calm(city_peers={"C2": peers()})
        )
        found = screened(facts)
        assert {flag.rule: flag.points for flag in found.flags} == {"PRICE_PEER": 35, "PRICE_OVER": 15}
        assert found.score == 35

    def test_stops_at_one_hundred(self):
        day = PractitionerDay(minutes=5_000, other_patients=10)
        found = screened(calm(repeats="claim-1", practitioner_day=day))
        assert found.family_scores == {"duplicate": 80, "volume": 80}
        assert found.score == 100


class TestConfig:
    NEAR = calm(history=(past(service_date=YESTERDAY),), person=FAR_AWAY)

    def test_runs_a_rule_in_shadow_without_points(self):
        found = screened(self.NEAR, rules={"NEAR_DUP": {"shadow": True}})
        flag = next(flag for flag in found.flags if flag.rule == "NEAR_DUP")
        assert (flag.weight, flag.points, flag.shadow) == (25, 0, True)
        assert found.family_scores == {"geo_time": 20}
        assert found.score == 20

    def test_lets_a_milder_rule_count_where_the_graver_is_in_shadow(self):
        facts = claiming(
            line(unit_price=120_000, bareme_price=70_000), facts=calm(city_peers={"C2": peers()})
        )
        assert screened(facts, rules={"PRICE_PEER": {"shadow": True}}).score == 15

    def test_switches_a_rule_off(self):
        assert flag_of("NEAR_DUP", self.NEAR, rules={"NEAR_DUP": {"enabled": False}}) is None

    def test_gives_one_weight_to_all_tiers_or_one_to_each(self):
        assert flag_of("GEO_FAR", self.NEAR, rules={"GEO_FAR": {"weight": 7}}).weight == 7
        assert flag_of("GEO_FAR", self.NEAR, rules={"GEO_FAR": {"weight": [3, 9]}}).weight == 9

    def test_exempts_a_provider_from_one_rule(self):
        rules = {"NEAR_DUP": {"exempt": ["provider-1"]}}
        assert screened(self.NEAR, rules=rules).family_scores == {"geo_time": 20}

    def test_passes_over_what_an_older_catalogue_left_behind(self):
        left = {
            "rules": {"GONE": {"weight": 3}, "NEAR_DUP": {"thresholds": {"gone": 1}}},
            "acts": {"C2": {"gone": 1}},
        }
        assert screened(self.NEAR, **left).score == 45

    def test_has_the_specified_limits_unless_told_otherwise(self):
        assert (FraudConfig.from_json(None).review_at, FraudConfig.from_json({}).block_at) == (30, 70)
        own = FraudConfig.from_json({"review_at": 20, "block_at": 90})
        assert (own.review_at, own.block_at) == (20, 90)

    def test_names_its_version_by_its_content(self):
        plain = FraudConfig.from_json({}).rules_version
        one = FraudConfig.from_json({"review_at": 20, "block_at": 80}).rules_version
        assert one == FraudConfig.from_json({"block_at": 80, "review_at": 20}).rules_version
        assert plain != one != FraudConfig.from_json({"review_at": 21, "block_at": 80}).rules_version
        assert len(one) <= 40


class TestEvidence:
    def test_writes_figures_with_three_decimals(self):
        assert as_decimal(Fraction(10, 3)) == Decimal("3.333")
        assert as_decimal(Fraction(1, 2000)) == Decimal("0.001")
        assert as_decimal(10**30) == Decimal(10) ** 12

    def test_holds_no_word_of_the_claim(self):
        told = calm(
            claim=replace(CALM.claim, type="pharmacy", prescriber="Dr Ben Salem", filed_by="user-1"),
            pair=Pair(61, 100, 200, 10_000),
            history=(past(service_date=YESTERDAY),),
            other_cover=OtherCover(another_person=True, same_care=True),
        )
        written = repr(screened(told).flags)
        assert "PAIR_RING" in written
        assert "Salem" not in written


def _gravely(facts: Facts) -> Facts:
    """Return the same facts with more against them: every change can only make rules fire that did not."""
    return replace(
        facts,
        repeats="claim-1",
        history=(*facts.history, past("A", service_date=YESTERDAY, claim="more")),
        day_claims=facts.day_claims + 6,
        covered_in_30_days=facts.covered_in_30_days + 10**7,
        other_cover=OtherCover(another_person=True, same_care=True),
    )


CODES = st.sampled_from(["A", "B", "HBGD036", "HBMD053", "HBMD049"])
TEETH = st.sampled_from(["", "16", "26", "54"])
LINES = st.lists(
    st.builds(
        lambda code, tooth, quantity, price, minutes: line(
            code,
            tooth=tooth,
            surfaces="O",
            quantity=quantity,
            unit_price=price,
            minutes=minutes,
            bareme_price=70_000,
        ),
        CODES,
        TEETH,
        st.integers(1, 5),
        st.sampled_from([66_500, 70_000, 82_000, 130_000]),
        st.integers(0, 400),
    ),
    min_size=1,
    max_size=6,
).map(lambda lines: tuple(replace(one, sequence=n) for n, one in enumerate(lines, 1)))
HISTORY = st.lists(
    st.builds(
        lambda code, tooth, days, paid, claim: past(
            code,
            tooth=tooth,
            surfaces="MO",
            service_date=DAY - timedelta(days=days),
            paid=paid,
            claim=f"c{claim}",
        ),
        CODES,
        TEETH,
        st.integers(-5, 400),
        st.booleans(),
        st.integers(1, 9),
    ),
    max_size=6,
).map(tuple)


@st.composite
def any_facts(draw) -> Facts:
    lines = draw(LINES)
    claim = replace(
        CALM.claim,
        lines=lines,
        type=draw(st.sampled_from(["consultation", "dental", "pharmacy"])),
        entered_at=MORNING + timedelta(hours=draw(st.integers(-30, 30))),
    )
    return calm(
        claim=claim,
        person=Person(
            birth_date=DAY - timedelta(days=draw(st.integers(0, 30_000))),
            home=draw(st.sampled_from([SFAX, None])),
        ),
        history=draw(HISTORY),
        visits=tuple(
            Visit(f"v{km}", "provider-2", DAY, MORNING, north_of_tunis(km))
            for km in draw(st.lists(st.integers(0, 500), max_size=2))
        ),
        frequencies={"A": Frequency(draw(st.integers(1, 3)), 30)},
        city_peers={
            "A": peers(mad=draw(st.sampled_from([0, 2_000]))),
            "B": Peers(10, Fraction(1), Fraction(1), Fraction(1)),
        },
        incompatible=frozenset({("A", "B", "tooth"), ("B", "HBMD053", "claim")}),
        practitioner_day=PractitionerDay(draw(st.integers(0, 2_000)), draw(st.integers(0, 90))),
        pace=Pace(draw(st.integers(0, 30)), draw(st.integers(0, 90)), Fraction(4), draw(st.integers(0, 48))),
        day_claims=draw(st.integers(0, 9)),
        annual_limit=draw(st.sampled_from([None, 2_000_000])),
        covered_in_30_days=draw(st.integers(0, 2_000_000)),
        bands=(Band(500_000, tuple("abcd"[: draw(st.integers(0, 4))])),),
        pair=Pair(draw(st.integers(0, 100)), 100, 200, 10_000),
        generics=Generics(100, draw(st.integers(0, 100)), 1_000, 100),
        holiday=draw(st.booleans()),
    )


class TestProperties:
    @settings(max_examples=200, deadline=None)
    @given(any_facts(), st.randoms(use_true_random=False))
    def test_do_not_depend_on_the_order_of_anything(self, facts, random):
        def shuffled(items):
            return tuple(random.sample(items, len(items)))

        other = replace(
            facts,
            claim=replace(facts.claim, lines=shuffled(facts.claim.lines)),
            history=shuffled(facts.history),
            visits=shuffled(facts.visits),
        )
        assert screened(other) == screened(facts)

    @settings(max_examples=200, deadline=None)
    @given(any_facts())
    def test_never_lower_the_score_for_more_against_a_claim(self, facts):
        assert screened(_gravely(facts)).score >= screened(facts).score

    @settings(max_examples=200, deadline=None)
    @given(any_facts(), st.sampled_from(sorted(SPECIFIED)))
    def test_never_raise_the_score_by_putting_a_rule_in_shadow(self, facts, rule):
        plain, shadow = screened(facts), screened(facts, rules={rule: {"shadow": True}})
        assert shadow.score <= plain.score
        assert [flag.rule for flag in shadow.flags] == [flag.rule for flag in plain.flags]

    @settings(max_examples=200, deadline=None)
    @given(any_facts())
    def test_agree_with_a_score_counted_by_hand(self, facts):
        found = screened(facts)
        by_family: dict[str, list[int]] = {}
        for flag in found.flags:
            family, weights = SPECIFIED[flag.rule]
            assert flag.weight in weights
            assert flag.family == family
            by_family.setdefault(family, []).append(flag.points)
        assert found.score == min(100, sum(max(points) for points in by_family.values()))
        assert len({flag.rule for flag in found.flags}) == len(found.flags)

    @settings(max_examples=50, deadline=None)
    @given(any_facts())
    def test_find_the_same_twice(self, facts):
        config = FraudConfig.from_json({"review_at": 25})
        assert screen(facts, config) == screen(facts, config)


class TestSettings:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_every_family_has_rules(self, family):
        assert any(rule.family == family for rule in RULES)

    def test_know_nothing_of_an_unknown_act(self):
        assert Settings(weights=(1,), thresholds={}).traits("X").extraction is False
