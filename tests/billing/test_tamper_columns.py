# ruff: noqa: S608 - the statements are the test's own
"""A changed value in any column of any chained row, of every kind, is found and its record named."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection, transaction

from apps.billing.models import (
    Closing,
    Deposit,
    Invoice,
    InvoiceItem,
    InvoiceShare,
    LedgerRecord,
    Payment,
    PaymentAllocation,
)
from apps.billing.services import (
    LineInput,
    ShareInput,
    close_period,
    create_draft,
    credit_invoice,
    issue_invoice,
    record_deposit,
    record_payment,
    refund_payment,
    switch_training,
)
from apps.billing.services.account import put_on_account, use_account
from apps.billing.services.transfers import post
from apps.billing.verification import MODELS, allocations_named, verify_practice
from apps.core.context import bind
from tests.billing.making import MAKER, make_issued

# What may change lawfully, or says nothing of money: see LEFT_OUT in services/ledger.py.
FREE = {
    "billing_invoice": {"updated_at"},
    "billing_invoiceitem": {"updated_at", "holds_treatment"},
    "billing_invoiceshare": {"updated_at"},
    "billing_payment": {"updated_at"},
    "billing_paymentallocation": {"updated_at"},
    "billing_accountuse": {"updated_at"},
    "billing_deposit": {"updated_at"},
    "billing_closing": {"updated_at"},
    "billing_trainingswitch": {"updated_at"},
    "billing_sharetransfer": {"updated_at"},
    "billing_ledgerrecord": {"updated_at", "created_at"},
}
# Another value of the same type; nothing becomes something.
OTHER = {
    "uuid": "gen_random_uuid()",
    "text": "CASE WHEN coalesce({0}, '') = '' THEN 'x' ELSE chr(ascii({0}) # 1) || substr({0}, 2) END",
    "integer": "coalesce({0}, 0) + 1",
    "date": "coalesce({0}, '2026-01-01') + 1",
    "timestamp with time zone": "coalesce({0}, now()) + interval '1 microsecond'",
    "boolean": "NOT coalesce({0}, false)",
    "jsonb": "'{{\"x\": 1}}'",
    "bytea": "CASE WHEN length({0}) > 0 THEN set_byte({0}, 9, get_byte({0}, 9) # 1) ELSE 'x' END",
}
OTHER |= {"character varying": OTHER["text"], "bigint": OTHER["integer"], "smallint": OTHER["integer"]}


@pytest.fixture
def ledger(insurer, patient, practice, practitioner, acts, at):
    """Two of each kind of record, with everything that may belong to one."""
    shares = [ShareInput(payer="insurer", insurer=insurer, amount=2000)]
    lines = [
        LineInput(act=acts["HBLD403"], tooth="11", vat_code="BY_INDICATION", vat_reason="Fracture"),
        LineInput(label="Brosse", unit_price=1200, quantity=2, discount=100, vat_code="STD20"),
    ]
    draft = create_draft(
        actor=MAKER, practice=practice, patient=patient, practitioner=practitioner, lines=lines, shares=shares, at=at
    )  # fmt: skip
    first = issue_invoice(actor=MAKER, invoice=draft, at=at)
    second, third = (make_issued(practitioner, patient, at, price) for price in (3000, 4500))

    owed = {share.payer: share for share in first.shares.all()}
    with bind(actor_id=MAKER.id, actor_role=MAKER.role, action="test.post"):
        for amount in (100, 50):
            post(first, owed["patient"], owed["insurer"], amount, "Accord", at=at)

    def pay(invoice, amount, method, **facts):
        return record_payment(
            actor=MAKER, invoice=invoice, payer=facts.pop("payer", "patient"), method=method, amount=amount, at=at, **facts
        )  # fmt: skip

    cheques = [pay(first, 5000, "cheque", reference="CIC 12"), pay(second, 2000, "cheque")]
    pay(first, 2000, "transfer", payer="insurer")
    paid = [pay(second, 1000, "card"), pay(third, 4500, "cash")]
    refund_payment(actor=MAKER, payment=paid[0], amount=400, reason="Trop", at=at)
    refund_payment(actor=MAKER, payment=paid[1], amount=500, reason="Erreur", at=at)
    credit_invoice(actor=MAKER, invoice=third, reason="Erreur", at=at)
    credit_invoice(actor=MAKER, invoice=second, reason="Geste", at=at)
    fourth = make_issued(practitioner, patient, at, 6000)
    account = put_on_account(actor=MAKER, patient=patient, method="card", amount=4000, at=at)
    for amount in (1500, 700):
        use_account(actor=MAKER, payment=account, amounts={fourth.pk: amount}, at=at)
    for cheque in cheques:
        record_deposit(actor=MAKER, practice=practice, payments=[cheque], reference="R1", at=at)
    for days in (0, 1):
        later = at + timedelta(days=days + 1)
        day = (at + timedelta(days=days)).date()
        close_period(actor=MAKER, practice=practice, period="day", day=day, at=later)
    for turned_on in (True, False):
        switch_training(actor=MAKER, practice=practice, turned_on=turned_on, reason="Formation", at=at)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        # Somebody with the owner's rights is not held back by constraints either.
        cursor.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype IN ('c', 'u')"
            " AND conrelid::regclass::text LIKE 'billing_%'"
        )
        for table, name in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename LIKE 'billing_%' AND indexdef LIKE '% UNIQUE %'"
        )
        for (name,) in cursor.fetchall():
            if not name.endswith("_pkey"):
                cursor.execute(f'DROP INDEX "{name}"')
    return practice


def rows_with_records():
    """Yield each chained row's table and key with the sequence of its record."""
    records = list(LedgerRecord.objects.order_by("sequence"))
    place = {record.object_id: record.sequence for record in records}
    for record in records:
        yield LedgerRecord, record.pk, record.sequence
        yield MODELS[record.kind], record.object_id, record.sequence
        for key in allocations_named(record):
            yield PaymentAllocation, key, record.sequence
    for model in (InvoiceItem, InvoiceShare):
        for row in model.objects.all():
            yield model, row.pk, place[row.invoice_id]


