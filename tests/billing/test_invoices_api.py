"""Invoices over HTTP."""

from __future__ import annotations

import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AuditEntry
from apps.billing.models import BillingDocument, Invoice, Payment
from apps.billing.services import render_documents
from tests.billing.making import make_draft, make_issued, make_patient, make_treatment

URL = "/api/v1/invoices"


@pytest.fixture
def body(patient, practitioner):
    """A draft of one free line."""
    return {
        "patient": str(patient.pk),
        "practitioner": str(practitioner.pk),
        "items": [{"label": "Soin", "unit_price": 5000}],
    }


def code_of(answer):
    return answer.json()["error"]["code"]


class TestCreate:
    def test_answers_the_whole_draft(self, api, ana, acts, body, patient, practitioner, insurer, at):
        treatment = make_treatment(practitioner, patient, acts["HBLD634"], at.replace(year=2025), tooth="14")
        body["items"] = [
            {"treatment": str(treatment.pk)},
            {"act": str(acts["HN-BLANC"].pk), "discount": 4000},
        ]
        body["shares"] = [
            {"payer": "insurer", "insurer": str(insurer.pk), "kind": "mandatory", "amount": 7200}
        ]

        answer = api(ana).post(URL, body)

        assert answer.status_code == 201, answer.json()
        got = answer.json()
        assert (got["status"], got["number"], got["currency"]) == ("draft", None, "EUR")
        assert (got["total_amount"], got["net_amount"], got["vat_amount"]) == (87500, 81500, 6000)
        assert got["patient"] == {"id": str(patient.pk), "display_name": "Jeanne MARTIN"}
        assert [(s["payer"], s["insurer"], s["kind"], s["amount"], s["balance"]) for s in got["shares"]] == [
            ("insurer", str(insurer.pk), "mandatory", 7200, 7200),
            ("patient", None, None, 80300, 80300),
        ]
        assert (got["balance_patient"], got["balance_insurer"]) == (80300, 7200)
        assert [
            (i["code"], i["tooth"], i["quantity"], i["total_amount"], i["vat_code"]) for i in got["items"]
        ] == [
            ("HBLD634", "14", 1, 51500, "EXEMPT"),
            ("HN-BLANC", "", 1, 36000, "STD20"),
        ]

    def test_takes_the_caller_as_practitioner(self, api, ana, body, practitioner):
        del body["practitioner"]

        assert api(ana).post(URL, body).json()["practitioner"] == str(practitioner.pk)

    def test_costs_the_same_queries_however_many_lines(self, api, ana, acts, body, patient, practitioner, at):
        client = api(ana)

        def queries(count):
            done = [
                make_treatment(practitioner, patient, acts["HBJD001"], at.replace(year=2025))
                for _ in range(count)
            ]
            act = {"act": str(acts["HN-BLANC"].pk)}
            body["items"] = [*({"treatment": str(row.pk)} for row in done), *[act] * count]
            with CaptureQueriesContext(connection) as seen:
                answer = client.post(URL, body)
            assert answer.status_code == 201, answer.json()
            assert len(answer.json()["items"]) == 2 * count
            return len(seen)

        queries(1)
        assert queries(1) == queries(25)

    def test_names_each_line_whose_reference_cannot_be_seen(self, api, cleo, ana, acts, body):
        body["items"] = [
            {"act": str(acts["HN-BLANC"].pk)},
            {"act": str(uuid.uuid4())},
            {"treatment": "x"},
        ]

        answer = api(ana).post(URL, body)

        assert answer.status_code == 400
        assert sorted(answer.json()["error"]["details"]["items"]) == ["1", "2"]

    def test_is_done_once_per_idempotency_key(self, api, ana, body):
        client = api(ana)
        answers = [client.post(URL, body, HTTP_IDEMPOTENCY_KEY="draft-0001").json() for _ in range(2)]

        assert answers[0]["id"] == answers[1]["id"]
        assert Invoice.objects.count() == 1

    @pytest.mark.parametrize(
        ("item", "status", "code"),
        [
            ({"label": "Soin", "unit_price": -1}, 400, "VALIDATION_ERROR"),
            ({"label": "Soin", "unit_price": 1, "quantity": 0}, 400, "VALIDATION_ERROR"),
            ({"label": "Soin", "unit_price": 1, "quantity": 1.5}, 400, "VALIDATION_ERROR"),
            ({"label": "Soin", "unit_price": 10.5}, 400, "VALIDATION_ERROR"),
            ({"label": "Soin", "unit_price": 1, "discount": 2}, 400, "VALIDATION_ERROR"),
            ({"label": "Soin"}, 400, "VALIDATION_ERROR"),
            ({"unit_price": 1}, 400, "VALIDATION_ERROR"),
            ({"label": "Soin", "unit_price": 1, "currency": "TND"}, 400, "VALIDATION_ERROR"),
            ({"label": "Soin", "unit_price": 1, "performed_on": "2999-01-01"}, 400, "VALIDATION_ERROR"),
            ({"label": "Soin", "unit_price": 1, "vat_code": "STD19"}, 400, "VAT_CODE_UNKNOWN"),
            ({"label": "Soin", "unit_price": 1, "vat_code": "BY_INDICATION"}, 409, "VAT_REASON_REQUIRED"),
            ({"act": "HBLD634"}, 400, "TOOTH_REQUIRED"),
            ({"act": "HBLD634", "tooth": "26"}, 409, "TOOTH_NOT_ALLOWED"),
            ({"act": "HBLD634", "tooth": "14", "unit_price": 51501}, 409, "CAP_EXCEEDED"),
            ({"treatment": str(uuid.uuid4())}, 400, "VALIDATION_ERROR"),
        ],
    )
    def test_refuses_bad_lines_and_writes_nothing(self, api, ana, acts, body, item, status, code):
        if "act" in item:
            item = {**item, "act": str(acts[item["act"]].pk)}

        answer = api(ana).post(URL, {**body, "items": [item]})

        assert (answer.status_code, code_of(answer)) == (status, code)
        assert not Invoice.objects.exists()

    def test_refuses_shares_that_do_not_add_up(self, api, ana, body, insurer):
        body["shares"] = [{"payer": "insurer", "insurer": str(insurer.pk), "amount": 5001}]

        answer = api(ana).post(URL, body)

        assert (answer.status_code, code_of(answer)) == (409, "SHARES_MISMATCH")

    def test_is_not_for_the_front_desk(self, api, ben, body):
        assert api(ben).post(URL, body).status_code == 403

    def test_does_not_know_another_practice_s_rows(self, api, cleo, body, acts, patient, practitioner, at):
        treatment = make_treatment(practitioner, patient, acts["HBJD001"], at)
        body["items"] = [{"treatment": str(treatment.pk)}]

        answer = api(cleo).post(URL, body)

        assert answer.status_code == 400
        assert set(answer.json()["error"]["details"]) == {"patient", "practitioner", "items"}


