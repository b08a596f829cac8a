"""Whatever is changed behind the product's back is found, and named."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from apps.billing.models import LedgerRecord
from apps.billing.services import ShareInput, credit_invoice, record_payment
from apps.billing.verification import fault_of, verify_practice
from tests.billing.making import MAKER, make_issued


@pytest.fixture
def ledger(insurer, patient, practice, practitioner, at):
    """Two invoices, a payment, a credit note: four records."""
    share = ShareInput(payer="insurer", insurer=insurer, amount=2000)
    invoice = make_issued(practitioner, patient, at, 5000, shares=[share])
    second = make_issued(practitioner, patient, at, 100, 200)
    record_payment(actor=MAKER, invoice=invoice, payer="patient", method="card", amount=3000, at=at)
    credit_invoice(actor=MAKER, invoice=second, reason="Erreur", at=at)
    return practice


def tamper(statement):
    """Change rows as somebody who may switch the triggers off."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET LOCAL session_replication_role = origin")


class TestVerifyLedger:
    def test_says_that_a_sound_ledger_is_unbroken(self, ledger, capsys):
        call_command("verify_ledger", practice=ledger.pk)

        assert capsys.readouterr().out == f"{ledger.pk}: 4 records, unbroken, signatures checked\n"

    @pytest.mark.parametrize(
        ("statement", "sequence", "fault"),
        [
            ("UPDATE billing_invoice SET currency = 'TND' WHERE number = 'FA-2026-000002'", 2, "currency"),
            ("UPDATE billing_invoice SET number = 'FA-2026-000009' WHERE number = 'FA-2026-000001'", 1, "number"),
            ("UPDATE billing_invoice SET issued_on = '2026-01-01' WHERE kind = 'credit_note'", 4, "issued_on"),
            ("UPDATE billing_invoice SET buyer = '{\"name\": \"x\"}' WHERE number = 'FA-2026-000001'", 1, "buyer"),
            ("UPDATE billing_invoice SET seller = '{}' WHERE number = 'FA-2026-000001'", 1, "seller"),
            ("UPDATE billing_invoiceitem SET label = 'x' WHERE unit_price = 5000", 1, "items"),
            ("UPDATE billing_invoiceshare SET amount = 1999 WHERE amount = 2000", 1, "shares"),
            ("UPDATE billing_payment SET amount = 1", 3, "amount"),
            ("UPDATE billing_payment SET method = 'cash'", 3, "method"),
            ("UPDATE billing_paymentallocation SET amount = 1 WHERE payment_id IS NOT NULL", 3, "allocations"),
            ("DELETE FROM billing_paymentallocation WHERE payment_id IS NOT NULL", 3, "allocations"),
        ],
    )  # fmt: skip
    def test_names_the_record_a_changed_row_belongs_to(self, ledger, statement, sequence, fault):
        tamper(statement)

        finding = verify_practice(ledger.pk).finding

        assert finding.sequence == sequence
        assert fault in finding.fault

    @pytest.mark.parametrize(
        ("statement", "sequence", "fault"),
        [
            ("DELETE FROM billing_ledgerrecord WHERE sequence = 2", 3, "record 2 is missing"),
            ("DELETE FROM billing_ledgerrecord WHERE sequence = 4", 4, "1 records are missing at the end"),
            ("UPDATE billing_ledgerrecord SET kind = 'invoice' WHERE sequence = 4", 4, "columns"),
            ("UPDATE billing_ledgerrecord SET recorded_at = now() WHERE sequence = 2", 2, "columns"),
            (
                "UPDATE billing_ledgerrecord SET previous_hash = repeat('1', 64) WHERE sequence = 3",
                3,
                "follow",
            ),
            ("UPDATE billing_ledgerrecord SET hash = repeat('1', 64) WHERE sequence = 1", 1, "hash"),
            ("DELETE FROM billing_payment", 3, "is gone"),
        ],
    )
    def test_names_a_record_that_was_changed_or_taken_out(self, ledger, statement, sequence, fault):
        tamper(statement)

        finding = verify_practice(ledger.pk).finding

        assert (finding.sequence, fault in finding.fault) == (sequence, True)

    def test_finds_any_changed_byte_of_a_payload(self, ledger):
        record = LedgerRecord.objects.get(sequence=2)
        for place in range(len(record.payload)):
            flipped = chr(ord(record.payload[place]) ^ 1)
            altered = record.payload[:place] + flipped + record.payload[place + 1 :]
            record_changed = LedgerRecord(
                sequence=2, kind=record.kind, object_id=record.object_id, payload=altered,
                previous_hash=record.previous_hash, hash=record.hash, recorded_at=record.recorded_at,
            )  # fmt: skip
            assert fault_of(record_changed, 2, record.previous_hash) == "payload does not match its hash"

    def test_fails_the_command(self, ledger, capsys):
        tamper("UPDATE billing_payment SET amount = 1")

        with pytest.raises(CommandError, match="broken"):
            call_command("verify_ledger")

        assert f"{ledger.pk}: record 3: the payment differs in amount" in capsys.readouterr().out