def columns(model):
    """Return the columns of a table with their types."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = %s",
            [model._meta.db_table],
        )
        return cursor.fetchall()


def test_each_changed_column_is_found_in_the_record_it_belongs_to(ledger):
    assert verify_practice(ledger.pk).finding is None
    assert set(LedgerRecord.objects.values_list("kind", flat=True)) >= set(MODELS)
    tried = missed = 0
    seen = {}
    for model, key, sequence in list(rows_with_records()):
        # One row of each kind of record is changed column by column; two of a kind teach nothing more.
        kind = LedgerRecord.objects.get(sequence=sequence).kind
        if seen.setdefault((model, kind), key) != key:
            continue
        for name, data_type in columns(model):
            if name in FREE[model._meta.db_table]:
                continue
            finding = changed(ledger, model, key, name, OTHER[data_type])
            tried += 1
            expected = {sequence, sequence + 1} if model is LedgerRecord else {sequence}
            if name == "deposit_id":
                expected = set(range(1, LedgerRecord.objects.count() + 2))
            missed += finding is None or finding.sequence not in expected
            assert finding is not None, (model, name)
            assert finding.sequence in expected, (model, name, finding)
    assert missed == 0
    assert tried > 200


def changed(practice, model, key, name, other):
    """Change one value, verify, take it back."""
    table = model._meta.db_table
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                f'UPDATE {table} SET "{name}" = {other.format(f"{chr(34)}{name}{chr(34)}")} WHERE id = %s',
                [key],
            )
            assert cursor.rowcount == 1
        finding = verify_practice(practice.pk).finding
        transaction.set_rollback(True)
    return finding


@pytest.mark.parametrize(
    ("model", "fault"),
    [(Invoice, "gone"), (Payment, "gone"), (Deposit, "gone"), (Closing, "gone"), (PaymentAllocation, "allocations"),
     (InvoiceItem, "items"), (InvoiceShare, "shares")],
)  # fmt: skip
def test_a_row_taken_out_is_found(ledger, model, fault):
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {model._meta.db_table} WHERE id = %s", [model.objects.order_by("pk").first().pk]
        )

    assert fault in verify_practice(ledger.pk).finding.fault


@pytest.mark.parametrize("model", [Invoice, Payment, Deposit, Closing, PaymentAllocation])
def test_a_row_put_in_is_found(ledger, model):
    names = ", ".join(f'"{name}"' for name, _kind in columns(model) if name != "id")
    with connection.cursor() as cursor:
        key = model.objects.order_by("pk").first().pk
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} (id, {names}) "
            f"SELECT gen_random_uuid(), {names} FROM {model._meta.db_table} WHERE id = %s", [key],
        )  # fmt: skip

    assert verify_practice(ledger.pk).finding is not None
