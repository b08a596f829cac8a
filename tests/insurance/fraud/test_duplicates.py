from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.insurance.fraud.scenes import CALM, DAY, calm, claiming, flag_of, line, past, points_of, screened


class TestTheOrdinaryClaim:
    def test_raises_no_flag(self):
        assert screened(CALM).flags == ()
        assert screened(CALM).score == 0


class TestDupExact:
    def test_fires_on_a_repeated_fingerprint_and_names_the_first_claim(self):
        flag = flag_of("DUP_EXACT", calm(repeats="claim-1"))
        assert (flag.points, flag.family) == (80, "duplicate")
        assert flag.evidence == {"lines": [1], "claims": ["claim-1"]}

    def test_spares_a_retry_because_its_first_answer_is_no_other_claim(self):
        assert flag_of("DUP_EXACT", calm(repeats=None)) is None


class TestDupLine:
    @pytest.mark.parametrize("provider", ["provider-1", "provider-2"])
    def test_fires_on_the_same_code_person_and_day_at_any_provider(self, provider):
        flag = flag_of("DUP_LINE", calm(history=(past(provider=provider),)))
        assert flag.points == 40
        assert flag.evidence == {"lines": [1], "claims": ["earlier-1"]}

    def test_spares_a_repeatable_act(self):
        facts = calm(history=(past(),))
        assert points_of("DUP_LINE", facts, acts={"C2": {"repeatable": True}}) is None
        assert points_of("DUP_LINE", claiming(line(repeatable=True), facts=facts)) is None

    def test_spares_a_repeat_of_a_line_that_was_not_paid_anyway(self):
        assert points_of("DUP_LINE", calm(history=(past(paid=False),))) is None

    def test_spares_the_day_after(self):
        assert points_of("DUP_LINE", calm(history=(past(service_date=DAY + timedelta(days=1)),))) is None

    @pytest.mark.parametrize(("tooth", "points"), [("16", 40), ("26", None), ("", None)])
    def test_tells_teeth_apart(self, tooth, points):
        facts = claiming(line("HBLD403", tooth="16"), facts=calm(history=(past("HBLD403", tooth=tooth),)))
        assert points_of("DUP_LINE", facts) == points

    def test_gathers_every_repeated_line_in_one_flag(self):
        lines = (line("A", sequence=1), line("B", sequence=2), line("C", sequence=3))
        history = (past("A", claim="x"), past("C", claim="y"), past("C", claim="x"))
        flag = flag_of("DUP_LINE", claiming(*lines, facts=calm(history=history)))
        assert flag.evidence == {"lines": [1, 3], "claims": ["x", "y"]}
        assert flag.points == 40


class TestNearDup:
    @pytest.mark.parametrize(("days", "points"), [(-4, None), (-3, 25), (-1, 25), (3, 25), (4, None)])
    def test_fires_within_three_days_on_either_side(self, days, points):
        facts = calm(history=(past(service_date=DAY + timedelta(days=days)),))
        assert points_of("NEAR_DUP", facts) == points

    @pytest.mark.parametrize(
        ("price", "points"), [(66_499, None), (66_500, 25), (73_500, 25), (73_501, None)]
    )
    def test_fires_within_five_percent_of_the_earlier_amount(self, price, points):
        facts = claiming(
            line(unit_price=price), facts=calm(history=(past(service_date=DAY - timedelta(days=2)),))
        )
        assert points_of("NEAR_DUP", facts) == points

    def test_compares_amounts_of_whole_lines(self):
        earlier = past(service_date=DAY - timedelta(days=2), quantity=1, total=70_000)
        assert (
            points_of(
                "NEAR_DUP", claiming(line(quantity=2, unit_price=35_000), facts=calm(history=(earlier,)))
            )
            == 25
        )

    @pytest.mark.parametrize("code", ["HBJD001", "TO90", "HBQK389"])
    def test_spares_acts_done_in_sessions_or_repeated(self, code):
        earlier = past(code, service_date=DAY - timedelta(days=2))
        assert points_of("NEAR_DUP", claiming(line(code), facts=calm(history=(earlier,)))) is None

    def test_spares_the_same_act_on_another_tooth(self):
        earlier = past("HBLD403", tooth="17", service_date=DAY - timedelta(days=2))
        facts = claiming(line("HBLD403", tooth="16"), facts=calm(history=(earlier,)))
        assert points_of("NEAR_DUP", facts) is None

    def test_spares_another_code(self):
        assert (
            points_of("NEAR_DUP", calm(history=(past("C1", service_date=DAY - timedelta(days=1)),))) is None
        )

    def test_obeys_the_insurers_own_thresholds(self):
        facts = calm(history=(replace(past(), service_date=DAY - timedelta(days=6)),))
        rules = {"NEAR_DUP": {"weight": 12, "thresholds": {"days": 7}}}
        assert points_of("NEAR_DUP", facts, rules=rules) == 12