class TestRead:
    def test_lists_the_practice_s_own_newest_first(
        self, api, ben, cleo, patient, practitioner, other_house, at
    ):
        first = make_issued(practitioner, patient, at, 100)
        second = make_draft(practitioner, patient, at, 200)
        make_issued(other_house.practitioners[0], make_patient(other_house.practice), at, 300)

        got = api(ben).get(URL).json()

        assert [row["id"] for row in got["results"]] == [str(second.pk), str(first.pk)]
        assert api(cleo).get(URL).json()["count"] == 1

    def test_costs_the_same_queries_for_one_row_and_for_fifty(self, api, ben, patient, practitioner, at):
        client = api(ben)
        make_issued(practitioner, patient, at, 100, 200)
        client.get(URL)
        counts = []
        for _ in range(2):
            with CaptureQueriesContext(connection) as queries:
                client.get(URL)
            counts.append(len(queries))
            for _ in range(49):
                make_draft(practitioner, patient, at, 100, 200, 300)

        assert len(client.get(URL).json()["results"]) == 50
        assert counts[0] == counts[1]

    def test_filters(self, api, ben, patient, practitioner, at):
        make_draft(practitioner, patient, at, 100)
        issued = make_issued(practitioner, patient, at, 100)
        client = api(ben)

        assert [r["id"] for r in client.get(f"{URL}?status=issued,paid").json()["results"]] == [
            str(issued.pk)
        ]
        assert client.get(f"{URL}?from=2026-11-23&to=2026-11-23").json()["count"] == 1
        assert client.get(f"{URL}?from=2026-11-24").json()["count"] == 0
        assert client.get(f"{URL}?patient={patient.pk}").json()["count"] == 2
        assert client.get(f"{URL}?colour=red").status_code == 400

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("get", ""),
            ("patch", ""),
            ("delete", ""),
            ("post", "/issue"),
            ("post", "/credit"),
            ("post", "/payments"),
            ("get", "/pdf"),
            ("get", "/facturx.xml"),
        ],
    )
    def test_hides_another_practice_s_invoice(self, api, cleo, patient, practitioner, at, method, path):
        invoice = make_issued(practitioner, patient, at, 100)

        answer = getattr(api(cleo), method)(f"{URL}/{invoice.pk}{path}", {})

        assert (answer.status_code, code_of(answer)) == (404, "NOT_FOUND")


