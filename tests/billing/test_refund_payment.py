"""Refunds."""

from __future__ import annotations

import pytest

from apps.billing.models import Payment
from apps.billing.selectors import balances_of, payments_for
from apps.billing.services import credit_invoice, record_payment, refund_payment
from apps.billing.services.refunds import RefundExceedsPayment, RefundNotRefundable
from apps.billing.verification import verify_practice
from apps.core.errors import InvalidInput
from tests.billing.making import MAKER, make_issued


@pytest.fixture
def invoice(patient, practitioner, at):
    return make_issued(practitioner, patient, at, 5000)


@pytest.fixture
def payment(ben, invoice, at):
    return record_payment(actor=ben, invoice=invoice, payer="patient", method="card", amount=3000, at=at)


@pytest.fixture
def refund(dora, payment, at):
    def give_back(**fields):
        return refund_payment(actor=dora, payment=payment, at=at, **({"reason": "Erreur"} | fields))

    return give_back


class TestRefundPayment:
    def test_makes_the_invoice_due_again(self, refund, invoice, patient, practice):
        given_back = refund()

        invoice.refresh_from_db()
        balance = balances_of(practice.pk, [patient.pk])[patient.pk]
        assert (given_back.amount, given_back.method) == (-3000, "card")
        assert (invoice.status, balance.patient_due, balance.credit) == ("issued", 5000, 0)
        assert verify_practice(practice.pk).finding is None

    def test_can_be_partial_and_by_another_method(self, refund, invoice, patient, practice):
        refund(amount=1000, method="cash")
        refund(amount=500)

        invoice.refresh_from_db()
        assert invoice.status == "partially_paid"
        assert balances_of(practice.pk, [patient.pk])[patient.pk].patient_due == 3500

    def test_takes_what_is_on_account_first(self, dora, refund, invoice, patient, payment, practice, at):
        credit_invoice(actor=MAKER, invoice=invoice, reason="Erreur", at=at)
        assert balances_of(practice.pk, [patient.pk])[patient.pk].credit == 3000

        refund()

        balance = balances_of(practice.pk, [patient.pk])[patient.pk]
        assert (balance.patient_due, balance.credit) == (0, 0)
        assert [row.unallocated for row in payments_for(viewer=dora)] == [0, 0]

    def test_refuses_more_than_is_left(self, refund):
        refund(amount=2000)

        with pytest.raises(RefundExceedsPayment) as refusal:
            refund(amount=1001)

        assert refusal.value.details == {"left": 1000, "currency": "EUR"}

    def test_refuses_to_refund_a_refund(self, dora, refund, at):
        with pytest.raises(RefundNotRefundable):
            refund_payment(actor=dora, payment=refund(), reason="x", at=at)

    def test_refuses_to_go_without_a_reason(self, refund):
        with pytest.raises(InvalidInput):
            refund(reason=" ")


class TestApi:
    def test_answers_the_refund(self, api, dora, payment):
        answer = api(dora).post(f"/api/v1/payments/{payment.pk}/refund", {"amount": 1000, "reason": "Erreur"})

        assert (answer.status_code, answer.json()["amount"]) == (201, -1000)
        assert answer.json()["refunds"] == str(payment.pk)

    def test_refuses_too_much(self, api, dora, payment):
        answer = api(dora).post(f"/api/v1/payments/{payment.pk}/refund", {"amount": 3001, "reason": "Erreur"})

        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "REFUND_EXCEEDS_PAYMENT")
        assert Payment.objects.count() == 1

    def test_is_the_manager_s_and_hidden_elsewhere(self, api, ana, cleo, payment):
        url = f"/api/v1/payments/{payment.pk}/refund"

        assert api(ana).post(url, {"reason": "x"}).status_code == 403
        assert api(cleo).post(url, {"reason": "x"}).status_code == 403
        assert api(cleo).get("/api/v1/payments").json()["count"] == 0

    def test_is_unknown_to_another_practice_s_manager(self, api, payment, other_house):
        from apps.accounts.roles import Role
        from tests.cast import make_user

        other = make_user("eve@test.test", Role.PRACTICE_ADMIN, "Eve", practice=other_house.practice)

        assert api(other).post(f"/api/v1/payments/{payment.pk}/refund", {"reason": "x"}).status_code == 404
