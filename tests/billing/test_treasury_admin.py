"""Closings, deposits and the training mode in the admin: shown before they are made, made by their services."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from apps.billing.models import BillingDocument, Closing, Deposit, TrainingSwitch
from apps.billing.services import QuoteLine, record_payment, refund_payment, render_documents
from apps.notifications.models import NotificationJob
from tests.admin.conftest import browser
from tests.billing.making import MAKER, make_issued, make_patient
from tests.billing.quoting import make_issued_quote

__all__ = ["browser"]


def address(name, *args):
    return reverse(f"admin:billing_{name}", args=args)


@pytest.fixture
def yesterday(patient, practitioner):
    """Yesterday's invoice, paid in cash and by cheque."""
    moment = timezone.now() - timedelta(days=1)
    invoice = make_issued(practitioner, patient, moment, 5000)
    for method, amount in (("cash", 3000), ("cheque", 1500)):
        record_payment(
            actor=MAKER, invoice=invoice, payer="patient", method=method, amount=amount, at=moment, reference="CIC 7"
        )  # fmt: skip
    return timezone.localdate(moment, timezone=patient.practice.zone)


class TestClosing:
    def test_shows_the_totals_before_it_closes(self, browser, dora, yesterday):
        page = browser(dora).get(address("closing_add")).content.decode()

        for text in ("50,00", "45,00", "30,00", "15,00", f'name="seen" value="day:{yesterday}"'):
            assert text in page
        assert not Closing.objects.exists()

    def test_closes_what_was_shown_with_the_cash_counted(self, browser, dora, yesterday):
        answer = browser(dora).post(
            address("closing_add"),
            {"period": "day", "day": yesterday.isoformat(), "counted": "29,50", "seen": f"day:{yesterday}"},
        )

        assert answer.status_code == 302
        closing = Closing.objects.get()
        assert (closing.invoiced, closing.received, closing.cash_counted) == (5000, 4500, 2950)
        assert closing.cash_difference == -50
        page = browser(dora).get(address("closing_change", closing.pk)).content.decode()
        assert "29,50" in page
        assert "-0,50" in page or "\u22120,50" in page

    def test_asks_to_look_at_the_totals_of_another_period_first(self, browser, dora, yesterday):
        month = {"period": "month", "day": "2020-01-05", "counted": ""}

        answer = browser(dora).post(address("closing_add"), {**month, "seen": f"day:{yesterday}"})

        assert answer.status_code == 200
        assert 'name="seen" value="month:2020-01-01"' in answer.content.decode()
        assert not Closing.objects.exists()
        answer = browser(dora).post(address("closing_add"), {**month, "seen": "month:2020-01-01"})
        assert Closing.objects.get().starts_on.isoformat() == "2020-01-01"

    def test_says_that_a_period_is_closed_or_not_over(self, browser, dora, yesterday):
        form = {"period": "day", "day": yesterday.isoformat(), "counted": "", "seen": f"day:{yesterday}"}
        browser(dora).post(address("closing_add"), form)

        again = browser(dora).post(address("closing_add"), form)
        assert again.status_code == 200
        assert Closing.objects.count() == 1
        today = yesterday + timedelta(days=1)
        early = browser(dora).post(
            address("closing_add"), {**form, "day": today.isoformat(), "seen": f"day:{today}"}
        )
        assert early.status_code == 200
        assert Closing.objects.count() == 1

    @pytest.mark.parametrize(
        "query", ["?period=week", "?day=nothing", "?day=2026-02-31", "?period=year&day=01/02/2020"]
    )
    def test_takes_any_address(self, browser, dora, practice, query):
        assert browser(dora).get(address("closing_add") + query).status_code == 200


class TestDeposit:
    def test_offers_the_cheques_of_the_drawer(
        self, browser, dora, yesterday, patient, practitioner, at, other_practice
    ):
        back = record_payment(
            actor=MAKER, invoice=make_issued(practitioner, patient, at, 900), payer="patient", method="cheque", amount=900,
            at=at,
        )  # fmt: skip
        refund_payment(actor=MAKER, payment=back, amount=100, reason="Trop", at=at)

        page = browser(dora).get(address("deposit_add")).content.decode()

        assert page.count('name="payments"') == 1
        assert "Jeanne MARTIN · 15,00" in page.replace("\u00a0", " ").replace("\u202f", " ")

    def test_puts_them_on_a_slip(self, browser, dora, yesterday, patient):
        cheque = patient.payments.get(method="cheque")

        answer = browser(dora).post(
            address("deposit_add"), {"payments": [str(cheque.pk)], "deposited_on": "", "reference": "R-1"}
        )

        assert answer.status_code == 302
        deposit = Deposit.objects.get()
        assert (deposit.amount, deposit.cheques, deposit.reference) == (1500, 1, "R-1")
        assert "CIC 7" in browser(dora).get(address("deposit_change", deposit.pk)).content.decode()

    def test_refuses_an_empty_slip_and_cheques_of_another_house(
        self, browser, dora, cleo, yesterday, patient
    ):
        cheque = patient.payments.get(method="cheque")

        for who, chosen in ((dora, []), (cleo, [str(cheque.pk)])):
            answer = browser(who).post(address("deposit_add"), {"payments": chosen, "reference": ""})
            assert answer.status_code in {200, 403}
        assert not Deposit.objects.exists()


class TestTrainingMode:
    def test_is_switched_with_a_reason(self, browser, dora, practice):
        page = browser(dora).get(address("trainingswitch_add")).content.decode()
        assert 'name="turned_on"' in page

        answer = browser(dora).post(address("trainingswitch_add"), {"turned_on": "on", "reason": "Stagiaire"})

        assert answer.status_code == 302
        assert TrainingSwitch.objects.get().turned_on
        again = browser(dora).post(address("trainingswitch_add"), {"turned_on": "on", "reason": "Stagiaire"})
        assert again.status_code == 200
        assert TrainingSwitch.objects.count() == 1

    def test_is_not_for_everybody(self, browser, ana, practice):
        assert browser(ana).get(address("trainingswitch_add")).status_code == 403


class TestFilesAndLinks:
    def test_prints_duplicates_by_post_only(self, browser, ana, cleo, patient, practitioner, acts, at):
        invoice = make_issued(practitioner, patient, at, 5000)
        quote = make_issued_quote(practitioner, patient, at, QuoteLine(act=acts["HBJD001"]))
        render_documents(at=at)
        for page, row in (("invoice", invoice), ("quote", quote)):
            where = address(f"{page}_duplicate", row.pk)
            assert where in browser(ana).get(address(f"{page}_change", row.pk)).content.decode()
            assert browser(ana).get(where).status_code == 403
            assert browser(cleo).post(where).status_code == 404
            answer = browser(ana).post(where)
            assert answer.content.startswith(b"%PDF-")
            assert "duplicata-1" in answer["Content-Disposition"]
        assert set(BillingDocument.objects.values_list("duplicates", flat=True)) == {1}

    def test_sends_the_link_of_a_quote(self, browser, ana, practice, practitioner, acts, at):
        patient = make_patient(practice, 7, phone="+33612345678")
        quote = make_issued_quote(practitioner, patient, timezone.now(), QuoteLine(act=acts["HBJD001"]))

        for action in ("email_chosen", "text_chosen"):
            answer = browser(ana).post(address(f"quote_{action}_do", quote.pk), {"confirmed": "yes"})
            assert answer.status_code == 302

        jobs = NotificationJob.objects.filter(template_key="billing.quote")
        assert set(jobs.values_list("channel", flat=True)) == {"email", "sms"}