class TestDraft:
    def test_can_be_changed_and_thrown_away(self, api, ana, patient, practitioner, at):
        draft = make_draft(practitioner, patient, at, 100)
        client = api(ana)

        changed = client.patch(f"{URL}/{draft.pk}", {"items": [{"label": "Autre", "unit_price": 700}]})
        gone = client.delete(f"{URL}/{draft.pk}")

        assert (changed.status_code, changed.json()["total_amount"]) == (200, 700)
        assert gone.status_code == 204
        assert not Invoice.objects.exists()

    @pytest.mark.parametrize("method", ["patch", "delete"])
    def test_can_not_once_issued(self, api, ana, patient, practitioner, at, method):
        invoice = make_issued(practitioner, patient, at, 100)

        answer = getattr(api(ana), method)(f"{URL}/{invoice.pk}", {"items": []})

        assert (answer.status_code, code_of(answer)) == (409, "INVOICE_NOT_DRAFT")


class TestIssueAndPay:
    def test_runs_from_draft_to_paid(self, api, ana, ben, body, insurer):
        body["shares"] = [
            {"payer": "insurer", "insurer": str(insurer.pk), "kind": "mandatory", "amount": 3000}
        ]
        draft = api(ana).post(URL, body).json()
        issued = api(ana).post(f"{URL}/{draft['id']}/issue").json()
        pay = {"payer": "patient", "method": "card", "amount": 2000}
        first = api(ben).post(f"{URL}/{draft['id']}/payments", pay)
        between = api(ben).get(f"{URL}/{draft['id']}").json()
        pay = {
            "payer": "insurer",
            "insurer": str(insurer.pk),
            "method": "transfer",
            "amount": 3000,
            "reference": "V1",
        }
        api(ben).post(f"{URL}/{draft['id']}/payments", pay)
        paid = api(ben).get(f"{URL}/{draft['id']}").json()

        assert issued["number"].startswith("FA-")
        assert first.status_code == 201
        assert first.json()["allocations"] == [
            {
                "invoice": draft["id"],
                "number": issued["number"],
                "share": issued["shares"][1]["id"],
                "amount": 2000,
            }
        ]
        assert (between["status"], between["balance_patient"], between["balance_insurer"]) == (
            "partially_paid",
            0,
            3000,
        )
        assert (paid["status"], paid["balance_patient"], paid["balance_insurer"]) == ("paid", 0, 0)
        assert [p["amount"] for p in paid["payments"]] == [2000, 3000]
        assert api(ben).get("/api/v1/payments").json()["count"] == 2

    def test_refuses_to_issue_nothing(self, api, ana, body):
        draft = api(ana).post(URL, {**body, "items": []}).json()

        answer = api(ana).post(f"{URL}/{draft['id']}/issue")

        assert (answer.status_code, code_of(answer)) == (409, "INVOICE_EMPTY")

    def test_refuses_to_issue_twice(self, api, ana, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 100)

        answer = api(ana).post(f"{URL}/{invoice.pk}/issue")

        assert (answer.status_code, code_of(answer)) == (409, "ILLEGAL_TRANSITION")
        assert answer.json()["error"]["details"]["allowed"] == ["pay", "credit"]

    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"amount": 5001}, 409, "OVERPAYMENT"),
            ({"amount": 0}, 400, "VALIDATION_ERROR"),
            ({"amount": -1}, 400, "VALIDATION_ERROR"),
            ({"amount": 1.5}, 400, "VALIDATION_ERROR"),
            ({"method": "gold"}, 400, "VALIDATION_ERROR"),
            ({"payer": "friend"}, 400, "VALIDATION_ERROR"),
            ({"payer": "insurer"}, 409, "NO_SUCH_SHARE"),
            ({"currency": "TND"}, 400, "VALIDATION_ERROR"),
            ({"received_on": "2999-01-01"}, 400, "VALIDATION_ERROR"),
        ],
    )
    def test_refuses_bad_payments_and_writes_nothing(
        self, api, ben, patient, practitioner, at, change, status, code
    ):
        invoice = make_issued(practitioner, patient, at, 5000)
        pay = {"payer": "patient", "method": "cash", "amount": 100} | change

        answer = api(ben).post(f"{URL}/{invoice.pk}/payments", pay)

        assert (answer.status_code, code_of(answer)) == (status, code)
        assert not Payment.objects.exists()

    def test_refuses_payment_of_a_draft(self, api, ben, patient, practitioner, at):
        draft = make_draft(practitioner, patient, at, 5000)
        pay = {"payer": "patient", "method": "cash", "amount": 100}

        answer = api(ben).post(f"{URL}/{draft.pk}/payments", pay)

        assert (answer.status_code, code_of(answer)) == (409, "ILLEGAL_TRANSITION")


