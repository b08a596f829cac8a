"""What an insurer takes back, or gives more, after it has paid: the invoice, the chain and the accounts follow."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import pytest

from apps.accounts.roles import Role
from apps.billing.accounting import entries
from apps.billing.models import InvoiceShare, NetworkSettlement, Payment, ShareTransfer
from apps.billing.services import (
    LineInput,
    ShareInput,
    create_draft,
    credit_invoice,
    issue_invoice,
    move_to_patient,
    record_payment,
)
from apps.billing.services.network_jobs import settle_network_invoices
from apps.billing.services.transfers import NothingToMove
from apps.billing.verification import verify_practice
from apps.insurance.models import Claim
from apps.insurance.services.coverages import link_coverage
from apps.insurance.services.disputes import decide_dispute, open_dispute
from apps.insurance.services.reconciling import generate_reconciliation
from apps.insurance.services.settling import pay_reconciliation, send_reconciliation
from apps.insurance.services.withdrawing import reverse_claim
from apps.insurance.verification import verify_insurer
from tests.billing.making import make_patient
from tests.cast import make_user
from tests.insurance.making import make_adherent, make_bareme, make_contract, make_convention

pytestmark = pytest.mark.django_db
PRICES = {"HBLD634": {"price": 50_000, "category": "dental"}}


@pytest.fixture
def write(insurer, practice, practitioner, acts, ana, at):
    """Issue a crown at 515.00 for a new patient; their contract pays 60 % of 500.00, the patient owes 215.00."""
    make_bareme(make_convention(insurer, practice), acts=PRICES, reference_prices={})
    share = ShareInput(payer="insurer", insurer=insurer, basis=InvoiceShare.Basis.NETWORK)

    def issue(number=1, at=at):
        patient = make_patient(practice, number)
        link_coverage(
            actor=ana, patient=patient, contract=make_contract(insurer, make_adherent(insurer)), at=at
        )
        draft = create_draft(
            actor=ana, practice=practice, patient=patient, practitioner=practitioner,
            lines=[LineInput(act=acts["HBLD634"], tooth="14")], shares=[share], at=at,
        )  # fmt: skip
        return issue_invoice(actor=ana, invoice=draft, at=at)

    return issue


@pytest.fixture
def reconcile(insurer, ines, at):
    """Reconcile and pay a month (0 is November) on the fifth of the next one."""

    def pay(month):
        first = date(2026 + (10 + month) // 12, 1 + (10 + month) % 12, 1)
        last = (first + timedelta(days=40)).replace(day=1) - timedelta(days=1)
        later = at + (last - at.date()) + timedelta(days=5)
        row = generate_reconciliation(
            actor=ines, insurer=insurer, period_start=first, period_end=last, at=later
        )
        send_reconciliation(actor=ines, reconciliation=row, at=later)
        return pay_reconciliation(
            actor=ines, reconciliation=row, payment_date=later.date(), reference=f"VIR-{month}", at=later
        )

    return pay


@pytest.fixture
def decide(insurer, ines, at):
    """Dispute the claim's line and accept so much of it, on the same day."""

    def dispute(row, invoice, opener, amount):
        line = row.lines.get(claim__source_id=invoice.pk)
        at = row.paid_at + timedelta(days=1)
        open_dispute(actor=opener, line=line, reason="Prix", amount=amount, at=at)
        decide_dispute(actor=ines, line=line, verb="accept", reason="Oui", at=at)

    return dispute


def balances(invoice):
    return {share.payer: share.balance for share in invoice.shares.all().with_balance()}


def accounts(practice):
    """Return each account's balance, debit less credit; refuse an entry that is not balanced."""
    sums = Counter()
    for entry in entries(practice=practice, first=date(2026, 11, 1), last=date(2027, 3, 31)):
        signed = [line.amount if line.is_debit else -line.amount for line in entry.lines]
        assert sum(signed) == 0, entry
        for line, amount in zip(entry.lines, signed, strict=True):
            sums[line.account] += amount
    return {account: amount for account, amount in sums.items() if amount}


def sound(practice, insurer):
    assert verify_practice(practice.pk).finding is None
    assert verify_insurer(insurer) == []


