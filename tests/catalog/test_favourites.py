"""Acts kept at hand."""

from __future__ import annotations

import pytest

from apps.catalog.models import Act, FavouriteAct
from apps.catalog.services import set_favourite
from tests.catalog.conftest import IMPORTER

URL = "/api/v1/acts"


@pytest.fixture
def act(catalogue) -> Act:
    return catalogue["HBJD001"]


def codes(answer):
    return {row["code"] for row in answer.json()["results"]}


class TestFavourites:
    def test_are_one_practitioner_s_own(self, api, ana, dora, act):
        answer = api(ana).patch(f"{URL}/{act.pk}/favourite", {"favourite": True})

        assert (answer.status_code, answer.json()["favourite"]) == (200, "mine")
        assert codes(api(ana).get(URL, {"favourite": "true"})) == {"HBJD001"}
        assert codes(api(dora).get(URL, {"favourite": "true"})) == set()

    def test_are_the_whole_practice_s(self, api, ana, ben, dora, cleo, act):
        answer = api(dora).patch(f"{URL}/{act.pk}/favourite", {"favourite": True, "whole_practice": True})

        assert answer.json()["favourite"] == "practice"
        for who in (ana, ben, dora):
            assert codes(api(who).get(URL, {"favourite": "true"})) == {"HBJD001"}
        assert codes(api(cleo).get(URL, {"favourite": "true"})) == set()
        assert api(cleo).get(f"{URL}/{act.pk}").json()["favourite"] == "no"

    def test_are_taken_off_and_twice_is_once(self, api, ana, act):
        for favourite, count in ((True, 1), (True, 1), (False, 0), (False, 0)):
            api(ana).patch(f"{URL}/{act.pk}/favourite", {"favourite": favourite})
            assert FavouriteAct.objects.count() == count

    def test_take_the_right_to_set_fees_for_all(self, api, ana, act):
        answer = api(ana).patch(f"{URL}/{act.pk}/favourite", {"favourite": True, "whole_practice": True})

        assert answer.status_code == 403
        assert not FavouriteAct.objects.exists()

    def test_need_somebody_who_treats(self, api, dora, act):
        answer = api(dora).patch(f"{URL}/{act.pk}/favourite", {"favourite": True})

        assert answer.status_code == 400
        assert not FavouriteAct.objects.exists()

    def test_cost_no_query_per_act(
        self, api, ana, practice, practitioner, catalogue, django_assert_max_num_queries
    ):
        for found in list(catalogue.values())[:30]:
            set_favourite(actor=IMPORTER, practice=practice, act=found, practitioner=practitioner)

        with django_assert_max_num_queries(14):
            assert len(codes(api(ana).get(URL, {"favourite": "true", "page_size": 100}))) == 30

    def test_are_refused_in_other_words(self, api, ana, act):
        assert api(ana).get(URL, {"favourite": "maybe"}).status_code == 400
        assert api(ana).patch(f"{URL}/{act.pk}/favourite", {}).status_code == 400


class TestFamilies:
    def test_are_known_of_the_prostheses_that_stand_for_each_other(self, catalogue):
        assert {code: act.family for code, act in catalogue.items() if act.family} | {"HBLD734": "crown"} == {
            code: act.family for code, act in catalogue.items() if act.family
        }
        assert (catalogue["HBLD490"].family, catalogue["HBLD031"].family) == (
            "crown_temporary",
            "denture_complete",
        )
        assert catalogue["HBJD001"].family == ""
        assert not any(act.family for act in catalogue.values() if not act.category.startswith("prosthetics"))
