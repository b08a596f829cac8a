"""Statements and how old debts are."""

from __future__ import annotations

import re
import subprocess
from datetime import date, timedelta
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.audit.models import AccessEntry
from apps.billing.instalments import Due
from apps.billing.services import agree_plan, cancel_plan, credit_invoice, record_payment
from apps.billing.services.reminders import debt_of
from apps.billing.statements import aging, column_of, render_statement, statement_of
from tests.billing.making import MAKER, make_issued

pytestmark = pytest.mark.django_db


class TestAging:
    @pytest.mark.parametrize(
        ("days", "column"), [(0, 0), (30, 0), (31, 1), (60, 1), (61, 2), (90, 2), (91, 3), (400, 3)]
    )
    def test_puts_a_debt_in_its_column(self, days, column):
        today = date(2026, 11, 23)

        assert column_of(today - timedelta(days=days), today) == column

    def test_counts_what_the_patient_still_owes(self, practice, patient, practitioner, insurer, at):
        for days, amount in ((100, 1000), (70, 2000), (40, 4000), (1, 8000)):
            make_issued(practitioner, patient, at - timedelta(days=days), amount)
        paid = make_issued(practitioner, patient, at - timedelta(days=95), 300)
        record_payment(actor=MAKER, invoice=paid, payer="patient", method="card", amount=100, at=at)
        gone = make_issued(practitioner, patient, at - timedelta(days=95), 700)
        credit_invoice(actor=MAKER, invoice=gone, reason="Erreur", at=at)

        ages = aging(practice=practice, patient_ids=[patient.pk], today=date(2026, 11, 23))

        assert ages == {patient.pk: [8000, 4000, 2000, 1200]}

    def test_follows_the_instalments_of_a_plan_that_was_not_cancelled(
        self, practice, patient, practitioner, at
    ):
        # 300.00 issued 100 days ago, agreed in six instalments of 50.00, every thirty days since.
        start = at - timedelta(days=100)
        invoice = make_issued(practitioner, patient, start, 30_000)
        parts = [Due(start.date() + timedelta(days=30 * n), 5_000) for n in range(6)]
        plan = agree_plan(actor=MAKER, invoice=invoice, instalments=parts, at=start)

        def seen():
            """Return the columns, the statement's, and what a reminder would ask for since when."""
            ages = aging(practice=practice, patient_ids=[patient.pk], today=at.date())
            page = statement_of(patient=patient, at=at)
            debt = debt_of(invoice, at.date())
            shown = [int(re.sub(r"\D", "", age)) for age in page.ages]
            assert ages == {patient.pk: shown}
            return shown, page.invoices[0].days, debt and (debt.amount, (at.date() - debt.since).days)

        # Late: the instalments of 100, 70, 40 and 10 days ago, and two to come.
        assert seen() == ([15_000, 5_000, 5_000, 5_000], 100, (20_000, 100))
        pay = partial(record_payment, actor=MAKER, invoice=invoice, payer="patient", method="card", at=at)
        pay(amount=15_000)
        assert seen() == ([15_000, 0, 0, 0], 10, (5_000, 10))
        pay(amount=5_000)
        # Kept: nothing is overdue, however long ago the invoice was issued.
        assert seen() == ([10_000, 0, 0, 0], 0, None)
        cancel_plan(actor=MAKER, plan=plan, reason="Rompu", at=at)
        invoice.refresh_from_db()
        assert seen() == ([0, 0, 0, 10_000], 100, (10_000, 100))

    def test_costs_the_same_queries_with_many_plans(self, practice, patient, practitioner, at):
        def queries():
            with CaptureQueriesContext(connection) as seen:
                aging(practice=practice, patient_ids=[patient.pk], today=at.date())
            return len(seen)

        def agree(count):
            for _ in range(count):
                invoice = make_issued(practitioner, patient, at, 1000)
                agree_plan(actor=MAKER, invoice=invoice, instalments=[Due(at.date(), 1000)], at=at)

        agree(1)
        one = queries()
        agree(12)
        assert (one, queries()) == (3, 3)

    def test_shows_in_the_balance(self, api, ben, patient, practitioner):
        now = timezone.now()
        make_issued(practitioner, patient, now - timedelta(days=45), 4000)
        make_issued(practitioner, patient, now, 500)

        body = api(ben).get(f"/api/v1/patients/{patient.pk}/balance").json()

        assert (body["patient_due"], body["overdue"]) == (4500, 4000)


class TestStatement:
    def test_lists_what_is_open(self, patient, practitioner, at):
        old = make_issued(practitioner, patient, at - timedelta(days=40), 4000)
        record_payment(actor=MAKER, invoice=old, payer="patient", method="card", amount=1000, at=at)
        make_issued(practitioner, patient, at, 500)

        pdf = render_statement(statement_of(patient=patient, at=at))

        found = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True)
        text = re.sub(r"[\u00a0\u202f]", " ", found.stdout.decode())
        for wanted in (
            "23/11/2026", "Jeanne MARTIN", "FA-2026-000001", "14/10/2026", "40,00 €", "10,00 €", "30,00 €",
            "FA-2026-000002", "5,00 €", "35,00 €", "Cabinet des Lilas",
        ):  # fmt: skip
            assert wanted in text, wanted

    def test_costs_the_same_queries_however_many_invoices(self, patient, practitioner, at):
        def queries():
            with CaptureQueriesContext(connection) as seen:
                statement_of(patient=patient, at=at)
            return len(seen)

        make_issued(practitioner, patient, at, 1000)
        one = queries()
        for _ in range(49):
            make_issued(practitioner, patient, at, 1000)
        assert queries() == one

    def test_is_handed_out_and_recorded(self, api, ben, patient, practitioner, at):
        make_issued(practitioner, patient, at, 1000)

        answer = api(ben).get(f"/api/v1/statements/{patient.pk}/pdf")

        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
        entry = AccessEntry.objects.get(event="billing.statement.print")
        assert (entry.actor_id, entry.object_pk) == (ben.pk, str(patient.pk))

    def test_of_another_practice_does_not_exist(self, api, cleo, patient):
        assert api(cleo).get(f"/api/v1/statements/{patient.pk}/pdf").status_code == 404
