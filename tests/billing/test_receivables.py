"""Who owes what, and since when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.billing.instalments import Due
from apps.billing.receivables import receivables
from apps.billing.services import ShareInput, agree_plan, record_payment
from tests.billing.making import MAKER, make_issued, make_patient

pytestmark = pytest.mark.django_db
URL = "/api/v1/accounting/receivables"


def owed(viewer, practice, at):
    return receivables(viewer=viewer, practice=practice, today=at.astimezone(practice.zone).date())


class TestReceivables:
    def test_puts_each_debtors_debts_in_their_columns(
        self, ana, practice, patient, practitioner, insurer, at
    ):
        other_patient = make_patient(practice, 2)
        shares = [ShareInput(payer="insurer", insurer=insurer, kind="complementary", amount=6000)]
        shared = make_issued(practitioner, patient, at - timedelta(days=70), 10_000, shares=shares)
        make_issued(practitioner, patient, at - timedelta(days=5), 500)
        make_issued(practitioner, other_patient, at - timedelta(days=100), 300)
        record_payment(actor=MAKER, invoice=shared, payer="patient", method="card", amount=1000, at=at)

        found = owed(ana, practice, at)

        rows = [(row.payer, row.key, row.invoices, list(row.ages), row.total) for row in found.debtors]
        assert rows == [
            ("insurer", insurer.pk, 1, [0, 0, 6000, 0], 6000),
            ("patient", patient.pk, 2, [500, 0, 3000, 0], 3500),
            ("patient", other_patient.pk, 1, [0, 0, 0, 300], 300),
        ]
        assert found.ages("patient") == [500, 0, 3000, 300]
        assert found.debtors[2].since == shared.issued_on - timedelta(days=30)

    def test_ages_a_plan_from_the_days_of_its_instalments(self, ana, practice, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at - timedelta(days=95), 900)
        days = (-80, -35, 20)
        plan = [Due(at.date() + timedelta(days=day), 300) for day in days]
        agree_plan(actor=MAKER, invoice=invoice, instalments=plan, at=at - timedelta(days=94))

        assert owed(ana, practice, at).debtors[0].ages == [300, 300, 300, 0]

    def test_leaves_out_what_is_paid_and_who_is_not_seen(
        self, ana, cleo, practice, patient, practitioner, at
    ):
        paid = make_issued(practitioner, patient, at, 300)
        record_payment(actor=MAKER, invoice=paid, payer="patient", method="card", amount=300, at=at)
        make_issued(practitioner, patient, at, 700)

        assert [row.total for row in owed(ana, practice, at).debtors] == [700]
        assert owed(cleo, practice, at).debtors == []

    def test_asks_as_much_for_one_debt_as_for_many(self, ana, practice, patient, practitioner, at):
        make_issued(practitioner, patient, at, 100)
        counts = []
        for _n in range(2):
            with CaptureQueriesContext(connection) as captured:
                owed(ana, practice, at)
            counts.append(len(captured))
            for _more in range(12):
                make_issued(practitioner, patient, at, 100)

        assert counts[0] == counts[1] <= 4


class TestDoors:
    def test_answers_over_http(self, api, ben, patient, practitioner, at):
        make_issued(practitioner, patient, at - timedelta(days=40), 800)

        body = api(ben).get(URL).json()

        assert (body["currency"], body["patients"], body["insurers"]) == ("EUR", [0, 800, 0, 0], [0, 0, 0, 0])
        assert [(row["id"], row["total"]) for row in body["debtors"]] == [(str(patient.pk), 800)]

    def test_refuses_unknown_parameters(self, api, ben):
        answer = api(ben).get(URL, {"at": "2026-01-01"})

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")

    def test_is_a_page_of_the_admin(self, acting, ben, ines, patient, practitioner, at):
        make_issued(practitioner, patient, at - timedelta(days=40), 80_000)

        pages = {}
        for who in (ben, ines):
            browser = Client()
            with acting(who):
                browser.force_login(who)
            pages[who] = browser.get("/admin/billing/invoicereminder/receivables/")

        text = pages[ben].content.decode().replace("\u202f", " ").replace("\xa0", " ")
        assert patient.display_name in text
        assert "800,00 €" in text
        assert pages[ines].status_code == 403
