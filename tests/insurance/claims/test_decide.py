"""What people do with claims: the insurer's decide, the provider's confirm and withdraw, the house takes back."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db.models import Sum

from apps.accounts.roles import Role
from apps.audit.models import AuditEntry
from apps.core.errors import InvalidInput, PermissionRefused, Stale
from apps.core.scope import SystemActor
from apps.core.transitions import IllegalTransition
from apps.insurance.models import ClaimAdjudication, ContractBalance
from apps.insurance.services.approving import LimitReached, SamePerson, approve_claim
from apps.insurance.services.deciding import block_claim, reject_claim, review_claim
from apps.insurance.services.taking_up import OwnClaim
from apps.insurance.services.withdrawing import TooLateToVoid, confirm_claim, expire_eligible, void_claim
from tests.cast import make_user
from tests.insurance.claims.asking import FILED, amounts, change_terms, file, used
from tests.insurance.claims.conftest import set_config

pytestmark = pytest.mark.django_db
CLOCK = SystemActor("test-clock")


def decide(service, actor, claim, *, reason="Vérifié", at=FILED, **more):
    claim.refresh_from_db()
    done = service(actor=actor, claim=claim, expected_status=claim.status, reason=reason, at=at, **more)
    claim.refresh_from_db()
    return done


def ledger_agrees():
    sums = ContractBalance.objects.annotate(booked=Sum("entries__delta"))
    return all(balance.used == (balance.booked or 0) for balance in sums)


@pytest.fixture
def visit(doctor, network):
    return file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000))


@pytest.fixture
def under_review(visit, ines):
    decide(review_claim, ines, visit)
    return visit


class TestReviewing:
    def test_keeps_what_is_held_and_releases_it_on_refusal(self, under_review, omar, network):
        assert (under_review.status, under_review.validated_at) == ("pending_review", None)
        assert used(network)["*"] == 49_000
        decide(reject_claim, omar, under_review)
        assert (under_review.status, *amounts(under_review)) == ("rejected", 0, 80_000, 0)
        assert {item.reason_code for item in under_review.items.all()} == {"REVIEW_REJECTED"}
        assert used(network) == {"*": 0, "consultation": 0}
        assert ledger_agrees()
        assert under_review.adjudications.count() == 2

    def test_approves_at_the_engines_amounts(self, under_review, omar, network):
        decide(approve_claim, omar, under_review)
        assert (under_review.status, *amounts(under_review)) == ("approved", 49_000, 31_000, 0)
        assert under_review.adjudications.count() == 1

    def test_lowers_a_line_with_a_reason(self, under_review, omar, network):
        item = under_review.items.get()
        with pytest.raises(InvalidInput):
            decide(approve_claim, omar, under_review, reason="", amounts={item.pk: 40_000})
        decide(approve_claim, omar, under_review, amounts={item.pk: 40_000})
        item.refresh_from_db()
        assert (under_review.status, *amounts(under_review)) == ("approved", 40_000, 40_000, 0)
        assert item.explanation["adjustments"][-1] == {
            "amount": 9_000,
            "group": "PR",
            "carc": "150",
            "rarc": "",
            "code": "REVIEW",
        }
        assert item.line_total == item.covered_amount + sum(
            a["amount"] for a in item.explanation["adjustments"]
        )
        assert used(network) == {"*": 40_000, "consultation": 40_000}
        assert ledger_agrees()
        last = under_review.adjudications.order_by("version").last()
        assert (last.version, last.kind, last.result["covered"]) == (2, "review", 40_000)

    def test_lets_only_an_administrator_raise_a_line_and_never_above_the_eligible_amount(
        self, under_review, omar, ines, network
    ):
        item = under_review.items.get()
        with pytest.raises(PermissionRefused):
            decide(approve_claim, omar, under_review, amounts={item.pk: 60_000})
        with pytest.raises(InvalidInput):
            decide(approve_claim, ines, under_review, amounts={item.pk: 70_001})
        decide(approve_claim, ines, under_review, amounts={item.pk: 70_000})
        item.refresh_from_db()
        assert (item.covered_amount, item.copay_amount) == (70_000, 10_000)
        assert [a["code"] for a in item.explanation["adjustments"]] == ["PRICE_CEILING"]
        assert used(network)["*"] == 70_000
        assert ledger_agrees()

    def test_lets_an_agent_go_back_to_the_engines_amount_and_no_higher(
        self, under_review, omar, ines, network
    ):
        item = under_review.items.get()
        decide(approve_claim, omar, under_review, amounts={item.pk: 40_000})
        decide(review_claim, ines, under_review)
        with pytest.raises(PermissionRefused):
            decide(approve_claim, omar, under_review, amounts={item.pk: 49_001})
        decide(approve_claim, omar, under_review, amounts={item.pk: 49_000})
        item.refresh_from_db()
        assert (under_review.status, *amounts(under_review)) == ("approved", 49_000, 31_000, 0)
        assert item.line_total == item.covered_amount + sum(
            a["amount"] for a in item.explanation["adjustments"]
        )
        assert used(network)["*"] == 49_000
        assert ledger_agrees()

    def test_raises_nothing_above_what_the_contract_has_left(self, doctor, network, ines):
        change_terms(network, annual_limit=50_000)
        claim = file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000))
        decide(review_claim, ines, claim)
        with pytest.raises(LimitReached):
            decide(approve_claim, ines, claim, amounts={claim.items.get().pk: 60_000})

    def test_needs_two_people_above_the_limit_one_of_them_an_administrator(
        self, under_review, insurer, omar, ines, network
    ):
        set_config(insurer, two_person_above=40_000)
        decide(approve_claim, omar, under_review)
        assert under_review.status == "pending_review"
        with pytest.raises(SamePerson):
            decide(approve_claim, omar, under_review)
        other_agent = make_user("una@test.test", Role.INSURER_AGENT, "Una", insurer=insurer)
        decide(approve_claim, other_agent, under_review)
        assert under_review.status == "pending_review"
        decide(approve_claim, ines, under_review)
        assert under_review.status == "approved"

    def test_lets_the_second_person_agree_to_the_amounts_of_the_first(
        self, under_review, insurer, omar, ines, network
    ):
        set_config(insurer, two_person_above=30_000)
        item = under_review.items.get()
        decide(approve_claim, ines, under_review, amounts={item.pk: 40_000})
        assert amounts(under_review)[0] == 49_000
        decide(approve_claim, omar, under_review)
        assert (under_review.status, amounts(under_review)[0]) == ("approved", 40_000)

    def test_sends_an_agent_above_its_amount_to_an_administrator(self, under_review, insurer, omar, ines):
        set_config(insurer, agent_up_to=40_000)
        decide(approve_claim, omar, under_review)
        assert under_review.status == "pending_review"
        decide(approve_claim, ines, under_review)
        assert under_review.status == "approved"

    def test_refuses_a_status_that_has_moved(self, under_review, ines):
        with pytest.raises(Stale):
            approve_claim(actor=ines, claim=under_review, expected_status="approved", at=FILED)

    def test_refuses_the_claims_own_author(self, doctor, network, ines):
        both = SimpleNamespace(
            id=doctor.pk, role="insurer_admin", practice_id=None, has_perm=lambda perm: True
        )
        both.insurer_id = network.insurer.pk
        claim = file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000))
        with pytest.raises(OwnClaim):
            decide(review_claim, both, claim)

    def test_asks_for_a_reason(self, visit, ines):
        with pytest.raises(InvalidInput):
            decide(review_claim, ines, visit, reason=" ")

    def test_leaves_entries_in_the_trail(self, under_review, omar):
        decide(reject_claim, omar, under_review, reason="Ordonnance illisible")
        entry = AuditEntry.objects.filter(
            event="insurance.claim.reject", object_pk=str(under_review.pk)
        ).get()
        assert entry.changes["status"] == ["pending_review", "rejected"]
        assert "illisible" not in str(list(AuditEntry.objects.values_list("changes", flat=True)))


class TestBlocking:
    def test_releases_and_resumes_under_the_limits_of_the_day(
        self, doctor, network, under_review, ines, omar
    ):
        decide(block_claim, omar, under_review)
        assert under_review.status == "blocked"
        assert used(network) == {"*": 0, "consultation": 0}
        change_terms(network, annual_limit=60_000)
        file(doctor, network, "consultation", "2026-06-29", ("C2", 1, 70_000))
        with pytest.raises(PermissionRefused):
            decide(review_claim, omar, under_review)
        decide(review_claim, ines, under_review)
        assert (under_review.status, *amounts(under_review)) == ("pending_review", 11_000, 69_000, 0)
        assert used(network)["*"] == 60_000
        assert ledger_agrees()

    def test_takes_up_a_repeat_that_is_none(self, doctor, network, visit, ines):
        repeat = file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000))
        assert (repeat.status, repeat.reason_code) == ("blocked", "DUPLICATE")
        decide(review_claim, ines, repeat, reason="Deux consultations, deux enfants")
        assert (repeat.status, amounts(repeat)[0]) == ("pending_review", 49_000)
        assert used(network)["*"] == 98_000

    def test_keeps_the_words_of_a_repeat_that_is_refused(self, doctor, network, visit, omar):
        repeat = file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000))
        decide(reject_claim, omar, repeat)
        assert (repeat.status, repeat.reason_code, *amounts(repeat)) == (
            "rejected",
            "DUPLICATE",
            0,
            0,
            80_000,
        )


class TestWithdrawing:
    def test_voids_on_the_day_of_filing(self, visit, doctor, network):
        void_claim(actor=doctor, claim=visit, expected_status="approved", at=FILED + timedelta(hours=3))
        visit.refresh_from_db()
        assert (visit.status, visit.reason_code, *amounts(visit)) == ("rejected", "VOIDED", 0, 0, 80_000)
        assert used(network) == {"*": 0, "consultation": 0}
        assert ledger_agrees()
        again = file(doctor, network, "consultation", "2026-06-30", ("C2", 1, 80_000))
        assert again.status == "approved"

    def test_does_not_void_later_or_for_others(self, visit, doctor, pharmacist):
        with pytest.raises(TooLateToVoid):
            void_claim(actor=doctor, claim=visit, expected_status="approved", at=FILED + timedelta(days=1))
        with pytest.raises(PermissionRefused):
            void_claim(actor=pharmacist, claim=visit, expected_status="approved", at=FILED)

    def test_confirms_what_was_held(self, doctor, network):
        claim = file(
            doctor, network, "consultation", "2026-06-30", ("C2", 1, 70_000), is_predetermination=True
        )
        confirm_claim(actor=doctor, claim=claim, expected_status="eligible", at=FILED + timedelta(hours=2))
        claim.refresh_from_db()
        assert (claim.status, claim.adjudications.count()) == ("approved", 1)

    def test_asks_again_after_a_day(self, doctor, network):
        claim = file(
            doctor, network, "consultation", "2026-06-30", ("C2", 1, 70_000), is_predetermination=True
        )
        change_terms(network, coverage={"consultation": {"rate_bp": 5000}})
        confirm_claim(actor=doctor, claim=claim, expected_status="eligible", at=FILED + timedelta(hours=30))
        claim.refresh_from_db()
        assert (claim.status, amounts(claim)[0]) == ("approved", 35_000)
        assert used(network)["*"] == 35_000
        assert claim.adjudications.order_by("version").last().kind == ClaimAdjudication.Kind.CONFIRM
        assert ledger_agrees()

    def test_gives_an_eligible_claim_up(self, doctor, network):
        claim = file(
            doctor, network, "consultation", "2026-06-30", ("C2", 1, 70_000), is_predetermination=True
        )
        void_claim(actor=doctor, claim=claim, expected_status="eligible", at=FILED + timedelta(days=2))
        claim.refresh_from_db()
        assert claim.status == "rejected"
        assert used(network)["*"] == 0

    def test_lets_what_nobody_confirms_lapse(self, doctor, network):
        claim = file(
            doctor, network, "consultation", "2026-06-30", ("C2", 1, 70_000), is_predetermination=True
        )
        for hours, expired in ((71, 0), (73, 1), (74, 0)):
            at = FILED + timedelta(hours=hours)
            assert expire_eligible(actor=CLOCK, insurer=network.insurer, at=at) == expired
        claim.refresh_from_db()
        assert claim.status == "rejected"
        assert used(network)["*"] == 0

    def test_refuses_what_the_status_does_not_allow(self, visit, doctor):
        with pytest.raises(IllegalTransition):
            confirm_claim(actor=doctor, claim=visit, expected_status="approved", at=FILED)
