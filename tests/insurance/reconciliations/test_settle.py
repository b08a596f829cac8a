"""Sending, paying and cancelling reconciliations."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apps.core.errors import InvalidInput
from apps.core.transitions import IllegalTransition
from apps.insurance.models import Claim, ClaimReview, Reconciliation, ReconciliationLine, Retention
from apps.insurance.services.settling import (
    AlreadyCarried,
    PaymentReferenceUsed,
    ReviewerMayNotPay,
    cancel_reconciliation,
    pay_reconciliation,
    send_reconciliation,
)
from tests.insurance.reconciliations.making import (
    NOW,
    Network,
    acting,
    generated,
    make_claim,
    make_network,
    worked_case,
)

pytestmark = pytest.mark.django_db
DAY = date(2026, 12, 1)


@pytest.fixture
def scene(db: None) -> Network:
    return make_network()


def sent(scene: Network, **period: Any) -> Reconciliation:
    return send_reconciliation(actor=scene.head, reconciliation=generated(scene, **period), at=NOW)


def pay(scene: Network, row: Reconciliation, reference: str = "VIR-1", **more: Any) -> Reconciliation:
    values = {"actor": scene.head, "payment_date": DAY, "at": NOW, **more}
    return pay_reconciliation(reconciliation=row, reference=reference, **values)


class TestSend:
    def test_needs_a_generated_one(self, scene) -> None:
        worked_case(scene)
        row = sent(scene)
        assert (row.status, row.sent_at, row.sent_by) == ("sent", NOW, scene.head)
        with pytest.raises(IllegalTransition):
            send_reconciliation(actor=scene.head, reconciliation=row, at=NOW)


class TestPay:
    def test_settles_the_claims(self, scene) -> None:
        worked_case(scene)
        row = pay(scene, sent(scene))
        assert (row.status, row.paid_amount, row.disputed_amount) == ("paid", 5_426_049, 0)
        assert set(Claim.objects.values_list("status", "paid_at")) == {("paid", NOW)}

    def test_needs_a_sent_one(self, scene) -> None:
        worked_case(scene)
        with pytest.raises(IllegalTransition) as refused:
            pay(scene, generated(scene))
        assert refused.value.details["allowed"] == ["send", "cancel"]

    def test_changes_nothing_when_it_is_repeated(self, scene) -> None:
        worked_case(scene)
        row = pay(scene, sent(scene))
        again = pay(scene, row, at=NOW + timedelta(hours=1))
        assert again.paid_at == NOW
        with pytest.raises(IllegalTransition):
            pay(scene, row, "VIR-2")

    def test_takes_a_reference_once(self, scene) -> None:
        make_claim(scene, scene.doctor, 100)
        pay(scene, sent(scene, first=date(2026, 11, 1), last=date(2026, 11, 10)))
        make_claim(scene, scene.doctor, 100, at=datetime(2026, 11, 12, 9, tzinfo=UTC))
        with pytest.raises(PaymentReferenceUsed):
            pay(scene, sent(scene, first=date(2026, 11, 11)))

    @pytest.mark.parametrize(
        "wrong",
        [{"reference": " "}, {"payment_date": date(2026, 12, 2)}, {"payment_date": date(2026, 11, 30)}],
    )
    def test_refuses_a_payment_that_cannot_be(self, scene, wrong) -> None:
        worked_case(scene)
        row = sent(scene)
        with pytest.raises(InvalidInput):
            pay(scene, row, **({"reference": "VIR"} | wrong))

    def test_refuses_who_reviewed_one_of_its_claims(self, scene) -> None:
        claim = make_claim(scene, scene.doctor, 100, status="pending_review")
        with acting():
            ClaimReview.objects.create(
                insurer=scene.insurer, claim=claim, verb="approve", by=scene.head, decided_at=NOW
            )
            claim.status, claim.validated_at = "approved", datetime(2026, 11, 10, tzinfo=UTC)
            claim.save()
        row = sent(scene)
        with pytest.raises(ReviewerMayNotPay):
            pay(scene, row)
        assert pay(scene, row, actor=scene.second).status == "paid"

    def test_is_final(self, scene) -> None:
        worked_case(scene)
        row = pay(scene, sent(scene))
        for change in (
            "UPDATE insurance_reconciliation SET total_covered = total_covered + 1",
            "UPDATE insurance_reconciliation SET status = 'generated', sent_at = null",
            "UPDATE insurance_reconciliation SET paid_amount = 0, disputed_amount = total_net_payable",
            "UPDATE insurance_reconciliationline SET covered = covered + 1, net = net + 1",
            "UPDATE insurance_reconciliationprovider SET covered = covered + 1, net = net + 1",
            "UPDATE insurance_retention SET amount = 0",
            "DELETE FROM insurance_reconciliationline",
            "UPDATE insurance_claim SET status = 'approved'",
            "UPDATE insurance_claim SET reconciliation_id = NULL",
            "UPDATE insurance_claim SET covered_amount = 0, copay_amount = total_amount",
            "UPDATE insurance_claim SET validated_at = now()",
        ):
            with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(change)
        with pytest.raises(IllegalTransition):
            cancel_reconciliation(actor=scene.head, reconciliation=row, reason="Erreur", at=NOW)

    def test_releases_a_guarantee_once_it_is_due(self) -> None:
        guarantee = {"code": "GAR", "kind": "guarantee", "rate_bp": 500, "release_after_days": 10}
        scene = make_network(retentions=[guarantee])
        make_claim(scene, scene.doctor, 10_000)
        first = sent(scene, first=date(2026, 11, 1), last=date(2026, 11, 10))
        assert first.total_net_payable == 9_500
        make_claim(scene, scene.doctor, 20_000, at=datetime(2026, 11, 12, 9, tzinfo=UTC))
        # Not paid yet: what was never kept back is not given back.
        unpaid = generated(scene, date(2026, 11, 11), date(2026, 11, 20))
        assert unpaid.total_releases == 0
        cancel_reconciliation(actor=scene.head, reconciliation=unpaid, reason="Trop tôt", at=NOW)
        pay(scene, first)
        second = generated(scene, date(2026, 11, 11), date(2026, 11, 20))
        assert (second.total_retentions, second.total_releases, second.total_net_payable) == (
            1_000,
            500,
            19_500,
        )
        assert Retention.objects.get(reconciliation=first).released_in == second
        cancel_reconciliation(actor=scene.head, reconciliation=second, reason="Erreur", at=NOW)
        assert Retention.objects.get(reconciliation=first).released_in is None


class TestCancel:
    def test_sets_the_claims_free(self, scene) -> None:
        worked_case(scene)
        row = generated(scene)
        cancel_reconciliation(actor=scene.head, reconciliation=row, reason="Mauvaise période", at=NOW)
        assert not Claim.objects.exclude(reconciliation=None, status="approved").exists()
        assert not ReconciliationLine.objects.live().exists()
        again = generated(scene)
        assert (again.number, again.total_net_payable) == ("BRD-STAR-202611-0002", 5_426_049)

    def test_needs_a_reason_and_a_generated_one(self, scene) -> None:
        worked_case(scene)
        row = generated(scene)
        with pytest.raises(InvalidInput):
            cancel_reconciliation(actor=scene.head, reconciliation=row, reason=" ", at=NOW)
        send_reconciliation(actor=scene.head, reconciliation=row, at=NOW)
        with pytest.raises(IllegalTransition):
            cancel_reconciliation(actor=scene.head, reconciliation=row, reason="Erreur", at=NOW)

    def test_refuses_while_a_later_one_took_over_its_debts(self, scene) -> None:
        paid = make_claim(scene, scene.pharmacy, 1_000)
        pay(scene, sent(scene, first=date(2026, 11, 1), last=date(2026, 11, 10)))
        at = datetime(2026, 11, 12, 9, tzinfo=UTC)
        make_claim(scene, scene.pharmacy, -1_000, at=at, reversal_of=paid)
        second = generated(scene, date(2026, 11, 11), date(2026, 11, 20))
        assert second.total_carried_out == 1_000
        make_claim(scene, scene.pharmacy, 400, at=datetime(2026, 11, 22, 9, tzinfo=UTC))
        third = generated(scene, date(2026, 11, 21), date(2026, 11, 30))
        assert third.total_carried_out == 600
        with pytest.raises(AlreadyCarried):
            cancel_reconciliation(actor=scene.head, reconciliation=second, reason="Erreur", at=NOW)
        cancel_reconciliation(actor=scene.head, reconciliation=third, reason="Erreur", at=NOW)
        cancel_reconciliation(actor=scene.head, reconciliation=second, reason="Erreur", at=NOW)
