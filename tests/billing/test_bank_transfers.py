"""Insurers' transfers: one amount, many invoices, all or nothing."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.billing.bank_transfers import lines_of, transfers_for
from apps.billing.models import InsurerTransfer, LedgerRecord, Payment
from apps.billing.services import ShareInput, credit_invoice, record_payment
from apps.billing.services.bank_transfers import (
    TransferDoesNotAddUp,
    TransferExists,
    TransferRefused,
    record_transfer,
)
from apps.billing.verification import verify_practice
from apps.core.errors import InvalidInput
from tests.admin.conftest import browser
from tests.billing.making import MAKER, make_draft, make_issued, make_patient
from tests.billing.test_admin import address
from tests.billing.test_issue_invoice import execute

__all__ = ["browser"]

URL = "/api/v1/insurer-transfers"


@pytest.fixture
def owed(patient, practitioner, insurer, at):
    """Invoices of 50.00 of which the insurer owes so much."""

    def make(*parts, who=patient, when=at):
        return [
            make_issued(
                practitioner,
                who,
                when,
                5000,
                shares=[ShareInput(payer="insurer", insurer=insurer, amount=part)],
            )
            for part in parts
        ]

    return make


@pytest.fixture
def transfer(ben, practice, insurer, at):
    def record(amount, lines, reference="VIR 2026-11", **fields):
        return record_transfer(
            actor=ben,
            practice=practice,
            insurer=insurer,
            reference=reference,
            amount=amount,
            amounts={invoice.pk: part for invoice, part in lines.items()},
            at=at,
            **fields,
        )

    return record


@pytest.mark.django_db
class TestRecordTransfer:
    def test_pays_many_invoices_in_part_and_wholly(self, ben, owed, transfer, practice):
        whole, part, all_of_it = owed(1000, 2000, 5000)

        made = transfer(7500, {whole: None, part: 1500, all_of_it: 5000})

        report = lines_of(transfers_for(viewer=ben).get(pk=made.pk))
        assert [(line.invoice.number, line.payment.amount, line.balance) for line in report] == [
            ("FA-2026-000001", 1000, 0),
            ("FA-2026-000002", 1500, 500),
            ("FA-2026-000003", 5000, 0),
        ]
        assert [line.invoice.status for line in report] == ["partially_paid", "partially_paid", "paid"]
        assert {(p.method, p.payer, p.reference) for p in made.payments.all()} == {
            ("transfer", "insurer", "VIR 2026-11")
        }
        assert LedgerRecord.objects.filter(kind="payment").count() == 3
        assert verify_practice(practice.pk).finding is None

    def test_pays_both_schemes_of_one_insurer_in_their_order(
        self, ben, transfer, patient, practitioner, insurer, at
    ):
        shares = [
            ShareInput(payer="insurer", insurer=insurer, kind=kind, amount=1000)
            for kind in ("mandatory", "complementary")
        ]
        invoice = make_issued(practitioner, patient, at, 5000, shares=shares)

        transfer(1500, {invoice: 1500})

        assert [share.balance for share in invoice.shares.with_balance().order_by("position")] == [
            0,
            500,
            3000,
        ]

    def test_refuses_the_same_reference_again_however_it_is_written(self, owed, transfer):
        first, second = owed(1000, 1000)
        made = transfer(1000, {first: None})

        with pytest.raises(TransferExists) as refusal:
            transfer(1000, {second: None}, reference="  vir   2026-11 ")

        assert refusal.value.details["transfer"] == str(made.pk)
        assert Payment.objects.count() == 1

    def test_takes_the_same_reference_of_another_insurer(
        self, ben, practice, owed, transfer, patient, practitioner, other_insurer, at
    ):
        transfer(1000, {owed(1000)[0]: None})
        share = ShareInput(payer="insurer", insurer=other_insurer, amount=10)
        invoice = make_issued(practitioner, patient, at, 100, shares=[share])

        record_transfer(
            actor=ben,
            practice=practice,
            insurer=other_insurer,
            reference="VIR 2026-11",
            amount=10,
            amounts={invoice.pk: None},
            at=at,
        )

        assert InsurerTransfer.objects.count() == 2

    @pytest.mark.parametrize("amount", [999, 1001])
    def test_refuses_lines_that_do_not_add_up(self, owed, transfer, amount):
        with pytest.raises(TransferDoesNotAddUp) as refusal:
            transfer(amount, {owed(1000)[0]: None})

        assert refusal.value.details["total"] == 1000
        assert not InsurerTransfer.objects.exists()

    def test_names_every_line_at_fault_and_writes_nothing(
        self, ben, owed, transfer, patient, practitioner, other_insurer, at
    ):
        good, over, paid, credited = owed(1000, 1000, 1000, 1000)
        record_payment(actor=ben, invoice=paid, payer="insurer", method="transfer", amount=1000, at=at)
        note = credit_invoice(actor=MAKER, invoice=credited, reason="Erreur", at=at)
        share = ShareInput(payer="insurer", insurer=other_insurer, amount=10)
        foreign = make_issued(practitioner, patient, at, 100, shares=[share])
        draft = make_draft(practitioner, patient, at, 100)
        before = Payment.objects.count()

        with pytest.raises(TransferRefused) as refusal:
            transfer(5000, {good: 1000, over: 1001, paid: None, credited: 1, note: 1, foreign: 1, draft: 1})

        found = {(line["invoice"], line["code"], line["due"]) for line in refusal.value.details["lines"]}
        assert found == {
            (str(over.pk), "OVERPAYMENT", 1000),
            (str(paid.pk), "OVERPAYMENT", 0),
            (str(credited.pk), "ILLEGAL_TRANSITION", None),
            (str(note.pk), "CREDIT_NOTE_NOT_PAYABLE", None),
            (str(foreign.pk), "NO_SUCH_SHARE", None),
            (str(draft.pk), "ILLEGAL_TRANSITION", None),
        }
        assert Payment.objects.count() == before
        assert not InsurerTransfer.objects.exists()

    @pytest.mark.parametrize("fields", [{"reference": " "}, {"received_on": 1}, {"amount": 0}, {"lines": {}}])
    def test_refuses_what_makes_no_transfer(self, owed, transfer, at, fields):
        if "received_on" in fields:
            fields = {"received_on": at.date() + timedelta(days=1)}
        lines = fields.pop("lines", {owed(1000)[0]: None})

        with pytest.raises(InvalidInput):
            transfer(fields.pop("amount", 1000), lines, **fields)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE billing_insurertransfer SET amount = 1",
            "DELETE FROM billing_insurertransfer",
            "UPDATE billing_payment SET transfer_id = NULL",
        ],
    )
    def test_is_append_only(self, owed, transfer, statement):
        transfer(1000, {owed(1000)[0]: None})

        with pytest.raises(IntegrityError), transaction.atomic():
            execute(statement)

    def test_reads_in_constant_queries_and_chains_each_payment(self, owed, transfer):
        rows = owed(*[1000] * 51)

        def queries(chosen, reference):
            with CaptureQueriesContext(connection) as seen:
                transfer(1000 * len(chosen), dict.fromkeys(chosen), reference=reference)
            return len(seen)

        one = queries(rows[:1], "A")
        fifty = queries(rows[1:], "B")
        # Each further payment costs its link of the chain: the counter, the link before, the row.
        assert fifty - one <= 49 * 3


@pytest.fixture
def body(owed, insurer):
    invoices = owed(1000, 2000, when=timezone.now())
    return {
        "insurer": str(insurer.pk),
        "reference": "VIR 88",
        "amount": 2500,
        "lines": [
            {"invoice": str(invoices[0].pk)},
            {"invoice": str(invoices[1].pk), "amount": 1500},
        ],
    }


def code_of(answer):
    return answer.json()["error"]["code"]


@pytest.mark.django_db
class TestApi:
    def test_reports_line_by_line(self, api, ben, body, insurer, patient):
        client = api(ben)

        answer = client.post(URL, body, HTTP_IDEMPOTENCY_KEY="virement-88")

        assert answer.status_code == 201, answer.json()
        got = answer.json()
        assert (got["amount"], got["invoices"], got["insurer_name"]) == (2500, 2, insurer.name)
        assert [(line["amount"], line["balance"], line["status"]) for line in got["lines"]] == [
            (1000, 0, "partially_paid"),
            (1500, 500, "partially_paid"),
        ]
        assert got["lines"][0]["patient"]["id"] == str(patient.pk)
        assert client.get(f"{URL}/{got['id']}").json() == got
        again = client.post(URL, body, HTTP_IDEMPOTENCY_KEY="virement-88")
        assert (again.status_code, again.json()["id"]) == (201, got["id"])
        listed = client.get(f"{URL}?insurer={insurer.pk}&reference=vir 88").json()["results"]
        assert [row["id"] for row in listed] == [got["id"]]
        assert "lines" not in listed[0]
        once_more = client.post(URL, body)
        assert (once_more.status_code, code_of(once_more)) == (409, "TRANSFER_EXISTS")

    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"reference": ""}, 400, "VALIDATION_ERROR"),
            ({"amount": 0}, 400, "VALIDATION_ERROR"),
            ({"amount": 25.5}, 400, "VALIDATION_ERROR"),
            ({"lines": []}, 400, "VALIDATION_ERROR"),
            ({"lines": [{}]}, 400, "VALIDATION_ERROR"),
            ({"lines": [{"invoice": "0192d3c4-0000-7000-8000-000000000000"}]}, 400, "VALIDATION_ERROR"),
            ({"received_on": "2999-01-01"}, 400, "VALIDATION_ERROR"),
            ({"amount": 2501}, 409, "TRANSFER_MISMATCH"),
        ],
    )
    def test_refuses_bad_input_and_writes_nothing(self, api, ben, body, change, status, code):
        answer = api(ben).post(URL, body | change)

        assert (answer.status_code, code_of(answer)) == (status, code)
        assert not InsurerTransfer.objects.exists()

    def test_tells_which_lines_are_over_due(self, api, ben, body):
        body["lines"][1]["amount"] = 2001

        answer = api(ben).post(URL, body)

        assert (answer.status_code, code_of(answer)) == (409, "TRANSFER_REFUSED")
        assert [(line["code"], line["due"]) for line in answer.json()["error"]["details"]["lines"]] == [
            ("OVERPAYMENT", 2000)
        ]

    def test_names_each_invoice_once(self, api, ben, body):
        body["lines"][1] = body["lines"][0]

        assert api(ben).post(URL, body).status_code == 400

    def test_is_unknown_to_another_practice(self, api, ben, cleo, body):
        client = api(cleo)

        assert client.post(URL, body).status_code == 400
        made = api(ben).post(URL, body).json()["id"]
        assert client.get(f"{URL}/{made}").status_code == 404
        assert client.get(URL).json()["count"] == 0

    def test_costs_the_same_queries_with_many_lines_and_many_transfers(self, api, ben, owed, transfer):
        rows = owed(*[1000] * 52)
        client = api(ben)

        def queries(url):
            with CaptureQueriesContext(connection) as seen:
                assert client.get(url).status_code == 200
            return len(seen)

        small = transfer(1000, {rows[0]: None}, reference="S")
        queries(f"{URL}/{small.pk}")
        one = queries(f"{URL}/{small.pk}"), queries(URL)
        large = transfer(50_000, dict.fromkeys(rows[2:]), reference="L")
        for n in range(20):
            transfer(1, {rows[1]: 1}, reference=f"T{n}")
        assert (queries(f"{URL}/{large.pk}"), queries(URL)) == one


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def test_one_of_them_is_recorded(self, owed, transfer, practice):
        invoice = owed(1000)[0]
        results, gate = [], threading.Barrier(4)

        def work(reference):
            try:
                gate.wait()
                transfer(1000, {invoice: 1000}, reference=reference)
                results.append("done")
            except (TransferExists, TransferRefused) as refusal:
                results.append(refusal.code)
            finally:
                connection.close()

        threads = [threading.Thread(target=work, args=(name,)) for name in ("A", "A", "B", "C")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert sorted(results).count("done") == 1
        assert len(results) == 4
        assert Payment.objects.count() == InsurerTransfer.objects.count() == 1
        assert verify_practice(practice.pk).finding is None


@pytest.mark.django_db
class TestAdmin:
    def form(self, insurer, paid):
        return {
            "insurer": str(insurer.pk),
            "reference": "VIR 9",
            "sum": "25,00",
            "received_on": "",
            "paid": paid,
        }

    def test_records_lines_by_number(self, browser, ben, owed, insurer):
        first, second = owed(1000, 2000)
        client = browser(ben)

        answer = client.post(
            address("insurertransfer_add"),
            self.form(insurer, f"{first.number}\n\n{second.number.lower()}  15,00 €\n"),
        )

        assert answer.status_code == 302, answer.content.decode()[:3000]
        made = InsurerTransfer.objects.get()
        page = client.get(address("insurertransfer_change", made.pk)).content.decode()
        for text in (first.number, second.number, "10,00\u00a0€", "15,00\u00a0€", "5,00\u00a0€"):
            assert text in page
        assert "VIR 9" in client.get(address("insurertransfer_changelist")).content.decode()

    def test_offers_what_each_insurer_owes(self, browser, ben, owed, transfer, insurer):
        first, second, paid = owed(1000, 4321, 500)
        transfer(500, {paid: None})
        client, page = browser(ben), address("insurertransfer_add")

        offer = client.get(page)
        chosen = client.get(page, {"insurer": str(insurer.pk)}).context["adminform"].form

        assert [(row["name"], row["count"]) for row in offer.context["owing"]] == [(insurer.name, 2)]
        lines = chosen.initial["paid"].replace("\u202f", " ").replace("\xa0", " ").splitlines()
        assert lines == [f"{first.number} 10,00", f"{second.number} 43,21"]
        answer = client.post(page, self.form(insurer, chosen.initial["paid"]) | {"sum": "53,21"})
        assert answer.status_code == 302
        assert client.get(page).context["owing"] == []

    @pytest.mark.parametrize("paid", ["FA-1999-000001", "<n> abc", "<n>\n<n>", "<n> 9,00"])
    def test_shows_the_form_again_when_a_line_is_wrong(self, browser, ben, owed, insurer, paid):
        number = owed(1000)[0].number

        answer = browser(ben).post(
            address("insurertransfer_add"), self.form(insurer, paid.replace("<n>", number))
        )

        assert answer.status_code == 200
        assert not InsurerTransfer.objects.exists()

    def test_hides_another_practice_s(self, browser, cleo, owed, transfer):
        made = transfer(1000, {owed(1000)[0]: None})

        assert browser(cleo).get(address("insurertransfer_change", made.pk)).status_code in (302, 404)


@pytest.mark.django_db
def test_a_closed_file_is_left_out_of_the_report(api, ben, dora, owed, transfer, acting, practice):
    who = make_patient(practice, number=7, email="z@test.test")
    made = transfer(3000, {owed(1000)[0]: None, owed(2000, who=who)[0]: None})
    with acting(dora):
        type(who).objects.filter(pk=who.pk).update(restricted_at=timezone.now())

    assert len(api(ben).get(f"{URL}/{made.pk}").json()["lines"]) == 1
    assert len(api(dora).get(f"{URL}/{made.pk}").json()["lines"]) == 2
