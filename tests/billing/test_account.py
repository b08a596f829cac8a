"""Money on account: put there on purpose, used for invoices later, given back."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.billing.models import AccountUse, LedgerRecord, Payment, PaymentAllocation
from apps.billing.selectors import balances_of, payments_for
from apps.billing.services import credit_invoice, record_payment, refund_payment
from apps.billing.services.account import (
    AccountExceeded,
    InvoiceOfAnotherPatient,
    put_on_account,
    use_account,
    use_account_for_oldest,
)
from apps.billing.services.payments import Overpayment
from apps.billing.statements import statement_of
from apps.billing.verification import verify_practice
from apps.core.errors import InvalidInput
from apps.core.transitions import IllegalTransition
from tests.admin.conftest import browser
from tests.billing.making import MAKER, make_draft, make_issued, make_patient
from tests.billing.test_admin import address
from tests.billing.test_issue_invoice import execute

__all__ = ["browser"]

URL = "/api/v1/payments"


@pytest.fixture
def invoice(patient, practitioner, at):
    return make_issued(practitioner, patient, at, 5000)


@pytest.fixture
def payment(ben, patient, at):
    """Eighty on account."""
    return put_on_account(actor=ben, patient=patient, method="card", amount=8000, at=at)


@pytest.fixture
def use(ben, payment, at):
    def settle(amounts, of=None, minutes=1):
        return use_account(
            actor=ben,
            payment=of or payment,
            amounts={invoice.pk: part for invoice, part in amounts.items()},
            at=at + timedelta(minutes=minutes),
        )

    return settle


def left(ben, payment):
    return payments_for(viewer=ben).get(pk=payment.pk).unallocated


def balance(patient):
    found = balances_of(patient.practice_id, [patient.pk])[patient.pk]
    return found.patient_due, found.credit


@pytest.mark.django_db
class TestPutOnAccount:
    def test_stands_on_the_account_and_in_the_ledger(self, ben, payment, patient, practice):
        assert (payment.payer, payment.currency, left(ben, payment)) == ("patient", "EUR", 8000)
        assert balance(patient) == (0, 8000)
        assert LedgerRecord.objects.get().kind == "payment"
        assert verify_practice(practice.pk).finding is None

    def test_is_said_by_the_statement(self, payment, invoice, patient, at):
        page = statement_of(patient=patient, at=at)

        assert (page.credit, page.due) == ("80,00\u00a0€", "0,00\u00a0€")

    @pytest.mark.parametrize("fields", [{"amount": 0}, {"amount": -1}, {"days": 1}])
    def test_refuses_nothing_and_money_from_the_future(self, ben, patient, at, fields):
        day = at.date() + timedelta(days=fields.pop("days", 0))

        with pytest.raises(InvalidInput):
            put_on_account(
                actor=ben, patient=patient, method="cash", received_on=day, at=at, **({"amount": 1} | fields)
            )
        assert not Payment.objects.exists()

    def test_takes_what_an_invoice_leaves_when_told_to(self, ben, invoice, patient, practice, at):
        with pytest.raises(Overpayment):
            record_payment(actor=ben, invoice=invoice, payer="patient", method="card", amount=6000, at=at)

        paid = record_payment(
            actor=ben, invoice=invoice, payer="patient", method="card", amount=6000, on_account=True, at=at
        )

        assert (left(ben, paid), balance(patient)) == (1000, (0, 1000))
        assert verify_practice(practice.pk).finding is None

    def test_takes_nothing_an_insurer_overpays(self, ben, patient, practitioner, insurer, at):
        from apps.billing.services import ShareInput

        share = ShareInput(payer="insurer", insurer=insurer, amount=1000)
        owed = make_issued(practitioner, patient, at, 5000, shares=[share])

        with pytest.raises(Overpayment):
            record_payment(
                actor=ben,
                invoice=owed,
                payer="insurer",
                method="transfer",
                amount=1001,
                on_account=True,
                at=at,
            )


@pytest.mark.django_db
class TestUseAccount:
    def test_settles_invoices_in_part_and_wholly(
        self, ben, use, payment, invoice, patient, practitioner, practice, at
    ):
        other = make_issued(practitioner, patient, at, 4000)

        use({invoice: None, other: 1000})

        invoice.refresh_from_db(), other.refresh_from_db()
        assert (invoice.status, other.status) == ("paid", "partially_paid")
        assert (left(ben, payment), balance(patient)) == (2000, (3000, 2000))
        record = LedgerRecord.objects.get(kind="account_use")
        assert record.object_id == AccountUse.objects.get().pk
        assert verify_practice(practice.pk).finding is None

    def test_takes_what_is_left_without_an_amount(self, ben, use, payment, patient, practitioner, at):
        large = make_issued(practitioner, patient, at, 10000)

        assert use({large: None}).amount == 8000
        assert left(ben, payment) == 0

    def test_uses_what_a_credit_released(self, ben, use, invoice, patient, practitioner, practice, at):
        paid = record_payment(actor=ben, invoice=invoice, payer="patient", method="card", amount=5000, at=at)
        credit_invoice(actor=MAKER, invoice=invoice, reason="Erreur", at=at)
        other = make_issued(practitioner, patient, at, 4000)

        use({other: None}, of=paid)

        assert left(ben, paid) == 1000
        assert verify_practice(practice.pk).finding is None

    def test_can_be_given_back(self, ben, use, payment, invoice, patient, practice, at):
        use({invoice: 3000})

        refund_payment(actor=MAKER, payment=payment, amount=6000, reason="Trop", at=at + timedelta(hours=1))

        assert (left(ben, payment), balance(patient)) == (0, (3000, 0))
        assert verify_practice(practice.pk).finding is None

    def test_settles_the_oldest_first(self, ben, payment, patient, practitioner, practice, at):
        new = make_issued(practitioner, patient, at, 5000)
        old = make_issued(practitioner, patient, at - timedelta(days=40), 5000)

        use_account_for_oldest(actor=ben, payment=payment, at=at + timedelta(minutes=1))

        old.refresh_from_db(), new.refresh_from_db()
        assert (old.status, new.status) == ("paid", "partially_paid")
        assert verify_practice(practice.pk).finding is None

    def test_finds_a_use_that_was_tampered_with(self, use, payment, invoice, practice):
        use({invoice: 3000})

        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute("UPDATE billing_paymentallocation SET amount = 2999")
            cursor.execute("SET LOCAL session_replication_role = origin")

        assert verify_practice(practice.pk).finding is not None

    def test_costs_the_same_queries_but_for_the_invoices(
        self, use, payment, invoice, patient, practitioner, at
    ):
        rows = [make_issued(practitioner, patient, at, 10) for _ in range(11)]

        def queries(chosen):
            with CaptureQueriesContext(connection) as seen:
                use(dict.fromkeys(chosen, 10))
            return len(seen)

        one, ten = queries(rows[:1]), queries(rows[1:])
        # Each invoice: its shares, its allocation, its balance and status with their audit entries, its waiting reminders.
        assert (ten - one) / 9 <= 12


@pytest.mark.django_db
class TestRefusals:
    def test_refuses_more_than_is_left(self, use, payment, invoice, patient, practitioner, at):
        other = make_issued(practitioner, patient, at, 5000)

        with pytest.raises(AccountExceeded) as refusal:
            use({invoice: 4000, other: 4001})

        assert refusal.value.details["left"] == 8000
        assert not PaymentAllocation.objects.exists()

    def test_refuses_more_than_is_due(self, use, invoice):
        with pytest.raises(Overpayment):
            use({invoice: 5001})

    def test_refuses_an_empty_account(self, use, invoice, patient, practitioner, at):
        use({make_issued(practitioner, patient, at, 8000): None})

        with pytest.raises(AccountExceeded):
            use({invoice: None}, minutes=2)

    def test_refuses_another_patient_s_invoice(self, use, practice, practitioner, at):
        other = make_patient(practice, number=2, email="x@test.test")

        with pytest.raises(InvoiceOfAnotherPatient):
            use({make_issued(practitioner, other, at, 5000): 1})

    def test_refuses_drafts_credit_notes_and_refunds(
        self, use, ben, payment, invoice, patient, practitioner, at
    ):
        with pytest.raises(IllegalTransition):
            use({make_draft(practitioner, patient, at, 5000): 1})
        refund = refund_payment(actor=MAKER, payment=payment, amount=10, reason="x", at=at)
        with pytest.raises(AccountExceeded):
            use({invoice: 1}, of=refund)

    @pytest.mark.parametrize("amount", [0, -1])
    def test_refuses_no_amount(self, use, invoice, amount):
        with pytest.raises(InvalidInput):
            use({invoice: amount})

    def test_is_refused_by_the_database_as_well(self, acting, ana, payment, patient, practitioner, at):
        large = make_issued(practitioner, patient, at, 10000)

        with acting(ana), pytest.raises(IntegrityError, match="would settle"), transaction.atomic():
            PaymentAllocation.objects.create(
                practice=patient.practice,
                share=large.shares.get(),
                payment=payment,
                amount=8001,
                allocated_at=at,
            )

    @pytest.mark.parametrize(
        "statement", ["UPDATE billing_accountuse SET amount = 1", "DELETE FROM billing_accountuse"]
    )
    def test_is_append_only(self, use, invoice, statement):
        use({invoice: 1000})

        with pytest.raises(IntegrityError), transaction.atomic():
            execute(statement)


@pytest.fixture
def body(patient):
    return {"patient": str(patient.pk), "on_account": True, "method": "card", "amount": 8000}


def code_of(answer):
    return answer.json()["error"]["code"]


@pytest.mark.django_db
class TestApi:
    def test_puts_on_account_once_per_key_and_uses_it(self, api, ben, body, patient, practitioner):
        invoice = make_issued(practitioner, patient, timezone.now(), 5000)
        client = api(ben)

        answers = [client.post(URL, body, HTTP_IDEMPOTENCY_KEY="acompte-1") for _ in range(2)]

        assert [a.status_code for a in answers] == [201, 201]
        assert Payment.objects.count() == 1
        key = answers[0].json()["id"]
        assert (answers[0].json()["unallocated"], answers[0].json()["allocations"]) == (8000, [])
        assert [row["id"] for row in client.get(f"{URL}?on_account=true").json()["results"]] == [key]

        answer = client.post(f"{URL}/{key}/allocate", {"invoices": [{"invoice": str(invoice.pk)}]})

        assert (answer.status_code, answer.json()["unallocated"]) == (200, 3000)
        assert answer.json()["allocations"][0]["number"] == invoice.number
        assert client.get(f"{URL}/{key}").json() == answer.json()
        assert client.get(f"/api/v1/invoices/{invoice.pk}").json()["status"] == "paid"

    def test_is_never_silent(self, api, ben, body, patient, practitioner):
        client = api(ben)

        for mark in (False, None):
            assert client.post(URL, body | {"on_account": mark}).status_code == 400
        del body["on_account"]
        assert client.post(URL, body).status_code == 400
        invoice = make_issued(practitioner, patient, timezone.now(), 5000)
        pay = {"payer": "patient", "method": "card", "amount": 5001}
        answer = client.post(f"/api/v1/invoices/{invoice.pk}/payments", pay)
        assert (answer.status_code, code_of(answer)) == (409, "OVERPAYMENT")
        assert not Payment.objects.exists()
        answer = client.post(f"/api/v1/invoices/{invoice.pk}/payments", pay | {"on_account": True})
        assert (answer.status_code, answer.json()["unallocated"]) == (201, 1)

    @pytest.mark.parametrize(
        "change",
        [
            {"amount": 0},
            {"amount": 1.5},
            {"method": "gold"},
            {"received_on": "2999-01-01"},
            {"patient": "0192d3c4-0000-7000-8000-000000000000"},
        ],
    )
    def test_refuses_bad_input_and_writes_nothing(self, api, ben, body, change):
        answer = api(ben).post(URL, body | change)

        assert (answer.status_code, code_of(answer)) == (400, "VALIDATION_ERROR")
        assert not Payment.objects.exists()

    def test_refuses_bad_uses(self, api, ben, payment, invoice):
        client, url = api(ben), f"{URL}/{payment.pk}/allocate"
        one = {"invoice": str(invoice.pk)}

        for rows in (
            [],
            [one, one],
            [one | {"amount": 0}],
            [{"invoice": "0192d3c4-0000-7000-8000-000000000000"}],
            [{}],
        ):
            assert client.post(url, {"invoices": rows}).status_code == 400
        answer = client.post(url, {"invoices": [one | {"amount": 5001}]})
        assert (answer.status_code, code_of(answer)) == (409, "OVERPAYMENT")
        assert not PaymentAllocation.objects.exists()

    def test_is_unknown_to_another_practice(
        self, api, cleo, carl, ben, body, payment, invoice, other_practice
    ):
        client = api(cleo)

        assert client.post(URL, body).status_code == 400
        assert client.get(f"{URL}/{payment.pk}").status_code == 404
        uses = {"invoices": [{"invoice": str(invoice.pk)}]}
        assert client.post(f"{URL}/{payment.pk}/allocate", uses).status_code == 404
        theirs = put_on_account(
            actor=MAKER,
            patient=make_patient(other_practice),
            method="card",
            amount=100,
            at=timezone.now(),
        )
        assert client.post(f"{URL}/{theirs.pk}/allocate", uses).status_code == 400
        assert not PaymentAllocation.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def race(self, *works):
        results, gate = [], threading.Barrier(len(works))

        def run(work):
            try:
                gate.wait()
                work()
                results.append("done")
            except (AccountExceeded, Overpayment) as refusal:
                results.append(refusal.code)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return sorted(results)

    def test_the_account_is_used_once(self, ben, use, payment, patient, practitioner, practice, at):
        rows = [make_issued(practitioner, patient, at, 8000) for _ in range(4)]

        done = self.race(*[lambda row=row: use({row: 8000}) for row in rows])

        assert done == ["ACCOUNT_EXCEEDED"] * 3 + ["done"]
        assert left(ben, payment) == 0
        assert verify_practice(practice.pk).finding is None

    def test_a_use_and_a_refund_take_turns(self, ben, use, payment, invoice, practice, at):
        def refund():
            refund_payment(actor=MAKER, payment=payment, reason="x", at=at + timedelta(minutes=1))

        done = self.race(refund, lambda: use({invoice: 5000}))

        assert done in (["ACCOUNT_EXCEEDED", "done"], ["done", "done"])
        invoice.refresh_from_db()
        assert (invoice.status, left(ben, payment)) == ("issued", 0)
        assert verify_practice(practice.pk).finding is None


@pytest.mark.django_db
class TestAdmin:
    FORM = {"method": "card", "sum": "80,00", "received_on": "", "reference": ""}

    def test_puts_on_account_and_settles_what_is_open(self, browser, ben, patient, practitioner):
        client = browser(ben)
        form = self.FORM | {"patient": str(patient.pk), "payer": "patient", "on_account": "on"}

        answer = client.post(address("payment_add"), form)

        assert answer.status_code == 302, answer.content.decode()[:3000]
        payment = Payment.objects.get()
        page = client.get(address("payment_change", payment.pk)).content.decode()
        assert "80,00\u00a0€" in page
        invoice = make_issued(practitioner, patient, timezone.now(), 5000)
        data = {"action": "use_chosen", "_selected_action": [str(payment.pk)], "confirmed": "yes"}
        client.post(address("payment_changelist"), data, follow=True)
        invoice.refresh_from_db()
        assert invoice.status == "paid"

    def test_puts_the_rest_on_account(self, browser, ben, invoice, patient):
        form = self.FORM | {"invoice_number": invoice.number, "payer": "patient", "on_account": "on"}

        assert browser(ben).post(address("payment_add"), form).status_code == 302
        assert balance(patient) == (0, 3000)

    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"patient": "<patient>"},
            {"patient": "<patient>", "payer": "insurer", "on_account": "on"},
            {"invoice_number": "FA-2026-000001"},
        ],
        ids=["nobody", "not-meant", "insurer", "no-payer"],
    )
    def test_shows_the_form_again_when_it_is_not_meant(self, browser, ben, invoice, patient, change):
        change = {name: value.replace("<patient>", str(patient.pk)) for name, value in change.items()}

        assert browser(ben).post(address("payment_add"), self.FORM | change).status_code == 200
        assert not Payment.objects.exists()
