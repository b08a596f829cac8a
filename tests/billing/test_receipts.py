"""Receipts of payments and refunds."""

from __future__ import annotations

import threading

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.billing.models import BillingDocument, LedgerRecord
from apps.billing.rendering_receipts import load_receipt, render_receipt
from apps.billing.services import record_payment, refund_payment, render_documents
from apps.billing.services.account import use_account
from apps.billing.services.documents import receipt_of
from apps.notifications.models import NotificationJob
from tests.admin.conftest import browser
from tests.billing.making import MAKER, make_issued
from tests.billing.test_admin import address
from tests.billing.test_issue_invoice import execute

__all__ = ["browser"]


@pytest.fixture
def payment(ben, patient, practitioner, at):
    """Sixty for an invoice of fifty, the rest on account."""
    invoice = make_issued(practitioner, patient, at, 5000)
    return record_payment(
        actor=ben, invoice=invoice, payer="patient", method="card", amount=6000, on_account=True, at=at
    )


@pytest.fixture
def page(ben, payment, at):
    def read(of=None, language=""):
        document = receipt_of(actor=ben, payment=of or payment, language=language, at=at)
        return load_receipt(document)

    return read


@pytest.mark.django_db
class TestReceipt:
    def test_says_what_was_received_and_for_what(self, page, patient):
        receipt = page()

        assert (receipt.amount, receipt.method, receipt.received_on) == (
            "60,00\u00a0€",
            "carte",
            "23/11/2026",
        )
        assert receipt.rows == [("FA-2026-000001", "50,00\u00a0€"), ("Sur compte", "10,00\u00a0€")]
        assert (receipt.payer, receipt.seller["name"]) == (patient.display_name, patient.practice.name)
        place = LedgerRecord.objects.get(kind="payment").sequence
        assert receipt.document.receipt_number == f"RG-{place:06d}"

    def test_speaks_english(self, page):
        receipt = page(language="en")

        assert (receipt.amount, receipt.method, receipt.rows[1]) == (
            "€60.00",
            "card",
            ("On account", "€10.00"),
        )

    def test_of_a_refund_says_what_it_gives_back(self, page, payment, at):
        refund = refund_payment(actor=MAKER, payment=payment, amount=1500, reason="Trop", at=at)

        receipt = page(of=refund)

        assert (receipt.amount, receipt.refunds, receipt.rows) == ("15,00\u00a0€", "23/11/2026", [])

    def test_stays_the_same_whatever_becomes_of_the_payment(
        self, ben, page, payment, patient, practitioner, at
    ):
        before = render_receipt(page())
        later = make_issued(practitioner, patient, at, 500)
        use_account(actor=ben, payment=payment, amounts={later.pk: None}, at=timezone.now())

        assert render_receipt(page()) == before
        assert before.startswith(b"%PDF")

    def test_is_made_once_per_language_and_mailed_to_nobody(self, page, at):
        page(), page(), page(language="en")

        assert render_documents(at=at) == 3, "the invoice and two receipts"
        receipts = BillingDocument.objects.filter(kind="receipt")
        assert sorted(row.language for row in receipts if row.is_rendered) == ["en", "fr"]
        assert NotificationJob.objects.filter(template_key="billing.invoice").count() == 1

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE billing_billingdocument SET receipt_number = 'x' WHERE kind = 'receipt'",
            "DELETE FROM billing_billingdocument",
        ],
    )
    def test_is_kept(self, page, statement):
        page()

        with pytest.raises(IntegrityError), transaction.atomic():
            execute(statement)


@pytest.mark.django_db
class TestApi:
    def test_hands_it_out_once_it_is_made(self, api, ben, payment):
        client, url = api(ben), f"/api/v1/payments/{payment.pk}/pdf?language=en"

        first = client.get(url)
        assert (first.status_code, first.json()["status"]) == (202, "pending")
        render_documents(at=timezone.now())
        answer = client.get(url)

        assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
        assert "RG-" in answer["Content-Disposition"]
        assert BillingDocument.objects.get(kind="receipt").copies == 1

    def test_refuses_other_languages(self, api, ben, payment):
        for query in ("language=xx", "lang=fr"):
            assert api(ben).get(f"/api/v1/payments/{payment.pk}/pdf?{query}").status_code == 400
        assert not BillingDocument.objects.filter(kind="receipt").exists()

    def test_is_unknown_to_another_practice(self, api, cleo, payment):
        assert api(cleo).get(f"/api/v1/payments/{payment.pk}/pdf").status_code == 404
        assert not BillingDocument.objects.filter(kind="receipt").exists()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_get_one_file(ben, payment, at):
    gate, keys = threading.Barrier(2), []

    def work():
        gate.wait()
        keys.append(receipt_of(actor=ben, payment=payment, at=at).pk)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(keys) == 2
    assert len(set(keys)) == 1


@pytest.mark.django_db
class TestAdmin:
    def test_prints_it_from_the_payment(self, browser, ben, cleo, payment):
        client = browser(ben)
        url = address("payment_pdf", payment.pk)
        assert url in client.get(address("payment_change", payment.pk)).content.decode()

        assert client.get(f"{url}?language=fr").status_code == 302
        render_documents(at=timezone.now())
        answer = client.get(f"{url}?language=fr")

        assert answer["Content-Type"] == "application/pdf"
        assert browser(cleo).get(url).status_code == 404
        document = BillingDocument.objects.get(kind="receipt")
        assert document.receipt_number in client.get(address("billingdocument_changelist")).content.decode()
        assert url in client.get(address("billingdocument_change", document.pk)).content.decode()
