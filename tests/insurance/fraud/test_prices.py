from __future__ import annotations

from decimal import Decimal

import pytest

from apps.insurance.fraud.facts import Band
from tests.insurance.fraud.scenes import calm, claiming, flag_of, line, peers, points_of


class TestPricePeer:
    # z = 0.6745 (x - 70000) / 2000 passes 3.5 at 80378.06 and 6 at 87790.95.
    @pytest.mark.parametrize(
        ("price", "points"), [(70_000, None), (80_378, None), (80_379, 20), (87_790, 20), (87_791, 35)]
    )
    def test_fires_beyond_three_and_a_half_and_beyond_six_deviations(self, price, points):
        facts = claiming(line(unit_price=price), facts=calm(city_peers={"C2": peers()}))
        assert points_of("PRICE_PEER", facts) == points

    def test_says_the_deviation_and_its_limit(self):
        flag = flag_of(
            "PRICE_PEER", claiming(line(unit_price=82_000), facts=calm(city_peers={"C2": peers()}))
        )
        assert (flag.observed, flag.threshold) == (Decimal("4.047"), Decimal("3.500"))
        assert flag.evidence == {"lines": [1]}

    def test_spares_a_price_that_has_too_few_peers(self):
        facts = claiming(line(unit_price=900_000), facts=calm(city_peers={"C2": peers(n=29)}))
        assert points_of("PRICE_PEER", facts) is None

    def test_takes_the_country_where_the_city_is_too_small(self):
        facts = calm(city_peers={"C2": peers(n=29)}, country_peers={"C2": peers(n=400, median=100_000)})
        assert points_of("PRICE_PEER", claiming(line(unit_price=100_000), facts=facts)) is None
        assert points_of("PRICE_PEER", claiming(line(unit_price=111_000), facts=facts)) == 20

    def test_prefers_the_city_to_the_country(self):
        facts = calm(city_peers={"C2": peers(median=100_000)}, country_peers={"C2": peers(n=400)})
        assert points_of("PRICE_PEER", claiming(line(unit_price=100_000), facts=facts)) is None

    @pytest.mark.parametrize(("price", "points"), [(105_000, None), (105_001, 20)])
    def test_compares_with_the_median_where_all_peers_ask_the_same(self, price, points):
        facts = claiming(line(unit_price=price), facts=calm(city_peers={"C2": peers(mad=0)}))
        assert points_of("PRICE_PEER", facts) == points

    def test_never_minds_a_low_price(self):
        facts = claiming(line(unit_price=1), facts=calm(city_peers={"C2": peers()}))
        assert points_of("PRICE_PEER", facts) is None

    def test_reads_a_threshold_by_its_digits(self):
        facts = claiming(line(unit_price=74_000), facts=calm(city_peers={"C2": peers()}))
        # 0.6745 * 4000 / 2000 is 1.349 exactly: not above it.
        assert points_of("PRICE_PEER", facts, rules={"PRICE_PEER": {"thresholds": {"z": 1.349}}}) is None
        assert points_of("PRICE_PEER", facts, rules={"PRICE_PEER": {"thresholds": {"z": 1.348}}}) == 20


class TestPriceOver:
    @pytest.mark.parametrize(("price", "points"), [(105_000, None), (105_001, 15)])
    def test_fires_above_one_and_a_half_times_the_agreed_price(self, price, points):
        assert points_of("PRICE_OVER", claiming(line(unit_price=price, bareme_price=70_000))) == points

    @pytest.mark.parametrize("agreed", [None, 0])
    def test_spares_codes_without_an_agreed_price(self, agreed):
        assert points_of("PRICE_OVER", claiming(line(unit_price=900_000, bareme_price=agreed))) is None


class TestThresholdHug:
    BANDS = (Band(limit=500_000, claims=("a", "b", "c", "d")),)

    @pytest.mark.parametrize(
        ("total", "points"), [(489_999, None), (490_000, 15), (500_000, 15), (500_001, None)]
    )
    def test_fires_on_the_fifth_claim_within_two_percent_below_a_limit(self, total, points):
        facts = claiming(line(unit_price=total), facts=calm(bands=self.BANDS))
        assert points_of("THRESHOLD_HUG", facts) == points

    def test_names_the_claims(self):
        flag = flag_of("THRESHOLD_HUG", claiming(line(unit_price=495_000), facts=calm(bands=self.BANDS)))
        assert (flag.observed, flag.threshold) == (5, 5)
        assert flag.evidence == {"claims": ["a", "b", "c", "d"]}

    def test_spares_the_fourth(self):
        facts = calm(bands=(Band(limit=500_000, claims=("a", "b", "c")),))
        assert points_of("THRESHOLD_HUG", claiming(line(unit_price=495_000), facts=facts)) is None

    def test_counts_each_limit_by_itself(self):
        facts = calm(bands=(Band(500_000, ("a", "b")), Band(495_000, ("c", "d"))))
        assert points_of("THRESHOLD_HUG", claiming(line(unit_price=494_000), facts=facts)) is None
