"""Credit notes."""

from __future__ import annotations

import pytest

from apps.billing.models import Invoice, LedgerRecord
from apps.billing.selectors import balances_of
from apps.billing.services import (
    LineInput,
    ShareInput,
    create_draft,
    credit_invoice,
    issue_invoice,
    record_payment,
)
from apps.billing.services.credits import CreditNoteNotCreditable, NothingToCredit
from apps.core.errors import InvalidInput
from apps.core.transitions import IllegalTransition
from tests.billing.making import make_draft, make_issued, make_treatment


@pytest.fixture
def invoice(patient, practitioner, insurer, at):
    """An invoice of 100.00 in two lines, of which an insurer owes 60.00."""
    share = ShareInput(payer="insurer", insurer=insurer, kind="complementary", amount=6000)
    return make_issued(practitioner, patient, at, 7000, 3000, shares=[share])


@pytest.fixture
def credit(dora, invoice, at):
    """Credit the invoice."""

    def note(**fields):
        return credit_invoice(actor=dora, invoice=invoice, at=at, **({"reason": "Erreur de saisie"} | fields))

    return note


def balances(invoice):
    return [share.balance for share in invoice.shares.all().with_balance().order_by("position")]


class TestCreditInvoice:
    def test_takes_everything_back_with_a_number_of_its_own_series(self, credit, invoice):
        note = credit()

        invoice.refresh_from_db()
        assert (note.number, note.kind, note.corrects, note.total_amount) == (
            "AV-2026-000001",
            "credit_note",
            invoice,
            10000,
        )
        assert (invoice.status, balances(invoice)) == ("credited", [0, 0])
        assert LedgerRecord.objects.get(object_id=note.pk).kind == "credit_note"

    def test_takes_a_part_back_from_all_shares_in_proportion(self, credit, invoice):
        line = invoice.items.get(position=2)

        note = credit(amounts={line.pk: 1001})

        invoice.refresh_from_db()
        assert note.total_amount == 1001
        assert (invoice.status, balances(invoice)) == ("issued", [6000 - 601, 4000 - 400])

    def test_mirrors_the_vat_over_several_parts(self, dora, acts, practice, patient, practitioner, at):
        draft = create_draft(
            actor=dora, practice=practice, patient=patient, practitioner=practitioner,
            lines=[LineInput(act=acts["HN-BLANC"], unit_price=9999)], at=at,
        )  # fmt: skip
        invoice = issue_invoice(actor=dora, invoice=draft, at=at)
        line = invoice.items.get()

        parts = [
            credit_invoice(actor=dora, invoice=invoice, reason="x", amounts={line.pk: amount}, at=at)
            for amount in (3333, 3333, 3333)
        ]

        assert sum(part.vat_amount for part in parts) == line.vat_amount == 1666
        invoice.refresh_from_db()
        assert invoice.status == "credited"

    def test_puts_what_was_paid_on_the_patient_s_account(self, ben, credit, invoice, patient, at):
        record_payment(actor=ben, invoice=invoice, payer="patient", method="card", amount=4000, at=at)

        credit()

        balance = balances_of(patient.practice_id, [patient.pk])[patient.pk]
        assert (balance.patient_due, balance.insurer_due, balance.credit) == (0, 0, 4000)

    def test_frees_the_treatments_of_a_wholly_credited_invoice(
        self, dora, acts, practice, patient, practitioner, at
    ):
        treatment = make_treatment(practitioner, patient, acts["HBJD001"], at)
        line = LineInput(treatment=treatment)
        house = {"practice": practice, "patient": patient, "practitioner": practitioner}
        first = issue_invoice(
            actor=dora, invoice=create_draft(actor=dora, lines=[line], at=at, **house), at=at
        )

        credit_invoice(actor=dora, invoice=first, reason="Erreur", at=at)

        assert create_draft(actor=dora, lines=[line], at=at, **house).total_amount == 4338

    def test_refuses_a_second_whole_credit(self, credit):
        credit()

        with pytest.raises(IllegalTransition):
            credit()

    def test_refuses_more_than_is_left_of_a_line(self, credit, invoice):
        line = invoice.items.get(position=2)
        credit(amounts={line.pk: 2000})

        with pytest.raises(NothingToCredit):
            credit(amounts={line.pk: 1001})

        assert Invoice.objects.filter(kind="credit_note").count() == 1

    def test_refuses_a_line_of_another_invoice(self, credit, patient, practitioner, at):
        other = make_issued(practitioner, patient, at, 100)

        with pytest.raises(InvalidInput):
            credit(amounts={other.items.get().pk: 100})

    def test_refuses_to_go_without_a_reason(self, credit):
        with pytest.raises(InvalidInput):
            credit(reason=" ")

    def test_refuses_a_draft(self, dora, patient, practitioner, at):
        with pytest.raises(IllegalTransition):
            credit_invoice(actor=dora, invoice=make_draft(practitioner, patient, at, 100), reason="x", at=at)

    def test_refuses_a_credit_note(self, dora, credit, at):
        with pytest.raises(CreditNoteNotCreditable):
            credit_invoice(actor=dora, invoice=credit(), reason="x", at=at)
