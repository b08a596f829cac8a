"""Payments, and what they leave due."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from apps.billing.models import LedgerRecord, Payment, PaymentAllocation
from apps.billing.selectors import balances_of
from apps.billing.services import ShareInput, credit_invoice, record_payment
from apps.billing.services.payments import NoSuchShare, Overpayment
from apps.core.errors import InvalidInput
from apps.core.transitions import IllegalTransition
from tests.billing.making import MAKER, make_draft, make_issued
from tests.billing.test_issue_invoice import execute


@pytest.fixture
def invoice(patient, practitioner, insurer, at):
    """An invoice of 50.00 of which an insurer owes 30.00."""
    share = ShareInput(payer="insurer", insurer=insurer, kind="complementary", amount=3000)
    return make_issued(practitioner, patient, at, 5000, shares=[share])


@pytest.fixture
def pay(ben, invoice, at):
    """Pay at the front desk."""

    def record(amount, payer="patient", **fields):
        values = {"method": "card", "at": at} | fields
        return record_payment(actor=ben, invoice=invoice, payer=payer, amount=amount, **values)

    return record


class TestRecordPayment:
    def test_settles_the_patient_s_share_first_in_part_then_wholly(self, invoice, pay, insurer):
        pay(500)
        invoice.refresh_from_db()
        assert invoice.status == "partially_paid"

        pay(1500)
        pay(3000, payer="insurer", insurer=insurer, method="transfer", reference="VIR 12")
        invoice.refresh_from_db()

        assert invoice.status == "paid"
        assert [share.balance for share in invoice.shares.all().with_balance()] == [0, 0]

    def test_finds_the_only_insurer_by_itself(self, pay, insurer):
        assert pay(3000, payer="insurer", method="transfer").insurer == insurer

    def test_appends_to_the_ledger(self, invoice, pay):
        payment = pay(500)

        record = LedgerRecord.objects.get(object_id=payment.pk)
        assert (record.kind, record.sequence) == ("payment", 2)
        allocation = json.loads(record.payload)["allocations"][0]
        assert (allocation["amount"], allocation["share_id"]) == (
            500,
            str(payment.allocations.get().share_id),
        )

    def test_shows_in_the_patient_s_balance(self, invoice, patient, pay):
        pay(500)

        balance = balances_of(patient.practice_id, [patient.pk])[patient.pk]

        assert (balance.patient_due, balance.insurer_due, balance.credit) == (1500, 3000, 0)


class TestRefusals:
    def test_refuses_more_than_is_due(self, pay, invoice):
        with pytest.raises(Overpayment) as refusal:
            pay(2001)

        assert refusal.value.details == {"due": 2000, "currency": "EUR"}
        assert not Payment.objects.exists()

    def test_refuses_the_patient_the_insurer_s_share(self, pay):
        pay(2000)

        with pytest.raises(Overpayment):
            pay(1)

    def test_refuses_an_insurer_without_a_share(self, pay, other_insurer):
        with pytest.raises(NoSuchShare):
            pay(1, payer="insurer", insurer=other_insurer)

    def test_refuses_a_patient_who_names_an_insurer(self, pay, insurer):
        with pytest.raises(InvalidInput):
            pay(1, insurer=insurer)

    @pytest.mark.parametrize("amount", [0, -1])
    def test_refuses_no_amount(self, pay, amount):
        with pytest.raises(InvalidInput):
            pay(amount)

    def test_refuses_money_from_the_future(self, pay, at):
        with pytest.raises(InvalidInput):
            pay(1, received_on=at.date() + timedelta(days=1))

    def test_refuses_a_draft(self, ben, patient, practitioner, at):
        draft = make_draft(practitioner, patient, at, 5000)

        with pytest.raises(IllegalTransition):
            record_payment(actor=ben, invoice=draft, payer="patient", method="cash", amount=1, at=at)

    def test_refuses_a_credited_invoice(self, pay, invoice, at):
        credit_invoice(actor=MAKER, invoice=invoice, reason="Erreur", at=at)

        with pytest.raises(IllegalTransition):
            pay(1)

    def test_is_refused_by_the_database_as_well(self, acting, ana, invoice, pay, at):
        payment = pay(2000)

        with acting(ana), pytest.raises(IntegrityError, match="would be settled"), transaction.atomic():
            PaymentAllocation.objects.create(
                practice=invoice.practice,
                share=invoice.shares.get(payer="patient"),
                payment=payment,
                amount=1,
                allocated_at=at,
            )


class TestAppendOnly:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE billing_payment SET amount = 1",
            "UPDATE billing_payment SET method = 'cash'",
            "UPDATE billing_payment SET reference = 'x'",
            "DELETE FROM billing_payment",
            "UPDATE billing_paymentallocation SET amount = 1",
            "DELETE FROM billing_paymentallocation",
            "TRUNCATE billing_payment CASCADE",
        ],
    )
    def test_refuses(self, pay, statement):
        pay(500)

        with pytest.raises(IntegrityError), transaction.atomic():
            execute(statement)
