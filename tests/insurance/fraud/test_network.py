from __future__ import annotations

from dataclasses import replace

import pytest

from apps.insurance.fraud.facts import Generics, OtherCover, Pair
from tests.insurance.fraud.scenes import CALM, calm, claiming, flag_of, line, points_of


class TestPairRing:
    # Expected by chance: 100 * 200 / 10000 = 2.
    PAIR = Pair(together=61, of_prescriber=100, of_provider=200, of_all=10_000)

    def dispensed(self, pair, **changes):
        return claiming(facts=calm(pair=pair, **changes), type="pharmacy", prescriber="p-1")

    @pytest.mark.parametrize(("together", "points"), [(60, None), (61, 15), (100, 15)])
    def test_fires_above_sixty_percent_of_one_side(self, together, points):
        assert points_of("PAIR_RING", self.dispensed(replace(self.PAIR, together=together))) == points

    def test_looks_at_the_pharmacys_side_as_well(self):
        pair = Pair(together=61, of_prescriber=1_000, of_provider=100, of_all=100_000)
        assert flag_of("PAIR_RING", self.dispensed(pair)).observed == 61

    @pytest.mark.parametrize(("of_all", "points"), [(1_639, None), (1_640, 15)])
    def test_needs_five_times_what_chance_would_give(self, of_all, points):
        # 61 > 5 * 100 * 200 / of_all from of_all = 1639.3 on.
        assert points_of("PAIR_RING", self.dispensed(replace(self.PAIR, of_all=of_all))) == points

    @pytest.mark.parametrize(("of_prescriber", "points"), [(49, None), (50, 15)])
    def test_needs_fifty_claims_of_that_side(self, of_prescriber, points):
        pair = Pair(together=45, of_prescriber=of_prescriber, of_provider=200, of_all=10_000)
        assert points_of("PAIR_RING", self.dispensed(pair)) == points

    def test_spares_the_only_pharmacy_in_town(self):
        alone = replace(CALM.provider, alone_in_town=True)
        assert points_of("PAIR_RING", self.dispensed(self.PAIR, provider=alone)) is None

    def test_spares_other_kinds_of_claim(self):
        assert points_of("PAIR_RING", calm(pair=self.PAIR)) is None


class TestGenericRefused:
    def refusing(self, **counts):
        generics = Generics(**{"own": 100, "own_refused": 31, "peers": 1_000, "peers_refused": 100} | counts)
        return claiming(line(non_substitutable=True), facts=calm(generics=generics))

    @pytest.mark.parametrize(("refused", "points"), [(30, None), (31, 15)])
    def test_fires_above_three_times_the_peers_share(self, refused, points):
        assert points_of("GENERIC_REFUSED", self.refusing(own_refused=refused)) == points

    def test_spares_few_lines_here_and_few_among_peers(self):
        assert points_of("GENERIC_REFUSED", self.refusing(own=29, own_refused=29)) is None
        assert points_of("GENERIC_REFUSED", self.refusing(own=30, own_refused=30)) == 15
        assert points_of("GENERIC_REFUSED", self.refusing(peers=29, peers_refused=1)) is None

    def test_spares_a_claim_that_refuses_nothing(self):
        facts = self.refusing()
        assert points_of("GENERIC_REFUSED", claiming(line(non_substitutable=False), facts=facts)) is None


class TestIdShared:
    def test_fires_on_cover_of_the_same_care_elsewhere_and_says_only_that(self):
        flag = flag_of("ID_SHARED", calm(other_cover=OtherCover(same_care=True)))
        assert (flag.points, flag.evidence) == (30, {"reason": "other_cover_exists"})
        assert (flag.observed, flag.threshold) == (1, 0)

    def test_fires_on_another_person_of_that_identifier_in_the_same_words(self):
        flag = flag_of("ID_SHARED", calm(other_cover=OtherCover(another_person=True)))
        assert flag == flag_of("ID_SHARED", calm(other_cover=OtherCover(another_person=True, same_care=True)))
        assert flag.evidence == {"reason": "other_cover_exists"}

    def test_spares_a_claim_that_counts_the_other_payers_share(self):
        coordinated = claiming(line(prior_paid=10_000), facts=calm(other_cover=OtherCover(same_care=True)))
        assert points_of("ID_SHARED", coordinated) is None
        stolen = claiming(line(prior_paid=10_000), facts=calm(other_cover=OtherCover(another_person=True)))
        assert points_of("ID_SHARED", stolen) == 30

    def test_spares_who_is_known_nowhere_else(self):
        assert points_of("ID_SHARED", calm(other_cover=OtherCover())) is None
