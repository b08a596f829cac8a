"""Conventions do not overlap; their price lists are dated, immutable and never retroactive."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.insurance.models import Bareme, Claim, Convention
from tests.insurance.making import (
    ACTS,
    NOW,
    REFERENCE_PRICES,
    make_bareme,
    make_contract,
    make_convention,
    make_practice,
)

pytestmark = pytest.mark.django_db
URL = "/api/v1/conventions"
PRICES = {
    "version": "2026-01", "effective_from": "2026-01-01", "effective_to": None, "acts": ACTS,
    "reference_prices": REFERENCE_PRICES, "default": "reject", "incompatible": [["C1", "C2", "day"]],
    "association_bp": {"C1+C2": 5000},
}  # fmt: skip


@pytest.fixture
def pharmacy(db):
    return make_practice("Pharmacie du Lac", "pharmacy")


@pytest.fixture
def convention(insurer, pharmacy):
    return make_convention(insurer, pharmacy)


def decide(bareme: Bareme, day: date, status: str = "approved", number: int = 1) -> Claim:
    """Store a claim as the machinery leaves it: priced by a list."""
    contract = make_contract(bareme.convention.insurer)
    return Claim.objects.create(
        insurer=contract.insurer, provider=bareme.convention.practice, contract=contract,
        adherent=contract.adherent, type="pharmacy", service_date=day, submitted_at=NOW, status=status,
        validated_at=NOW, currency="TND", total_amount=10_000, covered_amount=8_000, copay_amount=2_000,
        bareme=bareme, idempotency_key=f"key-{number}-{day}", body_sha256="0" * 64,
    )  # fmt: skip


class TestConventions:
    def test_answer_what_was_agreed(self, api, ines, insurer, pharmacy) -> None:
        sent: dict[str, Any] = {
            "insurer": str(insurer.pk), "practice": str(pharmacy.pk), "start_date": "2026-01-01",
            "end_date": "2026-12-31", "excess_liability": "provider", "is_active": True,
        }  # fmt: skip
        answer = api(ines).post(URL, sent)
        assert answer.status_code == 201, answer.content
        written = answer.json()
        assert {name: written[name] for name in sent} == sent
        assert api(ines).get(f"{URL}/{written['id']}").json() == written
        assert api(ines).get(URL).json()["results"] == [written]

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("practice", "x"), ("practice", "0198c3a0-0000-7000-8000-000000000000"), ("practice", None),
            ("end_date", "2025-12-31"), ("start_date", ""), ("excess_liability", "nobody"), ("is_active", "perhaps"),
        ],
    )  # fmt: skip
    def test_bad_input_is_named_and_writes_nothing(self, api, ines, pharmacy, field, value) -> None:
        sent = {"practice": str(pharmacy.pk), "start_date": "2026-01-01", field: value}
        answer = api(ines).post(URL, sent)
        assert (answer.status_code, list(answer.json()["error"]["details"])) == (400, [field])
        assert Convention.objects.count() == 0

    def test_one_at_a_time_with_each_provider(self, api, ines, nora, pharmacy) -> None:
        sent = {"practice": str(pharmacy.pk), "start_date": "2026-01-01", "end_date": "2026-06-30"}
        first = api(ines).post(URL, sent).json()
        touching = {**sent, "start_date": "2026-06-30", "end_date": None}
        answer = api(ines).post(URL, touching)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONVENTION_OVERLAP")
        assert api(nora).post(URL, touching).status_code == 201
        after = api(ines).post(URL, {**touching, "start_date": "2026-07-01"})
        assert after.status_code == 201
        moved = api(ines).patch(f"{URL}/{first['id']}", {"end_date": "2026-07-01"})
        assert moved.json()["error"]["code"] == "CONVENTION_OVERLAP"
        assert api(ines).patch(f"{URL}/{first['id']}", {"is_active": False}).status_code == 200
        early = {**sent, "end_date": "2026-05-31"}
        assert api(ines).post(URL, early).status_code == 201

    def test_the_table_refuses_an_overlap_too(self, insurer, convention, acting, ines) -> None:
        with pytest.raises(IntegrityError, match="insurance_convention_no_overlap"), acting(ines):
            Convention.objects.create(
                insurer=insurer, practice=convention.practice, start_date=date(2030, 1, 1)
            )

    def test_each_side_sees_its_own(self, api, ines, nora, ana, omar, convention, insurer, practice) -> None:
        own = make_convention(insurer, practice)
        assert [row["id"] for row in api(ana).get(URL).json()["results"]] == [str(own.pk)]
        assert api(ana).get(f"{URL}/{convention.pk}").status_code == 404
        assert api(nora).get(URL).json()["count"] == 0
        assert api(nora).get(f"{URL}/{convention.pk}/baremes").status_code == 404
        assert api(nora).patch(f"{URL}/{convention.pk}", {"is_active": False}).status_code == 404
        assert api(nora).post(f"{URL}/{convention.pk}/baremes", PRICES).status_code == 404
        assert api(omar).get(URL).json()["count"] == 2
        assert api(omar).post(URL, {}).status_code == 403

    def test_days_of_decided_claims_stay_inside(self, api, ines, convention, acting) -> None:
        with acting(ines):
            decide(make_bareme(convention), date(2026, 6, 30))
        url = f"{URL}/{convention.pk}"
        answer = api(ines).patch(url, {"end_date": "2026-06-29"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CONVENTION_IN_USE")
        assert api(ines).patch(url, {"end_date": "2026-06-30"}).status_code == 200

    def test_reads_the_same_statements_for_one_row_and_for_fifty(self, api, omar, insurer) -> None:
        make_convention(insurer, make_practice("Pharmacie 0", "pharmacy"))
        client, counts = api(omar), []
        for _round in range(2):
            with CaptureQueriesContext(connection) as queries:
                body = client.get(URL, {"page_size": 200}).json()
            counts.append(len(queries))
            for n in range(1, 50):
                make_convention(insurer, make_practice(f"Pharmacie {n}", "pharmacy"))
        assert body["count"] == 50
        assert counts[0] == counts[1]


class TestPublishing:
    def test_answers_the_whole_list(self, api, ines, convention) -> None:
        answer = api(ines).post(f"{URL}/{convention.pk}/baremes", PRICES)
        assert answer.status_code == 201, answer.content
        written = answer.json()
        assert {name: written[name] for name in PRICES} == PRICES
        assert api(ines).get(f"{URL}/{convention.pk}/baremes").json()["results"] == [written]

    @pytest.mark.parametrize(
        ("field", "value", "about"),
        [
            ("acts", {"C1": {"price": -1}}, "acts.C1.price: "), ("acts", {"C1": {"price": 1.0}}, "acts.C1.price: "),
            ("acts", {"C1": {}}, "acts.C1: "), ("acts", {"C1": {"price": 1, "rate_bp": 10_001}}, "acts.C1.rate_bp: "),
            ("acts", {"C1": {"price": 1, "prix": 1}}, "acts.C1: "), ("acts", [], "acts: "),
            ("acts", {"x" * 33: {"price": 1}}, "acts: "), ("acts", {"A\x00": {"price": 1}}, ""),
            ("reference_prices", {"MED-A": -1}, "reference_prices.MED-A: "),
            ("incompatible", [["C1"]], "incompatible[0]: "), ("incompatible", [["C1", "C2", "year"]], "incompatible[0][2]"),
            ("association_bp", {"*": 10_001}, "association_bp.*: "), ("default", "free", ""),
            ("effective_to", "2026-01-01", ""), ("effective_from", None, ""), ("version", "", ""),
        ],
    )  # fmt: skip
    def test_bad_input_is_named_and_writes_nothing(self, api, ines, convention, field, value, about) -> None:
        answer = api(ines).post(f"{URL}/{convention.pk}/baremes", {**PRICES, field: value})
        assert answer.status_code == 400, answer.content
        details = answer.json()["error"]["details"]
        assert list(details) == [field]
        assert details[field][0].startswith(about)
        assert Bareme.objects.count() == 0

    def test_a_new_list_ends_the_open_one(self, api, ines, convention) -> None:
        url = f"{URL}/{convention.pk}/baremes"
        api(ines).post(url, PRICES)
        api(ines).post(url, {**PRICES, "version": "2026-07", "effective_from": "2026-07-01"})
        rows = api(ines).get(url).json()["results"]
        assert [(row["version"], row["effective_from"], row["effective_to"]) for row in rows] == [
            ("2026-07", "2026-07-01", None), ("2026-01", "2026-01-01", "2026-07-01"),
        ]  # fmt: skip
        days = [date(2025, 12, 31), date(2026, 6, 30), date(2026, 7, 1)]
        assert [list(Bareme.objects.on(day).values_list("version", flat=True)) for day in days] == [
            [], ["2026-01"], ["2026-07"],
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("since", "until", "code"),
        [
            ("2026-01-01", None, "BAREME_OVERLAP"), ("2025-06-01", None, "BAREME_OVERLAP"),
            ("2025-06-01", "2026-01-02", "BAREME_OVERLAP"), ("2025-06-01", "2026-01-01", ""),
        ],
    )  # fmt: skip
    def test_lists_do_not_overlap(self, api, ines, convention, since, until, code) -> None:
        url = f"{URL}/{convention.pk}/baremes"
        api(ines).post(url, PRICES)
        answer = api(ines).post(
            url, {**PRICES, "version": "other", "effective_from": since, "effective_to": until}
        )
        assert answer.status_code == (409 if code else 201), answer.content
        assert answer.json().get("error", {}).get("code", "") == code
        assert Bareme.objects.get(version="2026-01").effective_to is None

    def test_a_version_is_used_once(self, api, ines, convention) -> None:
        url = f"{URL}/{convention.pk}/baremes"
        api(ines).post(url, PRICES)
        again = api(ines).post(url, {**PRICES, "effective_from": "2026-07-01"})
        assert (again.status_code, again.json()["error"]["code"]) == (409, "BAREME_VERSION_TAKEN")

    @pytest.mark.parametrize("status", ["approved", "pending_review", "rejected", "blocked"])
    def test_never_over_claims_that_were_priced(self, api, ines, convention, acting, status) -> None:
        bareme = make_bareme(convention)
        with acting(ines):
            decide(bareme, date(2026, 6, 30), status)
        url = f"{URL}/{convention.pk}/baremes"
        answer = api(ines).post(url, {**PRICES, "version": "late", "effective_from": "2026-06-30"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "BAREME_RETROACTIVE")
        assert answer.json()["error"]["details"] == {"claims": 1}
        bareme.refresh_from_db()
        assert bareme.effective_to is None
        answer = api(ines).post(url, {**PRICES, "version": "late", "effective_from": "2026-07-01"})
        assert answer.status_code == 201

    def test_provider_reads_its_prices(self, api, ana, ben, insurer, practice) -> None:
        convention = make_convention(insurer, practice)
        make_bareme(convention)
        assert api(ana).get(f"{URL}/{convention.pk}/baremes").json()["count"] == 1
        assert api(ana).post(f"{URL}/{convention.pk}/baremes", PRICES).status_code == 403
        assert api(ben).get(URL).status_code == 403


class TestImmutable:
    def test_prices_never_change(self, convention, acting, ines) -> None:
        bareme = make_bareme(convention)
        changes: list[dict[str, Any]] = [
            {"content": {"acts": {}}}, {"version": "x"}, {"effective_from": date(2025, 1, 1)}, {"sha256": "x"},
        ]  # fmt: skip
        for change in changes:
            with pytest.raises(IntegrityError, match="never changes"), transaction.atomic(), acting(ines):
                Bareme.objects.filter(pk=bareme.pk).update(**change)

    def test_an_end_is_set_once(self, convention, acting, ines) -> None:
        bareme = make_bareme(convention)
        with acting(ines):
            Bareme.objects.filter(pk=bareme.pk).update(effective_to=date(2026, 7, 1))
        for day in (None, date(2026, 8, 1)):
            with pytest.raises(IntegrityError, match="never changes"), transaction.atomic(), acting(ines):
                Bareme.objects.filter(pk=bareme.pk).update(effective_to=day)

    def test_a_list_is_never_deleted(self, convention, acting, ines) -> None:
        bareme = make_bareme(convention)
        with pytest.raises(IntegrityError, match="refused"), transaction.atomic(), acting(ines):
            bareme.delete()
