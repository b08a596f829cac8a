"""From a counter to a flag over HTTP: the insurer learns why, the provider only that somebody looks."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.utils import timezone

from apps.accounts.roles import Role
from apps.insurance.fraud.catalogue import BY_CODE
from apps.insurance.models import Claim, ClaimFlag
from tests.cast import make_user
from tests.insurance.claims.asking import change_terms
from tests.insurance.claims.conftest import doctor, network, pharmacist, set_config
from tests.insurance.fraud.network import making
from tests.insurance.making import make_adherent, make_agreement, make_contract

__all__ = ["doctor", "network", "pharmacist"]
pytestmark = pytest.mark.django_db
CLAIMS = "/api/v1/claims"
TODAY = timezone.now().date()
# A Tuesday of the weeks before, whatever today is: a Sunday would be a flag of its own.
TUESDAY = TODAY - timedelta(days=(TODAY.weekday() - 1) % 7 + 14)
# So would an hour of the night at which the suite happens to run.
BY_DAY = {"rules": {"OUT_OF_HOURS": {"enabled": False}}}


@pytest.fixture
def running(network):
    """Contract K as it would run today, screened by the usual rules; the insured person lives far away."""
    change_terms(network, start_date=date(TODAY.year - 1, 1, 1), end_date=date(TODAY.year + 1, 12, 31))
    set_config(network.insurer, fraud=BY_DAY)
    with making():
        type(network.adherent).objects.filter(pk=network.adherent.pk).update(lat="33.880000", lng="10.090000")
        for provider in network.providers.values():
            type(provider).objects.filter(pk=provider.pk).update(lat="36.806500", lng="10.181500")
    return network


def filed(
    client, network, day: date, *, kind: str = "consultation", code: str = "C2", price: int = 70_000, **more
):
    answer = client.post(
        f"{CLAIMS}/{kind}",
        {
            "contract": str(network.contract.pk),
            "adherent": str(network.adherent.pk),
            "service_date": day.isoformat(),
            "items": [{"code": code, "quantity": 1, "unit_price": price}],
            **more,
        },
        format="json",
    )
    assert answer.status_code == 201, answer.content
    return answer


@pytest.fixture
def suspicious(api, running, doctor):
    """A second visit two days after the first, 325 km from home: NEAR_DUP 25 and GEO_FAR 20."""
    first = filed(api(doctor), running, TUESDAY)
    return first, filed(api(doctor), running, TUESDAY + timedelta(days=2))


class TestTheInsurer:
    def test_reads_score_flags_and_evidence(self, api, suspicious, ines):
        first, second = (answer.json() for answer in suspicious)
        shown = api(ines).get(f"{CLAIMS}/{second['id']}").json()
        assert (shown["status"], shown["fraud_score"]) == ("pending_review", 45)
        flags = {flag["rule"]: flag for flag in shown["fraud_flags"]}
        assert set(flags) == {"NEAR_DUP", "GEO_FAR"}
        assert flags["NEAR_DUP"]["evidence"] == {"lines": [1], "claims": [first["id"]]}
        assert flags["GEO_FAR"]["observed"].startswith("325.")

    def test_has_the_first_visit_approved_with_a_flag_of_its_own(self, api, suspicious, ines):
        shown = api(ines).get(f"{CLAIMS}/{suspicious[0].json()['id']}").json()
        assert (shown["status"], shown["fraud_score"]) == ("approved", 20)

    def test_sees_a_repeat_elsewhere_though_its_lines_are_refused(self, api, running, doctor, ines, network):
        filed(api(doctor), running, TUESDAY)
        with making():
            other = type(network.providers["medical"]).objects.create(
                name="Autre cabinet", kind="medical", country="TN", city="Tunis", timezone="Africa/Tunis",
                currency="TND", license_no="TN-other",
            )  # fmt: skip
        make_agreement(network.insurer, other, effective_from=date(2025, 6, 1))
        rival = make_user("rival@test.test", Role.DOCTOR, "R", practice=other)
        claim = filed(api(rival), running, TUESDAY, price=69_000).json()
        assert claim["status"] == "rejected"
        flag = ClaimFlag.objects.get(claim=claim["id"], rule="DUP_LINE")
        assert flag.points == 40

    def test_scores_the_same_claim_the_same_twice(self, suspicious):
        claim = Claim.objects.get(pk=suspicious[1].json()["id"])
        versions = set(claim.flags.values_list("rules_version", flat=True))
        assert versions == {claim.rules_version}


class TestTheProvider:
    def said(self, answer) -> str:
        return answer.content.decode().lower()

    def reads_nothing(self, answer) -> None:
        text = self.said(answer)
        assert "fraud" not in text
        assert "flag" not in text
        assert "rules_version" not in text
        assert "score" not in text
        assert not [code for code in BY_CODE if code.lower() in text]

    def test_learns_only_that_somebody_looks(self, api, suspicious, doctor):
        first, second = suspicious
        assert (first.json()["status"], second.json()["status"]) == ("approved", "pending_review")
        for answer in (
            first,
            second,
            api(doctor).get(CLAIMS),
            api(doctor).get(f"{CLAIMS}/{second.json()['id']}"),
            api(doctor).get(f"{CLAIMS}/{first.json()['id']}"),
        ):
            self.reads_nothing(answer)

    def test_gets_the_same_fields_whatever_was_found(self, suspicious):
        first, second = (answer.json() for answer in suspicious)
        assert set(first) == set(second)
        assert set(first["items"][0]) == set(second["items"][0])

    @pytest.mark.parametrize(
        "query", ["fraud_score=45", "fraud_score__gte=1", "flags=1", "rule=NEAR_DUP", "ordering=fraud_score"]
    )
    def test_cannot_ask_by_a_filter(self, api, suspicious, doctor, query):
        assert api(doctor).get(f"{CLAIMS}?{query}").status_code == 400

    def test_reads_nothing_of_it_in_fhir(self, api, suspicious, doctor):
        pk = suspicious[1].json()["id"]
        for path in (f"Claim/{pk}", f"ClaimResponse/{pk}", "ClaimResponse"):
            answer = api(doctor).get(f"/api/v1/fhir/{path}")
            assert answer.status_code == 200
            self.reads_nothing(answer)

    def test_learns_nothing_from_a_question_before(self, api, suspicious, running, doctor):
        answer = api(doctor).post(
            "/api/v1/eligibility",
            {
                "contract": str(running.contract.pk),
                "adherent": str(running.adherent.pk),
                "care_type": "consultation",
                "service_date": (TUESDAY + timedelta(days=1)).isoformat(),
                "items": [{"code": "C2", "quantity": 1, "unit_price": 70_000}],
            },
            format="json",
        )
        assert answer.status_code == 200
        self.reads_nothing(answer)


class TestAnotherInsurer:
    def test_learns_that_other_cover_exists_and_no_more(
        self, api, running, doctor, other_insurer, ines, nora
    ):
        with making():
            type(other_insurer).objects.filter(pk=other_insurer.pk).update(currency="TND")
        other_insurer.refresh_from_db()
        twin = make_adherent(other_insurer, national_id=running.adherent.national_id)
        theirs = make_contract(
            other_insurer,
            twin,
            start_date=date(TODAY.year - 1, 1, 1),
            end_date=date(TODAY.year + 1, 12, 31),
        )
        make_agreement(other_insurer, running.providers["medical"], effective_from=date(2025, 6, 1))
        claim = filed(api(doctor), running, TUESDAY).json()
        answer = api(ines).get(f"{CLAIMS}/{claim['id']}")
        flags = {flag["rule"]: flag for flag in answer.json()["fraud_flags"]}
        assert flags["ID_SHARED"]["evidence"] == {"reason": "other_cover_exists"}
        text = answer.content.decode()
        for secret in (
            other_insurer.pk,
            other_insurer.name,
            other_insurer.code,
            twin.pk,
            theirs.pk,
            theirs.contract_number,
        ):
            assert str(secret) not in text
        assert api(nora).get(f"{CLAIMS}/{claim['id']}").status_code == 404
