"""The insurer's queue, and amounts a person sets line by line."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.insurance.claim_queue import claim_queue
from apps.insurance.services.deciding import review_claim
from tests.admin.conftest import browser
from tests.insurance.claims.asking import FILED, file
from tests.insurance.claims.conftest import set_config

__all__ = ["browser"]
pytestmark = pytest.mark.django_db
LIST = "admin:insurance_claim_changelist"


def held_claim(doctor, network, ines, day, *lines, at=FILED):
    claim = file(doctor, network, "consultation", day, *lines, at=at)
    review_claim(
        actor=ines, claim=claim, expected_status="approved", reason="Contrôle", at=FILED + timedelta(hours=1)
    )
    claim.refresh_from_db()
    return claim


@pytest.fixture
def held(doctor, network, ines):
    return held_claim(doctor, network, ines, "2026-06-30", ("C2", 1, 80_000))


def amend(client, claim, amount, reason="Facture jointe", **more):
    item = claim.items.get()
    address = reverse("admin:insurance_claim_amend", args=[claim.pk])
    given = {"expected_status": "pending_review", "reason": reason, f"line_{item.pk}": amount, **more}
    answer = client.post(address, given)
    claim.refresh_from_db()
    return answer


class TestQueue:
    def test_counts_by_age_and_amount(self, doctor, network, ines) -> None:
        held_claim(doctor, network, ines, "2026-06-10", ("C2", 1, 80_000), at=FILED - timedelta(days=20))
        held_claim(doctor, network, ines, "2026-06-29", ("C1", 1, 50_000), at=FILED - timedelta(days=2))
        found = claim_queue(viewer=ines, at=FILED)
        assert {bucket.first: (bucket.count, dict(bucket.amounts)) for bucket in found.buckets} == {
            0: (0, {}), 1: (1, {"TND": 50_000}), 3: (0, {}), 7: (0, {}), 14: (1, {"TND": 80_000}),
        }  # fmt: skip
        assert (found.count, found.second_person, found.blocked) == (2, 0, 0)

    def test_lists_the_oldest_day_first_and_the_largest_of_a_day(
        self, doctor, network, ines, browser
    ) -> None:
        morning, day = FILED - timedelta(days=3, hours=2), FILED - timedelta(days=3)
        small = held_claim(doctor, network, ines, "2026-06-29", ("C1", 1, 50_000), at=morning)
        large = held_claim(doctor, network, ines, "2026-06-22", ("C2", 1, 80_000), at=day)
        old = held_claim(doctor, network, ines, "2026-06-10", ("C1", 1, 50_000), at=FILED - timedelta(days=9))
        client = browser(ines)
        answer = client.get(reverse(LIST), {"status__exact": "pending_review"})
        assert [row.pk for row in answer.context["cl"].result_list] == [old.pk, large.pk, small.pk]
        assert answer.context["queue"].count == 3
        for age, count in (("14", 3), ("7", 0)):
            aged = client.get(reverse(LIST), {"status__exact": "pending_review", "age": age})
            assert len(aged.context["cl"].result_list) == count

    def test_shows_what_waits_for_a_second_person(self, held, insurer, omar, ines, browser) -> None:
        set_config(insurer, two_person_above=40_000)
        page = reverse("admin:insurance_claim_change", args=[held.pk])
        assert "deux personnes doivent accepter" in browser(ines).get(page).content.decode()
        amend(browser(omar), held, "45,000")
        assert held.status == "pending_review"
        text = browser(ines).get(page).content.decode()
        assert f"{omar.get_full_name()} a donné son accord" in text
        assert "45,000" in text
        listed = browser(ines).get(reverse(LIST), {"second": "yes"}).context["cl"].result_list
        assert [row.pk for row in listed] == [held.pk]
        assert claim_queue(viewer=ines, at=timezone.now()).second_person == 1

    def test_is_not_for_providers(self, held, doctor, browser) -> None:
        answer = browser(doctor).get(reverse(LIST))
        assert answer.context.get("queue") is None

    def test_stands_on_the_first_page(self, held, ines, browser) -> None:
        cards = {card.icon: card for card in browser(ines).get("/admin/").context["cards"]}
        assert cards["fact_check"].figure == "1"
        assert browser(ines).get(cards["fact_check"].url).status_code == 200


class TestAmounts:
    def test_lower_a_line_with_a_reason(self, held, omar, browser) -> None:
        assert amend(browser(omar), held, "30,000").status_code == 302
        assert (held.status, held.covered_amount, held.copay_amount) == ("approved", 30_000, 50_000)
        review = held.reviews.order_by("-id").first()
        assert (review.reason, list(review.amounts.values())) == ("Facture jointe", [30_000])

    def test_need_a_reason(self, held, omar, browser) -> None:
        answer = amend(browser(omar), held, "30,000", reason=" ")
        assert answer.context["form"].errors["reason"]
        assert (held.status, held.covered_amount) == ("pending_review", 49_000)

    def test_are_raised_by_an_administrator_only(self, held, omar, ines, browser) -> None:
        refused = amend(browser(omar), held, "55,000")
        assert refused.context["form"].non_field_errors()
        assert held.status == "pending_review"
        amend(browser(ines), held, "55,000")
        assert (held.status, held.covered_amount) == ("approved", 55_000)

    def test_never_pass_the_eligible_amount(self, held, ines, browser) -> None:
        refused = amend(browser(ines), held, "75,000")
        assert refused.context["form"].errors
        assert held.status == "pending_review"

    def test_are_refused_when_somebody_decided_meanwhile(self, held, ines, browser) -> None:
        refused = amend(browser(ines), held, "30,000", expected_status="approved")
        assert refused.context["form"].non_field_errors()
        assert held.status == "pending_review"


class TestWhatWasSeen:
    def test_guards_a_button(self, held, omar, ines, browser) -> None:
        """The page showed another status than the claim has by now."""
        client = browser(omar)
        address = reverse("admin:insurance_claim_reject_do", args=[held.pk])
        asked = client.get(f"{address}?seen=blocked").content.decode()
        assert f'name="seen_{held.pk}" value="blocked"' in asked
        client.post(address, {"confirmed": "yes", "reason": "Non", f"seen_{held.pk}": "blocked"})
        held.refresh_from_db()
        assert held.status == "pending_review"
        assert (
            "seen=pending_review"
            in client.get(reverse("admin:insurance_claim_change", args=[held.pk])).content.decode()
        )
        client.post(address, {"confirmed": "yes", "reason": "Non", f"seen_{held.pk}": "pending_review"})
        held.refresh_from_db()
        assert held.status == "rejected"
