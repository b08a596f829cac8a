"""GET /acts, GET /acts/{id}, PATCH /acts/{id}/fee."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AuditEntry
from apps.catalog.models import PracticeFee

URL = "/api/v1/acts"


def codes(answer) -> list[str]:
    return [row["code"] for row in answer.json()["results"]]


class TestList:
    def test_shows_all_80_acts_with_prices(self, catalogue, api, ana):
        answer = api(ana).get(URL, {"page_size": 200})
        assert answer.status_code == 200
        assert answer.json()["count"] == 80
        crown = next(row for row in answer.json()["results"] if row["code"] == "HBLD634")
        assert crown["price"] == 51500
        assert crown["currency"] == "EUR"
        assert crown["vat_code"] == "EXEMPT"
        assert crown["basket"] == "rac0"
        assert crown["requires_tooth"] == "yes"
        assert crown["consumables"][0] == {"sku": "GLOVE", "quantity": 2}

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            ("detartrage", "HBJD001"),
            ("DÉTARTRAGE", "HBJD001"),
            ("scaling", "HBJD001"),
            ("hbjd001", "HBJD001"),
            ("polissage detartr", "HBJD001"),
            ("detartage", "HBJD001"),
            ("panoramic", "HBQK002"),
            ("couronne zircone molaire", "HBLD073"),
            ("eclaircissement fauteuil", "HN-BLFAU"),
            ("implant placement", "LBLD015"),
        ],
    )
    def test_finds_an_act_first_by_words_in_either_language(self, catalogue, api, ana, words, expected):
        assert codes(api(ana).get(URL, {"search": words}))[0] == expected

    def test_finds_nothing_for_words_of_no_act(self, catalogue, api, ana):
        assert codes(api(ana).get(URL, {"search": "helicopter"})) == []
        assert codes(api(ana).get(URL, {"search": "!!!"})) == []

    def test_puts_the_exact_code_before_longer_ones(self, catalogue, api, ana):
        assert codes(api(ana).get(URL, {"search": "c"}))[:3] == ["C", "CBX", "CS"]

    def test_filters_by_one_or_several_categories(self, catalogue, api, ana):
        assert set(codes(api(ana).get(URL, {"category": "goods"}))) == {"HN-KIT"}
        both = api(ana).get(URL, {"category": "goods,implantology"}).json()
        assert {row["category"] for row in both["results"]} == {"goods", "implantology"}

    @pytest.mark.parametrize(
        "query", [{"category": "magic"}, {"sort": "code"}, {"page": "0"}, {"is_active": "maybe"}]
    )
    def test_refuses_parameters_it_does_not_know(self, catalogue, api, ana, query):
        answer = api(ana).get(URL, query)
        assert answer.status_code in (400, 404)
        assert answer.json()["success"] is False

    def test_needs_as_many_queries_for_50_acts_as_for_one(self, catalogue, api, ana):
        client = api(ana)
        counts = []
        for size in (1, 50):
            client.get(URL, {"page_size": size})
            with CaptureQueriesContext(connection) as queries:
                assert len(client.get(URL, {"page_size": size}).json()["results"]) == size
            counts.append(len(queries))
        assert counts[0] == counts[1] <= 6

    def test_is_for_those_who_care_for_teeth(self, catalogue, api, ines, root, cleo):
        assert api().get(URL).status_code == 401
        assert api(ines).get(URL).status_code == 403
        assert api(root).get(URL).status_code == 403
        assert api(cleo).get(URL).json()["count"] == 80


class TestRetrieve:
    def test_shows_one_act(self, catalogue, api, ben):
        answer = api(ben).get(f"{URL}/{catalogue['C'].pk}")
        assert answer.json()["tariff_price"] == 2300
        assert answer.json()["label"] == "Consultation du chirurgien-dentiste"

    def test_speaks_english_to_those_who_ask(self, catalogue, api, ben):
        answer = api(ben).get(f"{URL}/{catalogue['C'].pk}", headers={"accept-language": "en"})
        assert answer.json()["label"] == "Dental consultation"

    @pytest.mark.parametrize("key", ["018f0000-0000-7000-8000-000000000000", "nothing", "1"])
    def test_answers_404_for_what_is_not_there(self, catalogue, api, ben, key):
        answer = api(ben).get(f"{URL}/{key}")
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "NOT_FOUND"


class TestFee:
    def test_sets_changes_and_takes_back_a_practice_s_price(self, catalogue, api, dora, practice):
        url = f"{URL}/{catalogue['HBLD734'].pk}/fee"
        assert api(dora).patch(url, {"price": 70000}).json()["price"] == 70000
        changed = api(dora).patch(url, {"price": 69000}).json()
        assert (changed["price"], changed["tariff_price"], changed["practice_fee"]) == (69000, 75000, 69000)
        assert PracticeFee.objects.filter(practice=practice).count() == 1
        assert api(dora).patch(url, {"price": None}).json()["price"] == 75000
        entries = AuditEntry.objects.filter(event="catalog.practice_fee.set").order_by("pk")
        assert [entry.actor_id for entry in entries] == [dora.pk] * 3

    def test_is_not_seen_by_another_practice(self, catalogue, api, dora, cleo):
        act = catalogue["HBLD734"]
        api(dora).patch(f"{URL}/{act.pk}/fee", {"price": 70000})
        seen = api(cleo).get(f"{URL}/{act.pk}").json()
        assert (seen["price"], seen["practice_fee"]) == (75000, None)

    def test_is_set_by_the_practice_s_administrator_only(self, catalogue, api, ana, ben):
        url = f"{URL}/{catalogue['C'].pk}/fee"
        assert api(ana).patch(url, {"price": 1}).status_code == 403
        assert api(ben).patch(url, {"price": 1}).status_code == 403

    @pytest.mark.parametrize("body", [{}, {"price": -1}, {"price": "x"}, {"price": 1.5}, {"price": 10**12}])
    def test_refuses_what_is_no_amount(self, catalogue, api, dora, body):
        answer = api(dora).patch(f"{URL}/{catalogue['C'].pk}/fee", body)
        assert answer.status_code == 400
        assert "price" in answer.json()["error"]["details"]

    def test_has_no_other_methods(self, catalogue, api, dora):
        url = f"{URL}/{catalogue['C'].pk}"
        assert api(dora).put(url, {}).status_code == 405
        assert api(dora).delete(url).status_code == 405
        assert api(dora).post(URL, {}).status_code == 405
