"""Prior agreement over HTTP: asked as a question, answered by the insurer's people, quoted by the claim that uses it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from apps.accounts.roles import Role
from apps.insurance.models import Claim, ContractBalance, PriorAgreement
from apps.insurance.services.approving import approve_claim
from apps.insurance.services.withdrawing import confirm_claim, expire_eligible
from tests.cast import make_user
from tests.insurance.claims.asking import change_terms, file
from tests.insurance.claims.test_claims_api import DAY, TODAY, body
from tests.insurance.making import COVERAGE, MAKER, make_agreement, make_member, make_practice

pytestmark = pytest.mark.django_db
CROWN = ("HBLD634", 1, 350_000)


@pytest.fixture
def running(network):
    """Contract K as it would run today, with agreement to be asked above 300 000 for teeth."""
    change_terms(
        network,
        start_date=date(TODAY.year - 1, 1, 1),
        end_date=date(TODAY.year + 1, 12, 31),
        coverage={
            **COVERAGE,
            "dental": {"rate_bp": 6000, "preauth_above": 300_000},
        },
    )
    return network


@pytest.fixture
def dentist(running):
    return make_user("dentist@test.test", Role.PRACTITIONER, "Ana", practice=running.providers["dental"])


def sent(network, *items, tooth="16", quoting=None, **more):
    asked = body(network, *(items or (CROWN,)), **more)
    for item in asked["items"]:
        item["tooth"] = tooth
        if quoting is not None:
            item["preauthorisation"] = str(quoting)
    return asked


def post(client, asked):
    answer = client.post("/api/v1/claims/dental", asked)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def said(claim):
    return claim["status"], claim["reason_code"], claim["covered_amount"]


def approve(client, claim, **more):
    sent = {"expected_status": "pending_review", **more}
    answer = client.post(f"/api/v1/claims/{claim['id']}/approve", sent)
    assert answer.status_code == 200, answer.json()
    return answer.json()


@pytest.fixture
def ask(api, dentist, running):
    return post(api(dentist), sent(running, use="predetermination"))


@pytest.fixture
def agreed(api, omar, ask):
    return approve(api(omar), ask)


def used():
    return ContractBalance.objects.get(scope="*").used


class TestAsking:
    def test_waits_for_a_person_of_the_insurer(self, api, omar, dentist, running, ask):
        assert (ask["use"], *said(ask)) == ("predetermination", "pending_review", "", 210_000)
        agreed = approve(api(omar), ask)
        assert (agreed["status"], agreed["decision"]) == ("eligible", "approved")
        assert agreed["prior_agreements"] == [
            {
                "code": "HBLD634",
                "tooth": "16",
                "quantity": 1,
                "left": 1,
                "valid_from": DAY,
                "valid_until": (TODAY + timedelta(days=90)).isoformat(),
            }
        ]
        seen = api(dentist).get(f"/api/v1/claims/{ask['id']}").json()
        assert seen["prior_agreements"] == agreed["prior_agreements"]

    def test_agrees_to_the_lines_the_insurer_covers_for_as_long_as_the_contract_says(
        self, api, omar, dentist, running
    ):
        coverage = {"dental": {"rate_bp": 6000, "preauth_above": 300_000, "preauth_days": 10}}
        change_terms(running, coverage=coverage)
        asked = sent(running, CROWN, ("HBGD036", 1, 60_000), use="predetermination")
        question = post(api(dentist), asked)
        line = {"id": question["items"][0]["id"], "covered_amount": 0}
        agreed = approve(api(omar), question, reason="Couronne non justifiée", items=[line])
        assert [(one["code"], one["valid_until"]) for one in agreed["prior_agreements"]] == [
            ("HBGD036", (TODAY + timedelta(days=10)).isoformat())
        ]

    def test_is_refused_like_any_claim(self, api, omar, dentist, running, ask):
        refusal = {"expected_status": "pending_review", "reason": "Non justifié"}
        assert api(omar).post(f"/api/v1/claims/{ask['id']}/reject", refusal).json()["status"] == "rejected"
        assert not PriorAgreement.objects.exists()
        assert said(post(api(dentist), sent(running, quoting=ask["id"])))[1] == "PREAUTH_MISSING"

    def test_is_the_claim_itself_once_the_care_is_confirmed(self, api, dentist, running, agreed):
        confirm = {"expected_status": "eligible"}
        done = api(dentist).post(f"/api/v1/claims/{agreed['id']}/confirm", confirm).json()
        assert (*said(done), done["prior_agreements"][0]["left"]) == ("approved", "", 210_000, 0)
        another_day = sent(running, quoting=agreed["id"], service_date=TODAY.isoformat())
        assert said(post(api(dentist), another_day)) == ("rejected", "PREAUTH_MISSING", 0)

    def test_keeps_the_amount_a_person_set_when_the_care_is_confirmed_later(self, dentist, omar, running):
        at = timezone.now() - timedelta(days=3)
        day = (at.date() - timedelta(days=1)).isoformat()
        question = file(dentist, running, "dental", day, CROWN, at=at, is_predetermination=True)
        approve_claim(
            actor=omar,
            claim=question,
            expected_status="pending_review",
            reason="Tarif du réseau",
            amounts={question.items.get().pk: 150_000},
            at=at,
        )
        done = confirm_claim(
            actor=dentist, claim=question, expected_status="eligible", at=at + timedelta(hours=60)
        )
        assert (done.status, done.covered_amount, used()) == ("approved", 150_000, 150_000)

    def test_holds_its_amounts_for_three_days_after_the_answer_and_stays_an_agreement(
        self, api, dentist, omar, running
    ):
        at = timezone.now() - timedelta(days=20)
        question = file(
            dentist, running, "dental", at.date().isoformat(), CROWN, at=at, is_predetermination=True
        )
        answered = at + timedelta(days=5)
        approve_claim(actor=omar, claim=question, expected_status="pending_review", at=answered)
        for hours, lapsed in ((71, 0), (73, 1)):
            moment = answered + timedelta(hours=hours)
            assert expire_eligible(actor=MAKER, insurer=running.insurer, at=moment) == lapsed
        assert used() == 0
        claim = post(api(dentist), sent(running, tooth="", quoting=question.pk))
        assert said(claim) == ("approved", "", 210_000)


class TestQuoting:
    def test_is_paid_and_takes_the_place_of_the_question(self, api, dentist, running, agreed):
        claim = post(api(dentist), sent(running, quoting=agreed["id"]))
        assert said(claim) == ("approved", "", 210_000)
        assert claim["items"][0]["preauthorisation"] == agreed["id"]
        question = api(dentist).get(f"/api/v1/claims/{agreed['id']}").json()
        assert (question["status"], question["reason_code"]) == ("rejected", "VOIDED")
        assert question["prior_agreements"][0]["left"] == 0
        assert used() == 210_000

    def test_is_refused_a_second_time_until_the_first_is_withdrawn(self, api, dentist, running, agreed):
        client = api(dentist)
        first = post(client, sent(running, quoting=agreed["id"]))
        later = sent(running, quoting=agreed["id"], service_date=TODAY.isoformat())
        second = post(client, later)
        assert (*said(second), second["writeoff_amount"]) == ("rejected", "PREAUTH_MISSING", 0, 350_000)
        step = second["items"][0]["explanation"]["steps"][0]
        assert (step["rule"], step["params"]) == ("PREAUTH_MISSING", {"above": 300_000, "left": 0})
        client.post(f"/api/v1/claims/{first['id']}/void", {"expected_status": "approved"})
        assert said(post(client, later)) == ("approved", "", 210_000)

    def test_takes_the_units_agreed_one_claim_after_the_other(self, api, omar, dentist, running):
        change_terms(running, annual_limit=None)
        client = api(dentist)
        three = sent(running, ("HBLD634", 3, 350_000), use="predetermination")
        question = approve(api(omar), post(client, three))
        days = [(TODAY - timedelta(days=n)).isoformat() for n in (3, 2, 1)]
        filed = [
            post(client, sent(running, ("HBLD634", n, 350_000), quoting=question["id"], service_date=day))
            for n, day in zip((2, 2, 1), days, strict=True)
        ]
        assert [claim["reason_code"] for claim in filed] == ["", "PREAUTH_MISSING", ""]
        seen = client.get(f"/api/v1/claims/{question['id']}").json()
        assert [(one["quantity"], one["left"]) for one in seen["prior_agreements"]] == [(3, 0)]

    def test_is_refused_for_another_act_tooth_person_provider_or_day(
        self, api, dentist, running, agreed, insurer
    ):
        client = api(dentist)
        spouse = make_member(running.contract, "spouse").adherent
        practice = make_practice("Cabinet Carthage", "dental")
        make_agreement(insurer, practice, effective_from=date(2025, 6, 1))
        elsewhere = make_user("elsewhere@test.test", Role.PRACTITIONER, "Eve", practice=practice)
        early = (TODAY - timedelta(days=11)).isoformat()
        asked = [
            (client, sent(running, ("HBGD036", 6, 60_000), quoting=agreed["id"])),
            (client, sent(running, tooth="17", quoting=agreed["id"])),
            (client, sent(running, quoting=agreed["id"], adherent=str(spouse.pk))),
            (client, sent(running, quoting=agreed["id"], service_date=early)),
            (client, sent(running, quoting="no key at all", service_date=early)),
            (client, sent(running, service_date=early)),
            (api(elsewhere), sent(running, quoting=agreed["id"])),
        ]
        assert [said(post(who, what))[:2] for who, what in asked] == [
            ("rejected", "PREAUTH_MISSING"),
            ("rejected", "PREAUTH_MISSING"),
            ("rejected", "PREAUTH_MISSING"),
            ("rejected", "PREAUTH_MISSING"),
            ("rejected", "PREAUTH_MISSING"),
            ("rejected", "PREAUTH_MISSING"),
            # Elsewhere it is the same act on the same tooth and day, which the question still holds.
            ("rejected", "DUPLICATE"),
        ]
        assert Claim.objects.get(pk=agreed["id"]).status == "eligible"

    def test_is_refused_after_its_last_day(self, api, dentist, omar, running):
        change_terms(
            running, coverage={"dental": {"rate_bp": 6000, "preauth_above": 300_000, "preauth_days": 5}}
        )
        at = timezone.now() - timedelta(days=30)
        question = file(
            dentist, running, "dental", at.date().isoformat(), CROWN, at=at, is_predetermination=True
        )
        approve_claim(actor=omar, claim=question, expected_status="pending_review", at=at)
        expire_eligible(actor=MAKER, insurer=running.insurer, at=at + timedelta(days=4))
        found = [
            said(post(api(dentist), sent(running, tooth="", quoting=question.pk, service_date=day)))[:2]
            for day in ((at.date() + timedelta(days=n)).isoformat() for n in (6, 5))
        ]
        assert found == [("rejected", "PREAUTH_MISSING"), ("approved", "")]

    def test_is_seen_by_who_asks_whether_care_would_be_paid(self, api, dentist, running, agreed):
        asked = {**sent(running, quoting=agreed["id"]), "care_type": "dental"}
        answer = api(dentist).post("/api/v1/eligibility", asked).json()
        assert (answer["verdict"], answer["preview"]["covered_amount"]) == ("eligible", 210_000)
        without = {**sent(running, tooth="17"), "care_type": "dental"}
        answer = api(dentist).post("/api/v1/eligibility", without).json()
        assert [reason["code"] for reason in answer["reasons"]] == ["PREAUTH_MISSING"]
