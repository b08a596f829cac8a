# ruff: noqa: S608 - the statements are the test's own
"""Training mode: what is practised with never counts, and switching leaves a trace nobody can take out."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from apps.billing.accounting import entries, takings, turnover_by_vat
from apps.billing.models import (
    BillingDocument,
    Invoice,
    LedgerRecord,
    NumberSeries,
    PaymentAllocation,
    Quote,
    TrainingSwitch,
)
from apps.billing.selectors import balances_of
from apps.billing.services import (
    QuoteLine,
    Signature,
    accept_quote,
    close_period,
    credit_invoice,
    issue_invoice,
    record_deposit,
    record_payment,
    refund_payment,
    render_documents,
    send_document,
    structured,
    switch_training,
)
from apps.billing.services.account import put_on_account
from apps.billing.services.deposits import NotDepositable
from apps.billing.services.documents import NoFacturX
from apps.billing.services.quotes import NotReplaceable
from apps.billing.services.training import TrainingUnchanged
from apps.billing.statements import statement_of
from apps.billing.verification import verify_practice
from apps.clinical.models import Treatment
from apps.core.context import bind
from apps.core.errors import InvalidInput
from tests.billing.making import MAKER, make_draft, make_issued, make_treatment
from tests.billing.quoting import make_issued_quote
from tests.billing.test_issue_invoice import execute
from tests.billing.test_verify_ledger import tamper


@pytest.fixture
def switch(practice, at):
    """Switch the mode of Ana's practice."""

    def switch(turned_on, moment=at, reason="Nouvelle assistante"):
        return switch_training(actor=MAKER, practice=practice, turned_on=turned_on, reason=reason, at=moment)

    return switch


@pytest.fixture
def training(switch):
    """The mode is on."""
    return switch(True)


class TestSwitch:
    def test_is_recorded_in_the_chain_with_its_reason(self, practice, training):
        record = LedgerRecord.objects.get()

        assert (record.kind, record.object_id) == ("training", training.pk)
        assert json.loads(record.payload)["reason"] == "Nouvelle assistante"

    def test_tells_when_ended_what_was_practised_with(self, training, switch, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)
        record_payment(actor=MAKER, invoice=invoice, payer="patient", method="cash", amount=3000, at=at)

        ended = switch(False)

        assert (ended.documents, ended.amount, ended.payments) == (1, 5000, 3000)
        assert json.loads(LedgerRecord.objects.get(object_id=ended.pk).payload)["payments"] == 3000

    def test_refuses_a_switch_to_what_is_and_one_without_a_reason(self, switch):
        with pytest.raises(TrainingUnchanged):
            switch(False)
        with pytest.raises(InvalidInput):
            switch(True, reason="  ")
        assert not TrainingSwitch.objects.exists()

    def test_is_never_changed_or_taken_out(self, training, practice):
        for statement in ("UPDATE billing_trainingswitch SET amount = 1", "DELETE FROM billing_trainingswitch",
                          "TRUNCATE billing_trainingswitch CASCADE"):  # fmt: skip
            with pytest.raises(IntegrityError), transaction.atomic():
                execute(statement)
        tamper("DELETE FROM billing_trainingswitch")
        assert verify_practice(practice.pk).finding.fault == "the training it speaks of is gone"

    def test_is_one_practice_s_own(self, training, other_practice, patient, practitioner, at):
        from apps.billing.services import is_training

        assert not is_training(other_practice.pk)


