"""A paid reconciliation settles the insurer's shares of the invoices its claims were made from."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from apps.billing.models import Invoice, Payment
from apps.billing.services import ShareInput, credit_invoice, record_payment
from apps.billing.services.network_jobs import settle_network_invoices
from apps.insurance.models import Claim, Reconciliation
from apps.insurance.services.disputes import decide_dispute, open_dispute
from apps.insurance.services.settling import pay_reconciliation, send_reconciliation
from tests.billing.making import MAKER, make_issued
from tests.insurance.reconciliations.making import NOW, Network, generated, make_claim, make_network

DAY = NOW.date()


@pytest.fixture
def scene(db: None) -> Network:
    return make_network(
        currency="EUR", retentions=[{"code": "RS", "kind": "withholding_tax", "rate_bp": 1000}]
    )


@pytest.fixture
def invoice(patient, practitioner, scene, at) -> Invoice:
    """An invoice of 50.00 of which the network's insurer owes 30.00."""
    share = ShareInput(payer="insurer", insurer=scene.insurer, kind="complementary", amount=3000)
    return make_issued(practitioner, patient, at - timedelta(days=20), 5000, shares=[share])


def claim_of(scene: Network, invoice: Invoice, covered: int = 3000, **more: Any) -> Claim:
    return make_claim(
        scene, invoice.practice, covered, total=5000, source=("billing.invoice", invoice.pk), **more
    )


def paid(scene: Network) -> Reconciliation:
    row = send_reconciliation(actor=scene.head, reconciliation=generated(scene), at=NOW)
    return pay_reconciliation(
        actor=scene.head, reconciliation=row, payment_date=DAY, reference="VIR-1", at=NOW
    )


def balance_of(invoice: Invoice) -> dict[str, int]:
    return {share.payer: share.balance for share in invoice.shares.all().with_balance()}


class TestSettleNetworkInvoices:
    def test_settles_the_share_with_what_was_granted(self, scene, invoice) -> None:
        claim_of(scene, invoice)
        row = paid(scene)
        assert row.paid_amount == 2700
        assert balance_of(invoice) == {"insurer": 0, "patient": 2000}
        payment = Payment.objects.get()
        assert (payment.amount, payment.insurer, payment.reference, payment.method) == (
            3000,
            scene.insurer,
            "VIR-1",
            "transfer",
        )

    def test_leaves_the_share_of_a_claim_under_review_pending(self, scene, invoice, practitioner) -> None:
        claim_of(scene, invoice, status="pending_review")
        make_claim(scene, scene.doctor, 100)
        paid(scene)
        assert balance_of(invoice) == {"insurer": 3000, "patient": 2000}

    def test_records_a_payment_once(self, scene, invoice) -> None:
        claim_of(scene, invoice)
        row = paid(scene)
        settle_network_invoices(row, NOW)
        assert Payment.objects.count() == 1

    def test_does_not_let_one_invoice_hold_up_the_others(
        self, scene, invoice, patient, practitioner, at, caplog
    ) -> None:
        share = ShareInput(payer="insurer", insurer=scene.insurer, kind="complementary", amount=3000)
        credited = make_issued(practitioner, patient, at, 5000, shares=[share])
        credit_invoice(actor=MAKER, invoice=credited, reason="Erreur", at=at)
        claim_of(scene, credited)
        claim_of(scene, invoice)
        paid(scene)
        assert balance_of(invoice)["insurer"] == 0
        told = [record for record in caplog.records if record.message == "network_payment_not_settled"]
        assert [record.object_id for record in told] == [str(credited.pk)]

    def test_takes_no_more_than_is_still_due(self, scene, invoice) -> None:
        record_payment(actor=MAKER, invoice=invoice, payer="insurer", method="cheque", amount=1000, at=NOW)
        claim_of(scene, invoice)
        paid(scene)
        assert balance_of(invoice)["insurer"] == 0
        assert sorted(Payment.objects.values_list("amount", flat=True)) == [1000, 2000]

    def test_leaves_an_invoice_in_another_currency(self, invoice) -> None:
        dinars = make_network("TUN")
        claim_of(dinars, invoice)
        paid(dinars)
        assert balance_of(invoice)["insurer"] == 3000

    def test_waits_for_the_line_that_carries_a_disputed_one(self, scene, invoice) -> None:
        claim = claim_of(scene, invoice)
        row = send_reconciliation(actor=scene.head, reconciliation=generated(scene), at=NOW)
        line = row.lines.get(claim=claim)
        open_dispute(actor=scene.head, line=line, reason="Double", at=NOW)
        pay_reconciliation(actor=scene.head, reconciliation=row, payment_date=DAY, reference="VIR-1", at=NOW)
        assert balance_of(invoice)["insurer"] == 3000
        decide_dispute(
            actor=scene.second, line=line, verb="accept", outcome_amount=700, reason="En partie", at=NOW
        )
        later = NOW + timedelta(days=30)
        following = generated(scene, DAY, later.date(), at=later)
        send_reconciliation(actor=scene.head, reconciliation=following, at=later)
        pay_reconciliation(
            actor=scene.head,
            reconciliation=following,
            payment_date=later.date(),
            reference="VIR-2",
            at=later,
        )
        assert balance_of(invoice)["insurer"] == 700
