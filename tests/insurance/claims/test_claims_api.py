"""Claims over HTTP: each role its kind, the worked repeats, who sees what, and the verbs."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from apps.accounts.roles import Role
from apps.insurance.models import Claim, ContractBalance
from apps.insurance.services.contracts import change_contract
from tests.cast import make_user
from tests.insurance.claims.asking import KINDS, change_terms
from tests.insurance.claims.conftest import QUIET, set_config
from tests.insurance.making import Clerk, make_adherent, make_convention

pytestmark = pytest.mark.django_db
TODAY = timezone.now().date()
DAY = (TODAY - timedelta(days=10)).isoformat()


@pytest.fixture
def running(network):
    """Contract K as it would run today."""
    change_terms(network, start_date=date(TODAY.year - 1, 1, 1), end_date=date(TODAY.year + 1, 12, 31))
    return network


def body(network, *items, **more):
    return {
        "contract": str(network.contract.pk),
        "adherent": str(network.adherent.pk),
        "service_date": DAY,
        "items": [{"code": code, "quantity": q, "unit_price": u} for code, q, u in items],
        **more,
    }


VISIT = ("C2", 1, 80_000)


class TestFiling:
    def test_answers_the_whole_claim(self, api, doctor, running):
        answer = api(doctor).post("/api/v1/claims/consultation", body(running, VISIT, notes="Toux"))
        assert answer.status_code == 201, answer.json()
        claim = answer.json()
        assert {
            k: claim[k] for k in ("status", "type", "decision", "currency", "notes", "bareme_version")
        } == {
            "status": "approved",
            "type": "consultation",
            "decision": "approved",
            "currency": "TND",
            "notes": "Toux",
            "bareme_version": "2026-01",
        }
        assert (claim["total_amount"], claim["covered_amount"], claim["copay_amount"]) == (
            80_000,
            49_000,
            31_000,
        )
        item = claim["items"][0]
        assert (item["allowed_amount"], item["reimbursement_rate_bp"], item["rule_applied"]) == (
            70_000,
            7_000,
            "PRICE_CEILING>RATE",
        )
        assert [(a["group"], a["carc"], a["amount"]) for a in item["explanation"]["adjustments"]] == [
            ("PR", "45", 10_000),
            ("PR", "2", 21_000),
        ]
        assert set(item["explanation"]["texts"]) == {"fr", "en", "ar"}
        assert not {"fraud_score", "fraud_flags", "awaits_second_person"} & set(claim)

    def test_speaks_the_callers_language(self, api, doctor, running):
        answer = api(doctor).post(
            "/api/v1/claims/consultation", body(running, VISIT), headers={"Accept-Language": "en"}
        )
        assert answer.json()["items"][0]["explanation"]["text"].startswith(
            "Agreed price 70.000 (asked 80.000)"
        )

    @pytest.mark.parametrize("kind", sorted(KINDS))
    def test_opens_each_kind_to_its_role(self, api, running, kind):
        roles = {
            "pharmacy": {Role.PHARMACIST},
            "consultation": {Role.DOCTOR, Role.CLINIC_ADMIN},
            "hospitalization": {Role.CLINIC_ADMIN},
            "laboratory": {Role.LAB_MANAGER},
            "dental": {Role.PRACTITIONER, Role.PRACTICE_ADMIN},
        }
        homes = {
            Role.PHARMACIST: "pharmacy",
            Role.DOCTOR: "medical",
            Role.CLINIC_ADMIN: "clinic",
            Role.LAB_MANAGER: "laboratory",
            Role.PRACTITIONER: "dental",
            Role.PRACTICE_ADMIN: "dental",
            Role.ASSISTANT: "dental",
        }
        for role, home in homes.items():
            user = make_user(f"{role}-{kind}@test.test", role, "Una", practice=running.providers[home])
            answer = api(user).post(f"/api/v1/claims/{kind}", body(running, ("X", 1, 100)))
            assert answer.status_code == (201 if role in roles[kind] else 403), (role, answer.json())

    def test_case_11_answers_a_repeat_and_a_key(self, api, doctor, running):
        client = api(doctor)
        first = client.post("/api/v1/claims/consultation", body(running, VISIT)).json()
        again = client.post(
            "/api/v1/claims/consultation", body(running, VISIT), headers={"Idempotency-Key": "second-key"}
        )
        assert again.status_code == 201
        repeat = again.json()
        assert (repeat["status"], repeat["reason_code"]) == ("blocked", "DUPLICATE")
        assert (repeat["covered_amount"], repeat["copay_amount"], repeat["writeoff_amount"]) == (0, 0, 80_000)
        assert repeat["items"][0]["explanation"]["adjustments"] == [
            {"amount": 80_000, "group": "OA", "carc": "18", "rarc": "", "code": "DUPLICATE"}
        ]
        third = client.post(
            "/api/v1/claims/consultation", body(running, VISIT), headers={"Idempotency-Key": "second-key"}
        )
        assert (third.status_code, third.json()["id"]) == (201, repeat["id"])
        assert Claim.objects.count() == 2
        assert first["id"] != repeat["id"]
        assert ContractBalance.objects.get(scope="*").used == 49_000

    def test_takes_the_key_from_the_body_too_whoever_of_the_practice_sends_it(self, api, doctor, running):
        colleague = make_user("d2@test.test", Role.DOCTOR, "Dan", practice=running.providers["medical"])
        sent = body(running, VISIT, idempotency_key="counter-0001")
        first = api(doctor).post("/api/v1/claims/consultation", sent)
        again = api(colleague).post("/api/v1/claims/consultation", sent)
        assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
        other = api(colleague).post("/api/v1/claims/consultation", {**sent, "notes": "Autre"})
        assert (other.status_code, other.json()["error"]["code"]) == (422, "IDEMPOTENCY_MISMATCH")

    def test_stores_a_rejection_with_its_reasons(self, api, doctor, running):
        old = (TODAY - timedelta(days=90)).isoformat()
        answer = api(doctor).post("/api/v1/claims/consultation", body(running, VISIT, service_date=old))
        claim = answer.json()
        assert (answer.status_code, claim["status"], claim["reason_code"]) == (201, "rejected", "LATE_FILING")
        assert {item["reason_code"] for item in claim["items"]} == {"LATE_FILING"}

    def test_finds_the_contract_of_a_person_and_the_subscriber_of_a_contract(self, api, doctor, running):
        sent = body(running, VISIT)
        by_person = {k: v for k, v in sent.items() if k != "contract"}
        by_contract = {k: v for k, v in sent.items() if k != "adherent"}
        assert api(doctor).post("/api/v1/claims/consultation", by_person).json()["contract"] == str(
            running.contract.pk
        )
        answer = api(doctor).post(
            "/api/v1/claims/consultation", {**by_contract, "service_date": TODAY.isoformat()}
        )
        assert answer.json()["adherent"] == str(running.adherent.pk)

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"items": []}, "items"),
            ({"items": [{"code": "C2", "quantity": 0, "unit_price": 1}]}, "items"),
            ({"items": [{"code": "C2", "quantity": 2, "unit_price": 5, "line_total": 11}]}, "items"),
            ({"items": [{"code": "C2", "quantity": 1, "unit_price": -5}]}, "items"),
            ({"total_amount": 79_999}, "total_amount"),
            ({"contract": "01a1ff47-b6dc-7000-8000-000000000000"}, "contract"),
            ({"contract": None, "adherent": None}, "adherent"),
            ({"service_date": "2026-02-30"}, "service_date"),
        ],
    )
    def test_refuses_what_has_no_shape(self, api, doctor, running, wrong, field):
        answer = api(doctor).post(
            "/api/v1/claims/consultation", {**body(running, VISIT), **wrong}, format="json"
        )
        assert answer.status_code == 400
        assert field in answer.json()["error"]["details"]
        assert not Claim.objects.exists()

    def test_takes_no_covered_amount_from_the_provider(self, api, doctor, running):
        sent = body(running, VISIT)
        sent["items"][0]["covered_amount"] = 80_000
        sent["covered_amount"] = 80_000
        assert api(doctor).post("/api/v1/claims/consultation", sent).json()["covered_amount"] == 49_000


class TestReading:
    @pytest.fixture
    def claim(self, api, doctor, running):
        return api(doctor).post("/api/v1/claims/consultation", body(running, VISIT)).json()

    def test_shows_a_claim_to_both_sides_and_nobody_else(
        self, api, claim, ines, omar, nora, doctor, pharmacist, cleo, root
    ):
        seen = {
            user.first_name: api(user).get(f"/api/v1/claims/{claim['id']}").status_code
            for user in (ines, omar, nora, doctor, pharmacist, cleo, root)
        }
        assert seen == {
            "Ines": 200,
            "Omar": 200,
            "Nora": 404,
            "Doc": 200,
            "Paula": 404,
            "Cleo": 404,
            "Admin": 403,
        }
        counts = {
            user.first_name: api(user).get("/api/v1/claims").json()["count"]
            for user in (ines, nora, doctor, cleo)
        }
        assert counts == {"Ines": 1, "Nora": 0, "Doc": 1, "Cleo": 0}

    def test_shows_score_and_flags_to_the_insurer_only(self, api, claim, ines, doctor):
        insurer = api(ines).get(f"/api/v1/claims/{claim['id']}").json()
        assert {"fraud_score", "fraud_flags", "awaits_second_person"} <= set(insurer)
        assert "fraud" not in api(doctor).get("/api/v1/claims").content.decode()

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("status=approved", 1),
            ("status=rejected,blocked", 0),
            ("type=consultation", 1),
            ("from={day}&to={day}", 1),
            ("to=2020-01-01", 0),
            ("adherent={adherent}", 1),
            ("provider={contract}", 0),
        ],
    )
    def test_filters(self, api, claim, ines, running, query, count):
        asked = query.format(day=DAY, adherent=running.adherent.pk, contract=running.contract.pk)
        assert api(ines).get(f"/api/v1/claims?{asked}").json()["count"] == count

    def test_refuses_a_parameter_nobody_knows(self, api, ines):
        assert api(ines).get("/api/v1/claims?colour=red").status_code == 400

    def test_lists_in_as_many_statements_for_one_as_for_many(
        self, api, doctor, ines, running, claim, django_assert_max_num_queries
    ):
        client = api(ines)
        client.get("/api/v1/claims")
        for number in range(5):
            api(doctor).post("/api/v1/claims/consultation", body(running, ("C1", 1, 50_000 + number)))
        with django_assert_max_num_queries(10) as seen:
            assert client.get("/api/v1/claims").json()["count"] == 6
        # A price list may hold thousands of prices, and every claim of a page would bring it.
        assert not [query["sql"] for query in seen if '"insurance_bareme"."content"' in query["sql"]]


class TestVerbs:
    @pytest.fixture
    def claim(self, api, doctor, running):
        return api(doctor).post("/api/v1/claims/consultation", body(running, VISIT)).json()

    def verb(self, client, claim, verb, expected, **more):
        return client.post(f"/api/v1/claims/{claim['id']}/{verb}", {"expected_status": expected, **more})

    def test_go_through_a_review(self, api, claim, ines, omar):
        taken = self.verb(api(ines), claim, "review", "approved", reason="Montant")
        assert (taken.status_code, taken.json()["status"]) == (200, "pending_review")
        line = {"id": claim["items"][0]["id"], "covered_amount": 40_000}
        lowered = self.verb(api(omar), claim, "approve", "pending_review", reason="Barème", items=[line])
        assert (lowered.status_code, lowered.json()["covered_amount"]) == (200, 40_000)
        assert lowered.json()["decision"] == "partial"

    def test_say_what_is_possible(self, api, claim, ines):
        answer = self.verb(api(ines), claim, "block", "approved", reason="x")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ILLEGAL_TRANSITION")
        assert answer.json()["error"]["details"]["allowed"] == ["void", "review", "settle"]

    def test_refuse_a_stale_status(self, api, claim, ines):
        answer = self.verb(api(ines), claim, "review", "blocked", reason="x")
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "STALE")

    def test_tell_the_provider_no_more_than_that_somebody_looks(self, api, claim, ines, doctor):
        self.verb(api(ines), claim, "review", "approved", reason="Soupçon")
        seen = api(doctor).get(f"/api/v1/claims/{claim['id']}")
        assert seen.json()["message"] == "En cours de vérification."
        assert "Soupçon" not in seen.content.decode()

    def test_ask_for_a_second_person(self, api, claim, ines, omar, insurer):
        set_config(insurer, **QUIET, two_person_above=10_000)
        self.verb(api(ines), claim, "review", "approved", reason="Montant")
        first = self.verb(api(ines), claim, "approve", "pending_review")
        assert (first.json()["status"], first.json()["awaits_second_person"]) == ("pending_review", True)
        same = self.verb(api(ines), claim, "approve", "pending_review")
        assert (same.status_code, same.json()["error"]["code"]) == (409, "SECOND_PERSON_REQUIRED")
        second = self.verb(api(omar), claim, "approve", "pending_review")
        assert second.json()["status"] == "approved"

    def test_keep_the_sides_apart(self, api, claim, ines, nora, doctor, pharmacist):
        assert self.verb(api(doctor), claim, "approve", "approved").status_code == 403
        assert self.verb(api(ines), claim, "void", "approved").status_code == 403
        assert self.verb(api(nora), claim, "review", "approved", reason="x").status_code == 404
        assert self.verb(api(pharmacist), claim, "void", "approved").status_code == 404
        assert self.verb(api(doctor), claim, "void", "approved").json()["reason_code"] == "VOIDED"


class TestEligibility:
    def test_answers_as_a_claim_would_and_stores_nothing(self, api, doctor, running):
        sent = {**body(running, VISIT), "care_type": "consultation"}
        answer = api(doctor).post("/api/v1/eligibility", sent).json()
        assert (answer["verdict"], answer["reason_code"], answer["preview"]["covered_amount"]) == (
            "eligible",
            "",
            49_000,
        )
        assert not Claim.objects.exists()
        assert not ContractBalance.objects.exists()
        claim = api(doctor).post("/api/v1/claims/consultation", body(running, VISIT)).json()
        for name in ("covered_amount", "copay_amount", "writeoff_amount", "total_amount"):
            assert answer["preview"][name] == claim[name]
        assert answer["preview"]["items"][0]["explanation"] == claim["items"][0]["explanation"]
        left = api(doctor).post("/api/v1/eligibility", sent).json()
        assert {b["scope"]: b["remaining"] for b in left["balances"]} == {
            "*": 1_951_000,
            "consultation": None,
        }
        assert left["reasons"] == [{"code": "DUPLICATE", "carc": "18", "group": "OA"}]

    def test_lists_all_that_stands_in_the_way(self, api, doctor, running):
        change_contract(
            actor=Clerk(running.insurer),
            contract=running.contract,
            at=timezone.now(),
            status="suspended",
            status_from=TODAY - timedelta(days=30),
        )
        sent = {"contract": str(running.contract.pk), "care_type": "laboratory", "service_date": DAY}
        answer = api(doctor).post("/api/v1/eligibility", sent).json()
        assert (answer["verdict"], answer["reason_code"]) == ("not_eligible", "SUSPENDED")
        assert [reason["code"] for reason in answer["reasons"]] == ["SUSPENDED", "NOT_COVERED"]
        assert answer["preview"] is None

    def test_lets_an_insurer_ask_about_its_own_people_only(self, api, ines, nora, running, other_insurer):
        sent = {"contract": str(running.contract.pk), "care_type": "consultation", "service_date": DAY}
        assert api(ines).post("/api/v1/eligibility", sent).json()["verdict"] == "eligible"
        assert api(nora).post("/api/v1/eligibility", sent).status_code == 400

    def test_tells_a_stranger_from_a_member(self, api, doctor, running):
        stranger = make_adherent(running.insurer)
        sent = {
            "contract": str(running.contract.pk),
            "adherent": str(stranger.pk),
            "care_type": "consultation",
            "service_date": DAY,
        }
        answer = api(doctor).post("/api/v1/eligibility", sent).json()
        assert (answer["verdict"], answer["reason_code"], answer["balances"]) == (
            "not_eligible",
            "IDENTITY_UNKNOWN",
            [],
        )


def test_another_insurers_provider_files_by_exact_key(api, cleo, other_house, running):
    """A dental practice that no insurer agreed with is answered by the gates, with the reason."""
    answer = api(cleo).post("/api/v1/claims/dental", body(running, ("HBGD036", 1, 60_000)))
    assert (answer.status_code, answer.json()["reason_code"]) == (201, "NO_CONVENTION")
    make_convention(running.insurer, other_house.practice)
    answer = api(cleo).post("/api/v1/claims/dental", body(running, ("HBGD036", 1, 60_000)))
    assert answer.json()["reason_code"] == "NO_CONVENTION"
