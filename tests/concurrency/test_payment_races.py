"""Payments in parallel never settle more than is due."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from django.db import IntegrityError

from apps.billing.models import Invoice, Payment, PaymentAllocation
from apps.billing.services import create_draft, credit_invoice, record_payment
from apps.billing.services import payments as payments_module
from apps.billing.services.lines import LineInput
from apps.clinical.services import cancel_treatment
from tests.billing.making import MAKER, make_acts, make_issued, make_patient, make_treatment
from tests.concurrency.test_numbering import race

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]

PEOPLE = 16


@pytest.fixture
def acts(db):
    return make_acts()


@pytest.fixture
def patient(practice, acts):
    return make_patient(practice)


@pytest.fixture
def invoice(patient, practitioner, at):
    """An invoice of 50.00, owed by the patient."""
    return make_issued(practitioner, patient, at, 5000)


def pay(invoice, at, amount=2000):
    return record_payment(actor=MAKER, invoice=invoice, payer="patient", method="card", amount=amount, at=at)


class TestParallelPayments:
    def test_settle_no_more_than_is_due(self, invoice, at):
        answers = race(lambda _: pay(invoice, at), range(PEOPLE))

        codes = Counter(getattr(answer, "code", "paid") for answer in answers)
        assert codes == {"paid": 2, "OVERPAYMENT": 14}
        assert sum(PaymentAllocation.objects.values_list("amount", flat=True)) == 4000

    def test_pay_an_invoice_wholly_once(self, invoice, at):
        race(lambda _: pay(invoice, at, 5000), range(PEOPLE))

        assert Payment.objects.count() == 1
        assert Invoice.objects.get().status == "paid"

    def test_would_break_without_the_lock(self, invoice, at, monkeypatch):
        real = payments_module.allocate

        def slow(*args, **kwargs):
            time.sleep(0.3)
            return real(*args, **kwargs)

        monkeypatch.setattr(payments_module, "allocate", slow)
        monkeypatch.setattr(payments_module, "locked", lambda invoice: Invoice.objects.get(pk=invoice.pk))
        answers = race(lambda _: pay(invoice, at), range(PEOPLE))

        # Only the database's own check is left: a fault for people instead of a sentence.
        assert any(isinstance(answer, IntegrityError) for answer in answers)

    def test_and_a_credit_leave_nothing_due_and_nothing_lost(self, invoice, at):
        def either(number):
            if number % 2:
                return pay(invoice, at, 5000)
            return credit_invoice(actor=MAKER, invoice=invoice, reason="Erreur", at=at)

        race(either, range(PEOPLE))

        settled = sum(PaymentAllocation.objects.values_list("amount", flat=True))
        assert settled == 5000
        assert Invoice.objects.get(kind="invoice").status == "credited"


class TestOneTreatment:
    def test_is_billed_once(self, acts, patient, practitioner, at):
        treatment = make_treatment(practitioner, patient, acts["HBJD001"], at)

        def bill(_):
            return create_draft(
                actor=MAKER,
                practice=patient.practice,
                patient=patient,
                practitioner=practitioner,
                lines=[LineInput(treatment=treatment)],
                at=at,
            )

        answers = race(bill, range(PEOPLE))

        codes = Counter(getattr(answer, "code", "billed") for answer in answers)
        assert codes == {"billed": 1, "TREATMENT_ALREADY_BILLED": 15}

    def test_is_billed_or_cancelled_but_not_both(self, acts, patient, practitioner, at):
        treatment = make_treatment(practitioner, patient, acts["HBJD001"], at)

        def either(number):
            if number % 2:
                return cancel_treatment(actor=MAKER, treatment=treatment, reason="Erreur", at=at)
            return create_draft(
                actor=MAKER,
                practice=patient.practice,
                patient=patient,
                practitioner=practitioner,
                lines=[LineInput(treatment=treatment)],
                at=at,
            )

        race(either, range(PEOPLE))

        treatment.refresh_from_db()
        assert (treatment.status == "cancelled") != Invoice.objects.exists()