class TestSpecimens:
    def test_have_series_of_their_own_and_leave_the_real_one_alone(
        self, switch, patient, practitioner, practice, at
    ):
        real = [make_issued(practitioner, patient, at, 100).number]
        switch(True)
        specimens = [make_issued(practitioner, patient, at, 100) for _ in range(2)]
        note = credit_invoice(actor=MAKER, invoice=specimens[0], reason="Essai", at=at)
        switch(False)
        real.append(make_issued(practitioner, patient, at, 100).number)

        assert real == ["FA-2026-000001", "FA-2026-000002"]
        assert [row.number for row in specimens] == ["FORM-FA-2026-000001", "FORM-FA-2026-000002"]
        assert (note.number, note.is_training) == ("FORM-AV-2026-000001", True)
        assert NumberSeries.objects.get(series="FA").last_number == 2
        assert verify_practice(practice.pk).finding is None

    def test_have_no_place_in_chain_closings_accounts_and_balances(
        self, training, switch, patient, practitioner, practice, at
    ):
        invoice = make_issued(practitioner, patient, at, 5000)
        payment = record_payment(
            actor=MAKER, invoice=invoice, payer="patient", method="cheque", amount=3000, at=at
        )
        refund_payment(actor=MAKER, payment=payment, amount=1000, reason="Essai", at=at)
        day = at.date()
        closing = close_period(
            actor=MAKER, practice=practice, period="day", day=day, at=at + timedelta(days=1)
        )

        assert set(LedgerRecord.objects.values_list("kind", flat=True)) == {"training", "closing"}
        assert (closing.invoiced, closing.received, closing.perpetual_total) == (0, 0, 0)
        assert list(entries(practice=practice, first=day, last=day)) == []
        assert turnover_by_vat(practice=practice, first=day, last=day) == []
        assert takings(practice=practice, first=day, last=day) == []
        assert balances_of(practice.pk, [patient.pk]) == {}
        statement = statement_of(patient=patient, at=at)
        assert (statement.invoices, statement.credit) == ([], "")
        with pytest.raises(NotDepositable):
            record_deposit(actor=MAKER, practice=practice, payments=[payment], at=at)
        assert verify_practice(practice.pk).finding is None

    def test_leave_care_to_be_billed(self, training, switch, acts, patient, practitioner, at):
        from apps.billing.services import LineInput, create_draft

        treatment = make_treatment(practitioner, patient, acts["HBJD001"], at)

        def bill():
            draft = create_draft(
                actor=MAKER, practice=patient.practice, patient=patient, practitioner=practitioner,
                lines=[LineInput(treatment=treatment)], at=at,
            )  # fmt: skip
            return issue_invoice(actor=MAKER, invoice=draft, at=at)

        assert bill().number == "FORM-FA-2026-000001"
        switch(False)
        assert bill().number == "FA-2026-000001"

    def test_go_to_nobody_and_carry_no_data_for_machines(self, training, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)
        render_documents(at=at)
        document = BillingDocument.objects.get(invoice=invoice)

        assert document.is_rendered
        assert not send_document(actor=MAKER, document=document, at=at)
        with pytest.raises(NoFacturX):
            structured(document)

    def test_quotes_plan_nothing_and_replace_no_real_one(self, switch, patient, practitioner, acts, at):
        from apps.billing.services import create_quote

        line = QuoteLine(act=acts["HBJD001"])
        real = make_issued_quote(practitioner, patient, at, line)
        switch(True)
        quote = make_issued_quote(practitioner, patient, at, line)
        render_documents(at=at)
        accept_quote(actor=MAKER, quote=quote, signature=Signature(signer_name="J. Martin"), at=at)

        assert (real.number, quote.number) == ("DV-2026-000001", "FORM-DV-2026-000001")
        assert not Treatment.objects.exists()
        with pytest.raises(NotReplaceable):
            create_quote(
                actor=MAKER, practice=patient.practice, patient=patient, practitioner=practitioner, lines=[],
                replaces=real, at=at,
            )  # fmt: skip
        assert Quote.objects.get(pk=real.pk).status == "issued"


class TestHiding:
    def test_money_for_a_real_invoice_counts_whatever_the_mode(
        self, switch, patient, practitioner, practice, at
    ):
        invoice = make_issued(practitioner, patient, at, 5000)
        switch(True)

        payment = record_payment(
            actor=MAKER, invoice=invoice, payer="patient", method="cash", amount=3000, at=at
        )

        assert not payment.is_training
        assert LedgerRecord.objects.filter(object_id=payment.pk).exists()

    def test_a_draft_of_before_becomes_a_specimen_and_stays_one(self, switch, patient, practitioner, at):
        draft = make_draft(practitioner, patient, at, 5000)
        switch(True)
        specimen = issue_invoice(actor=MAKER, invoice=draft, at=at)
        switch(False)

        payment = record_payment(
            actor=MAKER, invoice=specimen, payer="patient", method="cash", amount=10, at=at
        )
        assert payment.is_training
        for table in ("invoice", "payment"):
            with pytest.raises(IntegrityError), transaction.atomic():
                execute(f"UPDATE billing_{table} SET is_training = NOT is_training")

    def test_a_real_document_made_a_specimen_behind_the_product_s_back_is_found(
        self, patient, practitioner, practice, at
    ):
        make_issued(practitioner, patient, at, 5000)
        tamper("UPDATE billing_invoice SET is_training = true")

        assert verify_practice(practice.pk).finding.fault == "the invoice differs in is_training"

    def test_a_specimen_is_not_settled_with_real_money(self, switch, patient, practitioner, practice, at):
        payment = put_on_account(actor=MAKER, patient=patient, method="cash", amount=3000, at=at)
        switch(True)
        specimen = make_issued(practitioner, patient, at, 5000)

        share = specimen.shares.get()
        with bind(actor_id=MAKER.id, actor_role=MAKER.role, action="test.make"):
            PaymentAllocation.objects.create(
                practice=practice, share=share, payment=payment, amount=1, allocated_at=at
            )
        with pytest.raises(IntegrityError, match="specimen"), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def test_says_so_on_its_row(self, training, patient, practitioner, at):
        make_issued(practitioner, patient, at, 5000)
        assert Invoice.objects.get().is_training
        assert not Invoice.objects.real().exists()
