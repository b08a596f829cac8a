"""The desks: an insurer decides what waits, a provider follows, confirms and withdraws its own."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.audit.models import AccessEntry
from apps.insurance.models import Claim, ClaimFlag
from apps.insurance.services.deciding import review_claim
from tests.admin.conftest import browser
from tests.insurance.claims.asking import file
from tests.insurance.claims.conftest import set_config

__all__ = ["browser"]
pytestmark = pytest.mark.django_db
LIST = "admin:insurance_claim_changelist"


def page_of(claim):
    return reverse("admin:insurance_claim_change", args=[claim.pk])


def press(client, claim, verb, **given):
    """Press a button of a claim's page and answer what it asks."""
    address = reverse(f"admin:insurance_claim_{verb}_do", args=[claim.pk])
    answer = client.post(address, {"confirmed": "yes", **given}, follow=True)
    claim.refresh_from_db()
    return answer.content.decode()


@pytest.fixture
def visit(doctor, network):
    return file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000))


@pytest.fixture
def held(visit, ines, insurer, acting):
    review_claim(
        actor=ines,
        claim=visit,
        expected_status="approved",
        reason="Contrôle",
        at=datetime(2026, 7, 3, 10, tzinfo=UTC),
    )
    with acting(ines):
        ClaimFlag.objects.create(
            insurer=insurer, claim=visit, rule="NEAR_DUP", family="duplicate", weight=25, points=25, observed=2,
            threshold=1, rules_version="r1", raised_at=timezone.now(), evidence={"claims": [str(visit.pk)]},
        )  # fmt: skip
    visit.refresh_from_db()
    return visit


class TestInsurerDesk:
    def test_shows_the_queue_with_amounts_and_score(self, browser, held, omar):
        text = browser(omar).get(reverse(LIST), {"status__exact": "pending_review"}).content.decode()
        assert str(held.pk) in text
        assert "80,000" in text
        assert "49,000" in text

    def test_shows_why_line_by_line_with_flags_decisions_and_limits(self, browser, held, omar):
        text = browser(omar).get(page_of(held), headers={"Accept-Language": "fr"}).content.decode()
        assert "Tarif conventionné 70,000 (demandé 80,000)" in text
        assert f"…{str(held.pk)[-6:]}" in text
        assert "Contrôle" in text
        assert "<meter" in text
        assert AccessEntry.objects.filter(event="insurance.claim.read", object_pk=str(held.pk)).exists()

    def test_approves(self, browser, held, omar):
        press(browser(omar), held, "approve")
        assert held.status == "approved"

    @pytest.mark.parametrize(("verb", "status"), [("reject", "rejected"), ("block", "blocked")])
    def test_refuses_and_blocks_with_a_reason_only(self, browser, held, omar, verb, status):
        press(browser(omar), held, verb, reason=" ")
        assert held.status == "pending_review"
        press(browser(omar), held, verb, reason="Ordonnance manquante")
        assert held.status == status
        assert held.reviews.order_by("-id").first().reason == "Ordonnance manquante"

    def test_takes_an_approved_claim_up(self, browser, visit, omar):
        press(browser(omar), visit, "take_up", reason="Doute")
        assert visit.status == "pending_review"

    def test_waits_for_a_second_person_above_the_limit(self, browser, held, omar, ines, insurer):
        set_config(insurer, two_person_above=40_000)
        press(browser(omar), held, "approve")
        assert held.status == "pending_review"
        assert omar.get_full_name() in browser(ines).get(page_of(held)).content.decode()
        press(browser(omar), held, "approve")
        assert held.status == "pending_review"
        press(browser(ines), held, "approve")
        assert held.status == "approved"

    def test_is_closed_to_other_insurers(self, browser, held, nora):
        client = browser(nora)
        assert str(held.pk) not in client.get(reverse(LIST)).content.decode()
        assert client.get(page_of(held)).status_code in {302, 404}
        press(client, held, "approve")
        assert held.status == "pending_review"


class TestProviderDesk:
    def test_shows_its_own_claims_without_what_screening_saw(self, browser, held, doctor, acting):
        with acting(doctor):
            Claim.objects.filter(pk=held.pk).update(fraud_score=77)
        client = browser(doctor)
        rows = client.get(reverse(LIST)).content.decode()
        page = client.get(page_of(held)).content.decode()
        assert str(held.pk) in rows
        for text in (rows, page):
            assert not re.search(r"\b77\b(?!-)", re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "", text))
            assert "NEAR_DUP" not in text
            assert "Contrôle" not in text
        assert "Tarif conventionné" in page

    def test_confirms_the_care(self, browser, doctor, network):
        asked = file(
            doctor, network, "consultation", "2026-06-30", ("C1", 1, 50_000), is_predetermination=True
        )
        assert asked.status == "eligible"
        press(browser(doctor), asked, "confirm")
        assert asked.status == "approved"

    def test_withdraws_on_the_same_day_only(self, browser, doctor, network):
        old = file(doctor, network, "consultation", "2026-06-30", ("C1", 1, 50_000))
        assert "VOID" not in press(browser(doctor), old, "withdraw")
        assert old.status == "approved"

    def test_decides_nothing(self, browser, held, doctor):
        press(browser(doctor), held, "approve")
        press(browser(doctor), held, "reject", reason="Non")
        assert held.status == "pending_review"


class TestContractPage:
    def test_shows_how_much_of_each_limit_is_used(self, browser, visit, network, omar):
        page = browser(omar).get(reverse("admin:insurance_contract_change", args=[network.contract.pk]))
        text = page.content.decode()
        assert 'value="49000"' in text
        assert 'max="2000000"' in text