class TestCredit:
    def test_answers_the_credit_note(self, api, dora, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000, 2000)
        line = invoice.items.get(position=2)

        body = {"reason": "Erreur", "items": [{"item": str(line.pk), "amount": 500}]}
        part = api(dora).post(f"{URL}/{invoice.pk}/credit", body)
        rest = api(dora).post(f"{URL}/{invoice.pk}/credit", {"reason": "Erreur"})
        after = api(dora).get(f"{URL}/{invoice.pk}").json()

        assert (part.status_code, part.json()["kind"], part.json()["total_amount"]) == (
            201,
            "credit_note",
            500,
        )
        assert part.json()["number"].startswith("AV-")
        assert part.json()["corrects"] == str(invoice.pk)
        assert rest.json()["total_amount"] == 6500
        assert (after["status"], after["balance_patient"]) == ("credited", 0)


class TestPdf:
    def test_says_that_the_file_is_being_made(self, api, ben, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)

        answer = api(ben).get(f"{URL}/{invoice.pk}/pdf")

        job = BillingDocument.objects.get().job
        assert (answer.status_code, answer.json()) == (202, {"job": str(job.pk), "status": "pending"})

    def test_refuses_a_draft(self, api, ben, patient, practitioner, at):
        draft = make_draft(practitioner, patient, at, 5000)

        answer = api(ben).get(f"{URL}/{draft.pk}/pdf")

        assert (answer.status_code, code_of(answer)) == (409, "INVOICE_NOT_ISSUED")

    @pytest.mark.django_db(transaction=True)
    def test_hands_the_file_out_and_leaves_a_trace(self, api, ben, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)
        render_documents(at=at)

        answer = api(ben).get(f"{URL}/{invoice.pk}/pdf", HTTP_ACCEPT="application/pdf")

        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
        assert answer.content.startswith(b"%PDF-")
        assert 'filename="FA-2026-000001.pdf"' in answer.headers["Content-Disposition"]
        entry = AuditEntry.objects.about(BillingDocument.objects.get()).latest("id")
        assert (entry.event, entry.actor_id, entry.changes) == (
            "billing.document.hand_out",
            ben.pk,
            {"copies": [0, 1]},
        )

    def test_answers_refusals_as_json_whatever_is_accepted(self, api, ben):
        answer = api(ben).get(f"{URL}/{uuid.uuid4()}/pdf", HTTP_ACCEPT="application/pdf")

        assert (answer.status_code, code_of(answer)) == (404, "NOT_FOUND")


class TestTrail:
    def test_names_the_actor_and_shows_amounts_but_no_names(self, api, ana, body):
        draft = api(ana).post(URL, body).json()
        api(ana).post(f"{URL}/{draft['id']}/issue")

        entries = AuditEntry.objects.about(Invoice.objects.get()).order_by("id")

        assert [(e.event, e.actor_id, e.actor_role) for e in entries] == [
            ("billing.invoice.create", ana.pk, "practitioner"),
            ("billing.invoice.issue", ana.pk, "practitioner"),
        ]
        assert entries[1].changes["status"] == ["draft", "issued"]
        assert entries[0].changes["total_amount"] == [None, 5000]
        assert "MARTIN" not in str([e.changes for e in entries])