class TestLoweredAfterPayment:
    def test_takes_the_difference_back_and_it_is_due_again(
        self, write, reconcile, decide, practice, insurer, omar
    ):
        invoice, other = write(1), write(2)
        decide(reconcile(0), invoice, omar, 8_000)
        write(3, at=invoice.issued_at + timedelta(days=12))
        reconcile(1)

        assert balances(invoice) == {"insurer": 8_000, "patient": 21_500}
        assert balances(other) == {"insurer": 0, "patient": 21_500}
        refund = Payment.objects.get(amount=-8_000)
        assert (refund.insurer, refund.reference, refund.refunds.reference) == (insurer, "VIR-1", "VIR-0")
        row = NetworkSettlement.objects.get(invoice=invoice, reconciliation__payment_reference="VIR-1")
        assert (row.asked, row.settled, row.payment, row.code) == (-8_000, -8_000, refund, "")
        # Two crowns at 300.00 less 80.00 and the third one's 300.00 came in; the patients owe 215.00 each.
        assert accounts(practice) == {"411000": 64_500, "467110": 8_000, "512000": 82_000, "706000": -154_500}
        sound(practice, insurer)

    def test_is_the_patients_once_an_entry_is_posted(
        self, write, reconcile, decide, practice, insurer, omar, dora
    ):
        invoice = write(1)
        row = reconcile(0)
        with pytest.raises(NothingToMove):
            move_to_patient(actor=dora, invoice=invoice, reason="Trop tôt", at=row.paid_at)
        decide(row, invoice, omar, 8_000)
        write(2, at=invoice.issued_at + timedelta(days=12))
        later = reconcile(1).paid_at

        move_to_patient(actor=dora, invoice=invoice, reason="Litige perdu", at=later)

        assert balances(invoice) == {"insurer": 0, "patient": 29_500}
        assert ShareTransfer.objects.get().amount == 8_000
        assert accounts(practice)["411000"] == 29_500 + 21_500
        sound(practice, insurer)

    def test_is_taken_back_once_however_often_it_is_settled(
        self, write, reconcile, decide, practice, insurer, omar
    ):

        invoice = write(1)
        decide(reconcile(0), invoice, omar, 8_000)
        write(2, at=invoice.issued_at + timedelta(days=12))
        row = reconcile(1)
        settle_network_invoices(row, row.paid_at)
        assert Payment.objects.filter(amount__lt=0).count() == 1
        assert balances(invoice)["insurer"] == 8_000


class TestRaisedAfterPayment:
    def test_gives_back_to_the_patient_what_they_have_not_paid(
        self, write, reconcile, decide, practice, insurer
    ):
        invoice = write(1)
        opener = make_user("chef@dispute.test", Role.PRACTICE_ADMIN, "Chef", practice=practice)
        decide(reconcile(0), invoice, opener, 10_000)
        reconcile(1)

        assert balances(invoice) == {"insurer": 0, "patient": 11_500}
        assert accounts(practice) == {"411000": 11_500, "512000": 40_000, "706000": -51_500}
        sound(practice, insurer)

    def test_says_what_nobody_owed_any_more(self, write, reconcile, decide, practice, insurer, dora, at):
        invoice = write(1)
        record_payment(actor=dora, invoice=invoice, payer="patient", method="card", amount=20_000, at=at)
        opener = make_user("chef@dispute.test", Role.PRACTICE_ADMIN, "Chef", practice=practice)
        decide(reconcile(0), invoice, opener, 10_000)
        reconcile(1)

        assert balances(invoice) == {"insurer": 0, "patient": 0}
        row = NetworkSettlement.objects.get(asked=10_000)
        assert (row.settled, row.code) == (1_500, "OVERPAYMENT")
        sound(practice, insurer)


class TestReversed:
    def test_takes_all_of_it_back(self, write, reconcile, practice, insurer, ines, dora):
        invoice = write(1)
        paid = reconcile(0)
        reverse_claim(actor=ines, claim=Claim.objects.get(), reason="Erreur", at=paid.paid_at)
        write(2, at=invoice.issued_at + timedelta(days=12))
        write(3, at=invoice.issued_at + timedelta(days=12))
        later = reconcile(1).paid_at

        assert balances(invoice) == {"insurer": 30_000, "patient": 21_500}
        move_to_patient(actor=dora, invoice=invoice, reason="Pas assuré", at=later)
        assert balances(invoice) == {"insurer": 0, "patient": 51_500}
        sound(practice, insurer)

    def test_of_a_credited_invoice_gives_the_money_back(self, write, reconcile, practice, insurer, ana):
        invoice = write(1)
        paid = reconcile(0)
        credit_invoice(actor=ana, invoice=invoice, reason="Erreur", at=paid.paid_at)
        # The insurer's money waits until it takes it back.
        assert accounts(practice) == {"467110": -30_000, "512000": 30_000}
        write(2, at=invoice.issued_at + timedelta(days=12))
        write(3, at=invoice.issued_at + timedelta(days=12))
        reconcile(1)

        assert balances(invoice) == {"insurer": 0, "patient": 0}
        assert accounts(practice) == {"411000": 43_000, "512000": 60_000, "706000": -103_000}
        sound(practice, insurer)
