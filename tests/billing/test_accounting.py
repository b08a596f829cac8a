"""Accounts: the tax office's file, the journal, closings and cheque deposits."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from datetime import date

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.accounts.roles import Role
from apps.audit.models import AuditEntry
from apps.billing.models import Deposit, Payment
from apps.billing.services import (
    LineInput,
    ShareInput,
    create_draft,
    credit_invoice,
    issue_invoice,
    record_deposit,
    record_payment,
    refund_payment,
)
from apps.billing.services.deposits import NotDepositable
from apps.billing.services.exporting import fec_lines, fec_name, harmless, journal_lines
from apps.billing.verification import verify_practice
from tests.billing.making import MAKER, make_issued
from tests.cast import make_user

pytestmark = pytest.mark.django_db
# LPF A47 A-1, by hand.
COLUMNS = [
    "JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib", "CompAuxNum", "CompAuxLib",
    "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit", "EcritureLet", "DateLet", "ValidDate", "Montantdevise",
    "Idevise", "DateRglt", "ModeRglt", "NatOp", "IdClient",
]  # fmt: skip


@pytest.fixture
def year(acts, insurer, practice, patient, practitioner, at):
    """A mixed invoice with an insurer, paid in part, partly credited; a refund; a deposit."""
    draft = create_draft(
        actor=MAKER,
        practice=practice,
        patient=patient,
        practitioner=practitioner,
        lines=[LineInput(act=acts["HBLD634"], tooth="14"), LineInput(act=acts["HN-BLANC"])],
        shares=[ShareInput(payer="insurer", insurer=insurer, kind="mandatory", amount=7200)],
        at=at,
    )
    invoice = issue_invoice(actor=MAKER, invoice=draft, at=at)
    cheque = record_payment(
        actor=MAKER, invoice=invoice, payer="patient", method="cheque", amount=50000, at=at
    )
    record_payment(actor=MAKER, invoice=invoice, payer="insurer", method="transfer", amount=7200, at=at)
    cash = record_payment(actor=MAKER, invoice=invoice, payer="patient", method="cash", amount=1234, at=at)
    refund_payment(actor=MAKER, payment=cash, amount=234, reason="Trop perçu", at=at)
    record_deposit(actor=MAKER, practice=practice, payments=[cheque], at=at)
    line = invoice.items.get(code="HN-BLANC")
    credit_invoice(actor=MAKER, invoice=invoice, reason="Erreur", amounts={line.pk: 10000}, at=at)
    return invoice


def read(text):
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def cents(text):
    assert text.count(",") == 1
    return int(text.replace(",", ""))


class TestFec:
    def test_has_the_columns_of_the_law(self, year, practice):
        head, *lines = "".join(fec_lines(practice, 2026)).split("\r\n")

        assert head.split("\t") == COLUMNS
        assert all(line.count("\t") == 21 for line in lines if line)

    def test_balances_every_entry_and_numbers_them_without_gap(self, year, practice):
        sums, order = defaultdict(int), []
        for row in read("".join(fec_lines(practice, 2026))):
            sums[row["EcritureNum"]] += cents(row["Debit"]) - cents(row["Credit"])
            order.append(int(row["EcritureNum"]))

        assert set(sums.values()) == {0}
        assert order == sorted(order)
        assert sorted(set(order)) == list(range(1, 8))

    def test_writes_what_happened_where_it_belongs(self, year, practice):
        rows = [
            (row["JournalCode"], row["CompteNum"], row["CompAuxNum"], row["Debit"], row["Credit"])
            for row in read("".join(fec_lines(practice, 2026)))
        ]

        # 515.00 exempt and 400.00 taxed (333.33 + 66.67); 72.00 by the mandatory scheme.
        assert rows == [
            ("VE", "467100", "QUAIS", "72,00", "0,00"),
            ("VE", "411000", "P000001", "843,00", "0,00"),
            ("VE", "445710", "", "0,00", "66,67"),
            ("VE", "706000", "", "0,00", "515,00"),
            ("VE", "706100", "", "0,00", "333,33"),
            ("BQ", "511200", "", "500,00", "0,00"),
            ("BQ", "411000", "P000001", "0,00", "500,00"),
            ("BQ", "512000", "", "72,00", "0,00"),
            ("BQ", "467100", "QUAIS", "0,00", "72,00"),
            ("CA", "530000", "", "12,34", "0,00"),
            ("CA", "411000", "P000001", "0,00", "12,34"),
            ("CA", "530000", "", "0,00", "2,34"),
            ("CA", "411000", "P000001", "2,34", "0,00"),
            ("BQ", "512000", "", "500,00", "0,00"),
            ("BQ", "511200", "", "0,00", "500,00"),
            # A credit falls on the shares in proportion: 100.00 x 72 / 915 = 7.87.
            ("VE", "467100", "QUAIS", "0,00", "7,87"),
            ("VE", "411000", "P000001", "0,00", "92,13"),
            ("VE", "445710", "", "16,67", "0,00"),
            ("VE", "706100", "", "83,33", "0,00"),
        ]

    def test_names_nobody(self, year, practice, patient):
        text = "".join(fec_lines(practice, 2026))

        for name in (patient.last_name, patient.first_name, "MARTIN", "Couronne"):
            assert name not in text

    def test_is_named_by_siren_and_last_day(self, practice):
        assert fec_name(practice, 2026) == "732829320FEC20261231.txt"

    def test_keeps_to_its_year(self, year, practice):
        assert len(list(fec_lines(practice, 2025))) == 1

    def test_costs_the_same_queries_however_many_entries(self, practice, patient, practitioner, at):
        def queries():
            with CaptureQueriesContext(connection) as seen:
                list(fec_lines(practice, 2026))
            return len(seen)

        make_issued(practitioner, patient, at, 1000)
        one = queries()
        for n in range(30):
            make_issued(practitioner, patient, at, 1000 + n)
        assert queries() == one


class TestJournal:
    def test_sums_turnover_by_vat_code(self, year, practice):
        rows = "".join(journal_lines(practice, "vat", date(2026, 11, 1), date(2026, 11, 30))).splitlines()

        assert rows[1:] == ["EXEMPT;0,00;515,00;0,00;515,00", "STD20;20,00;250,00;50,00;300,00"]

    def test_sums_receipts_by_day_and_method(self, year, practice):
        rows = "".join(
            journal_lines(practice, "receipts", date(2026, 11, 1), date(2026, 11, 30))
        ).splitlines()

        assert rows[1:] == ["2026-11-23;cash;10,00", "2026-11-23;cheque;500,00", "2026-11-23;transfer;72,00"]

    @pytest.mark.parametrize("cell", ["=1+1", "+33", "-cmd", "@x", "\tx", "\rx"])
    def test_disarms_formulas(self, cell):
        assert harmless(cell).startswith("'")

    def test_leaves_negative_amounts(self):
        assert harmless("-12,34") == "-12,34"


class TestDeposit:
    def test_takes_cheques_to_the_bank_once(self, year, practice, at):
        cheque = Payment.objects.get(method="cheque")
        assert (cheque.deposit.number, cheque.deposit.amount, cheque.deposit.cheques) == (
            "RC-2026-000001", 50000, 1
        )  # fmt: skip
        with pytest.raises(NotDepositable):
            record_deposit(actor=MAKER, practice=practice, payments=[cheque], at=at)

    def test_takes_nothing_but_cheques(self, year, practice, at):
        with pytest.raises(NotDepositable):
            record_deposit(
                actor=MAKER, practice=practice, payments=[Payment.objects.get(method="transfer")], at=at
            )

    def test_never_changes(self, year):
        for statement in (
            "UPDATE billing_deposit SET amount = 1",
            "UPDATE billing_payment SET deposit_id = NULL WHERE deposit_id IS NOT NULL",
        ):
            with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement)

    def test_stands_in_the_chain(self, year, practice):
        assert verify_practice(practice.pk).finding is None
        call_command("verify_ledger")


class TestRoutes:
    def test_hand_the_file_out_and_record_it(self, api, dora, year, at):
        answer = api(dora).get("/api/v1/accounting/fec?year=2026")

        assert answer.status_code == 200
        assert 'filename="732829320FEC20261231.txt"' in answer.headers["Content-Disposition"]
        assert answer.content.decode().startswith("JournalCode\tJournalLib")
        entry = AuditEntry.objects.get(event="billing.accounting.export")
        assert (entry.actor_id, entry.changes) == (dora.pk, {"export": [None, "732829320FEC20261231.txt"]})

    def test_hand_out_reports(self, api, dora, year):
        for report in ("entries", "vat", "receipts"):
            answer = api(dora).get(
                f"/api/v1/accounting/journal.csv?report={report}&from=2026-11-01&to=2026-11-30"
            )
            assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
        assert api(dora).get("/api/v1/accounting/journal.csv?colour=red").status_code == 400
        assert (
            api(dora).get("/api/v1/accounting/journal.csv?from=2026-11-02&to=2026-11-01").status_code == 400
        )

    def test_show_nothing_of_another_practice(self, api, year, other_practice):
        other = make_user("dan@test.test", Role.PRACTICE_ADMIN, "Dan", practice=other_practice)

        assert len(api(other).get("/api/v1/accounting/fec?year=2026").content.splitlines()) == 1
        cheque = Payment.objects.get(method="cheque")
        answer = api(other).post("/api/v1/deposits", {"payments": [str(cheque.pk)]})
        assert (answer.status_code, "payments" in answer.json()["error"]["details"]) == (400, True)
        assert api(other).get("/api/v1/closings").json()["count"] == 0

    def test_record_a_deposit(self, api, dora, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)
        house = {"actor": MAKER, "invoice": invoice, "payer": "patient", "method": "cheque"}
        cheques = [record_payment(amount=amount, at=at, **house) for amount in (1000, 2000)]

        answer = api(dora).post("/api/v1/deposits", {"payments": [str(c.pk) for c in cheques]})

        assert answer.status_code == 201, answer.json()
        assert (answer.json()["amount"], answer.json()["cheques"]) == (3000, 2)
        assert Deposit.objects.get().payments.count() == 2

    def test_close_a_day_once(self, api, dora, patient, practitioner, at):
        moment = at.replace(year=2025)
        make_issued(practitioner, patient, moment, 5000)
        body = {"period": "day", "day": f"{moment:%Y-%m-%d}"}

        answer = api(dora).post("/api/v1/closings", body)

        assert (answer.status_code, answer.json()["invoiced"]) == (201, 5000)
        assert api(dora).post("/api/v1/closings", body).json()["error"]["code"] == "PERIOD_CLOSED"
        assert api(dora).get("/api/v1/closings?period=day").json()["count"] == 1
        late = {"period": "year", "day": "2099-01-01"}
        assert api(dora).post("/api/v1/closings", late).json()["error"]["code"] == "PERIOD_NOT_OVER"
