"""Issue: number, snapshots, ledger, document."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.billing.models import (
    BillingDocument,
    Invoice,
    InvoiceItem,
    InvoiceShare,
    LedgerRecord,
    NumberSeries,
    RenderJob,
)
from apps.billing.services import create_draft, issue_invoice
from apps.billing.services.issuing import InvoiceEmpty
from apps.core.transitions import IllegalTransition
from tests.billing.making import make_draft, make_issued, make_patient


class TestIssueInvoice:
    def test_gives_the_next_number_of_the_year(self, patient, practitioner, at):
        numbers = [make_issued(practitioner, patient, at, 5000).number for _ in range(3)]

        assert numbers == ["FA-2026-000001", "FA-2026-000002", "FA-2026-000003"]

    def test_starts_again_with_the_practice_s_new_year(self, patient, practitioner, at):
        make_issued(practitioner, patient, at, 5000)

        # 23:30 UTC is half past midnight in Paris.
        late = make_issued(practitioner, patient, datetime(2026, 12, 31, 23, 30, tzinfo=UTC), 5000)

        assert (late.number, late.issued_on.isoformat()) == ("FA-2027-000001", "2027-01-01")

    def test_counts_each_practice_by_itself(self, patient, practitioner, other_house, at):
        make_issued(practitioner, patient, at, 5000)
        elsewhere = make_patient(other_house.practice)

        invoice = make_issued(other_house.practitioners[0], elsewhere, at, 5000)

        assert invoice.number == "FA-2026-000001"

    def test_leaves_no_gap_after_a_rollback(self, ana, patient, practitioner, at):
        make_issued(practitioner, patient, at, 5000)
        with transaction.atomic():
            make_issued(practitioner, patient, at, 5000)
            transaction.set_rollback(True)

        assert make_issued(practitioner, patient, at, 5000).number == "FA-2026-000002"

    def test_keeps_its_own_copy_of_seller_and_buyer(self, ana, acting, patient, practice, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)
        with acting(ana):
            practice.name, patient.last_name = "Autre cabinet", "Durand"
            practice.save()
            patient.save()

        invoice.refresh_from_db()

        assert invoice.seller["name"] == "Cabinet des Lilas"
        assert invoice.seller["siret"] == "73282932000074"
        assert invoice.seller["vat_number"] == "FR44732829320"
        assert invoice.buyer["name"] == "Jeanne MARTIN"
        assert "national_id" not in invoice.buyer

    def test_asks_for_the_document_in_the_same_transaction(self, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)

        document = BillingDocument.objects.get(invoice=invoice)
        assert document.storage_key == f"{patient.practice_id}/billing/{document.pk}.pdf"
        assert RenderJob.objects.get(document=document).state == "pending"

    def test_is_paid_at_once_when_nothing_is_asked(self, patient, practitioner, at):
        assert make_issued(practitioner, patient, at, 0).status == "paid"

    def test_refuses_an_empty_invoice(self, ana, practice, patient, practitioner, at):
        draft = create_draft(
            actor=ana, practice=practice, patient=patient, practitioner=practitioner, lines=[], at=at
        )

        with pytest.raises(InvoiceEmpty):
            issue_invoice(actor=ana, invoice=draft, at=at)

        draft.refresh_from_db()
        assert (draft.status, draft.number) == ("draft", None)
        assert not NumberSeries.objects.exists()

    def test_refuses_an_issued_one_and_names_what_is_allowed(self, ana, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)

        with pytest.raises(IllegalTransition) as refusal:
            issue_invoice(actor=ana, invoice=invoice, at=at)

        assert refusal.value.details == {"status": "issued", "allowed": ["pay", "credit"]}

    def test_costs_the_same_queries_for_one_line_and_for_fifty(self, ana, patient, practitioner, at):
        make_issued(practitioner, patient, at, 1)  # the caches of content types are warm
        counts = []
        for lines in (1, 50):
            draft = make_draft(practitioner, patient, at, *[100] * lines)
            with CaptureQueriesContext(connection) as queries:
                issue_invoice(actor=ana, invoice=draft, at=at)
            counts.append(len(queries))

        assert counts[0] == counts[1]
        assert counts[0] <= 20


class TestLedger:
    def test_chains_each_record_to_the_one_before(self, patient, practitioner, at):
        make_issued(practitioner, patient, at, 5000)
        make_issued(practitioner, patient, at, 6000)

        first, second = LedgerRecord.objects.order_by("sequence")

        assert (first.sequence, second.sequence) == (1, 2)
        assert first.previous_hash == "0" * 64
        assert second.previous_hash == first.hash
        for record in (first, second):
            assert record.hash == hashlib.sha256((record.previous_hash + record.payload).encode()).hexdigest()

    def test_holds_amounts_and_no_name(self, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)

        payload = LedgerRecord.objects.get(object_id=invoice.pk).payload

        assert json.loads(payload)["total_amount"] == 5000
        assert json.loads(payload)["number"] == "FA-2026-000001"
        assert "Jeanne" not in payload
        assert "MARTIN" not in payload
        assert "Soin" not in payload


def execute(statement):
    """Run a statement as somebody with a database client would."""
    with connection.cursor() as cursor:
        # Foreign keys checked at commit would stop a TRUNCATE before any trigger does.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)


class TestFreezing:
    @pytest.fixture
    def issued(self, patient, practitioner, at):
        return make_issued(practitioner, patient, at, 5000)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE billing_invoice SET number = 'FA-2026-000009'",
            "UPDATE billing_invoice SET kind = 'credit_note'",
            "UPDATE billing_invoice SET total_amount = 1",
            "UPDATE billing_invoice SET net_amount = 1",
            "UPDATE billing_invoice SET vat_amount = 1",
            "UPDATE billing_invoice SET currency = 'TND'",
            "UPDATE billing_invoice SET language = 'en'",
            "UPDATE billing_invoice SET reason = 'x'",
            "UPDATE billing_invoice SET issued_on = '2020-01-01'",
            "UPDATE billing_invoice SET issued_at = now()",
            "UPDATE billing_invoice SET seller = '{}'",
            "UPDATE billing_invoice SET buyer = '{}'",
            "UPDATE billing_invoice SET buyer_salt = 'x'",
            "UPDATE billing_invoice SET practitioner_id = gen_random_uuid()",
            "UPDATE billing_invoice SET practice_id = gen_random_uuid()",
            "UPDATE billing_invoice SET status = 'draft'",
            "UPDATE billing_invoiceitem SET label = 'x'",
            "UPDATE billing_invoiceitem SET code = 'x'",
            "UPDATE billing_invoiceitem SET tooth = '11'",
            "UPDATE billing_invoiceitem SET quantity = 2",
            "UPDATE billing_invoiceitem SET unit_price = 1",
            "UPDATE billing_invoiceitem SET discount = 1",
            "UPDATE billing_invoiceitem SET total_amount = 1",
            "UPDATE billing_invoiceitem SET vat_code = 'STD20'",
            "UPDATE billing_invoiceitem SET vat_rate_bp = 2000",
            "UPDATE billing_invoiceitem SET performed_on = '2020-01-01'",
            "UPDATE billing_invoiceitem SET position = 9",
            "UPDATE billing_invoiceshare SET amount = 1",
            "UPDATE billing_invoiceshare SET position = 9",
            "UPDATE billing_invoiceshare SET payer = 'insurer'",
            "UPDATE billing_ledgerrecord SET payload = 'x'",
            "DELETE FROM billing_invoiceitem",
            "TRUNCATE billing_invoiceitem CASCADE",
            "DELETE FROM billing_invoiceshare",
            "TRUNCATE billing_invoiceshare CASCADE",
            "DELETE FROM billing_invoice",
            "TRUNCATE billing_invoice CASCADE",
            "DELETE FROM billing_ledgerrecord",
            "TRUNCATE billing_ledgerrecord CASCADE",
        ],
    )
    def test_refuses(self, issued, statement):
        with pytest.raises(IntegrityError), transaction.atomic():
            execute(statement)

    def test_refuses_new_lines_and_shares(self, issued, acting, ana):
        with acting(ana):
            item, share = issued.items.get(), issued.shares.get()
            for row, model in ((item, InvoiceItem), (share, InvoiceShare)):
                fields = {
                    f.attname: getattr(row, f.attname)
                    for f in model._meta.concrete_fields
                    if not f.primary_key
                }
                with pytest.raises(IntegrityError, match="issued"), transaction.atomic():
                    model.objects.create(**{**fields, "position": 7})

    def test_lets_the_status_follow_the_balances(self, issued):
        execute("UPDATE billing_invoice SET status = 'paid'")

        assert Invoice.objects.get().status == "paid"
