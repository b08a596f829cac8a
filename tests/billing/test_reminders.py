"""Reminders of unpaid invoices: when they leave, to whom, and when they stop."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.billing.dunning import level_due
from apps.billing.instalments import Due
from apps.billing.models import DunningPolicy, InvoiceReminder
from apps.billing.services import (
    ShareInput,
    agree_plan,
    credit_invoice,
    record_payment,
    render_documents,
)
from apps.billing.services.account import put_on_account
from apps.billing.services.reminders import (
    AlreadyReminded,
    NothingOverdue,
    PatientNotReachable,
    remind,
    send_reminders,
    set_dunning,
)
from apps.billing.tasks import send_due_reminders
from apps.core.errors import InvalidInput
from apps.core.scope import SystemActor
from apps.notifications.models import NotificationJob
from apps.notifications.texts import ensure_house_texts
from tests.admin.conftest import browser
from tests.billing.making import MAKER, make_draft, make_issued, make_patient
from tests.billing.test_admin import address
from tests.billing.test_issue_invoice import execute

__all__ = ["browser"]

CLOCK = SystemActor("billing-clock")
DAYS = (15, 30, 60)
# The Monday on which the invoices of these tests are issued; noon in Paris.
ISSUED = datetime(2026, 9, 7, 10, 0, tzinfo=UTC)


def after(days):
    return ISSUED + timedelta(days=days)


class TestLevelDue:
    @pytest.mark.parametrize(
        ("sent", "on", "level"),
        [
            ([], 14, None),
            ([], 15, 1),
            ([], 400, 1),
            ([15], 29, None),
            ([15], 30, 2),
            ([40], 41, None),
            ([40], 54, None),
            ([40], 55, 2),
            ([15, 30], 59, None),
            ([15, 30], 60, 3),
            ([15, 30, 60], 400, None),
        ],
    )
    def test_follows_the_days_and_their_distance(self, sent, on, level):
        start = date(2026, 1, 1)
        days = [start + timedelta(days=day) for day in sent]

        assert level_due(DAYS, days, start, start + timedelta(days=on)) == level


@pytest.fixture
def texts(db):
    ensure_house_texts()


@pytest.fixture
def invoice(texts, patient, practitioner, insurer):
    """An invoice of 50.00 of which an insurer owes 30.00."""
    share = ShareInput(payer="insurer", insurer=insurer, amount=3000)
    return make_issued(practitioner, patient, ISSUED, 5000, shares=[share])


def round_on(days):
    return send_reminders(actor=CLOCK, at=after(days))


def levels():
    return list(InvoiceReminder.objects.order_by("pk").values_list("level", "channel", "amount"))


@pytest.mark.django_db
class TestSendReminders:
    def test_asks_the_patient_for_their_own_share_only(self, invoice, patient):
        assert (round_on(14), round_on(15), round_on(15)) == (0, 1, 0)

        reminder, job = (
            InvoiceReminder.objects.get(),
            NotificationJob.objects.get(template_key="billing.reminder"),
        )
        assert (reminder.level, reminder.channel, reminder.amount, reminder.is_manual) == (
            1,
            "email",
            2000,
            False,
        )
        assert (reminder.message, job.recipient, job.cause_id) == (job.pk, patient.email, invoice.pk)
        assert job.context["amount"] == "20,00\u00a0€"
        assert job.context["number"] == invoice.number

    def test_goes_through_the_levels_and_stops_after_the_last(self, invoice):
        sent = [day for day in range(10, 120) if round_on(day)]

        # Day 60 is a Friday; day 15, a Tuesday; day 30, a Wednesday.
        assert sent == [15, 30, 60]
        assert [level for level, _c, _a in levels()] == [1, 2, 3]
        assert NotificationJob.objects.filter(template_key="billing.last_reminder").count() == 1

    def test_carries_the_invoice_once_it_is_made(self, invoice):
        render_documents(at=ISSUED)

        round_on(15)

        job = NotificationJob.objects.get(template_key="billing.reminder")
        assert [row["filename"] for row in job.attachments] == [f"{invoice.number}.pdf"]

    def test_never_asks_for_what_an_insurer_owes(self, ben, invoice):
        record_payment(actor=ben, invoice=invoice, payer="patient", method="card", amount=2000, at=after(1))

        assert round_on(40) == 0
        invoice.refresh_from_db()
        assert invoice.status == "partially_paid"

    def test_asks_for_what_is_left(self, ben, invoice):
        record_payment(actor=ben, invoice=invoice, payer="patient", method="card", amount=500, at=after(1))

        round_on(15)

        assert levels() == [(1, "email", 1500)]

    def test_counts_what_stands_on_the_account(self, ben, invoice, patient):
        put_on_account(actor=ben, patient=patient, method="card", amount=1500, at=after(1))
        round_on(15)
        assert levels() == [(1, "email", 500)]

        put_on_account(actor=ben, patient=patient, method="card", amount=500, at=after(16))
        assert round_on(30) == 0

    def test_stops_when_the_invoice_is_credited_or_paid(self, ben, invoice):
        round_on(15)
        waiting = NotificationJob.objects.get(template_key="billing.reminder")

        credit_invoice(actor=MAKER, invoice=invoice, reason="Erreur", at=after(15))

        waiting.refresh_from_db()
        assert waiting.state == "cancelled"
        assert round_on(60) == 0

    def test_takes_a_queued_reminder_back_when_the_patient_pays(self, ben, invoice):
        round_on(15)
        waiting = NotificationJob.objects.get(template_key="billing.reminder")

        record_payment(actor=ben, invoice=invoice, payer="patient", method="card", amount=1999, at=after(15))
        waiting.refresh_from_db()
        assert waiting.state == "pending"
        record_payment(actor=ben, invoice=invoice, payer="patient", method="card", amount=1, at=after(15))

        waiting.refresh_from_db()
        assert waiting.state == "cancelled"

    def test_is_silent_while_a_plan_is_kept_and_asks_for_what_is_late_of_it(self, ben, invoice):
        round_on(15)
        dues = [Due(after(30).date(), 800), Due(after(90).date(), 1200)]
        plan = agree_plan(actor=MAKER, invoice=invoice, instalments=dues, at=after(16))

        assert [day for day in range(17, 100) if round_on(day)] == [45, 60, 91]
        rows = InvoiceReminder.objects.filter(plan=plan).order_by("level")
        assert [(row.level, row.amount) for row in rows] == [(1, 800), (2, 800), (3, 2000)]

    def test_respects_who_wants_no_contact_and_how(self, invoice, patient, acting, ana):
        with acting(ana):
            type(patient).objects.filter(pk=patient.pk).update(do_not_contact=True)
        assert round_on(20) == 0
        with acting(ana):
            type(patient).objects.filter(pk=patient.pk).update(
                do_not_contact=False, reminder_email=False, phone="+33612345678", reminder_sms=True
            )

        assert round_on(21) == 1
        assert levels() == [(1, "sms", 2000)]
        with acting(ana):
            type(patient).objects.filter(pk=patient.pk).update(reminder_sms=False)
        assert round_on(40) == 0

    def test_writes_in_the_patient_s_language(self, invoice, patient, acting, ana):
        with acting(ana):
            type(patient).objects.filter(pk=patient.pk).update(language="en")

        round_on(15)

        job = NotificationJob.objects.get(template_key="billing.reminder")
        assert (job.language, job.context["amount"]) == ("en", "€20.00")

    @pytest.mark.parametrize(
        "moment", [after(19), after(20), after(21) - timedelta(hours=6), after(21) + timedelta(hours=8)]
    )
    def test_leaves_nights_and_weekends_alone(self, invoice, moment):
        # Days 19 and 20 are a Saturday and a Sunday.
        assert send_reminders(actor=CLOCK, at=moment) == 0

    def test_follows_the_practice_s_own_days_or_silence(self, dora, invoice, practice):
        set_dunning(actor=dora, practice=practice, days=[5], is_active=True)
        assert (round_on(4), round_on(7)) == (0, 1)
        assert NotificationJob.objects.filter(template_key="billing.reminder").count() == 1, (
            "one level: no last one"
        )
        set_dunning(actor=dora, practice=practice, days=[5, 6], is_active=False)
        assert round_on(30) == 0
        assert DunningPolicy.objects.count() == 1

    def test_leaves_drafts_and_credit_notes_alone(self, texts, patient, practitioner):
        make_draft(practitioner, patient, ISSUED, 5000)
        credited = make_issued(practitioner, patient, ISSUED, 5000)
        credit_invoice(actor=MAKER, invoice=credited, reason="Erreur", at=ISSUED)

        assert round_on(40) == 0

    def test_one_patient_s_trouble_does_not_stop_the_others(self, invoice, practice, practitioner):
        nowhere = make_patient(practice, number=3, email="")
        make_issued(practitioner, nowhere, ISSUED, 100)

        assert round_on(15) == 1

    def test_runs_by_itself(self, invoice):
        assert send_due_reminders() in (0, 1)

    @pytest.mark.parametrize(
        "statement", ["UPDATE billing_invoicereminder SET level = 9", "DELETE FROM billing_invoicereminder"]
    )
    def test_keeps_its_log(self, invoice, statement):
        round_on(15)

        with pytest.raises(IntegrityError), transaction.atomic():
            execute(statement)


@pytest.mark.django_db
class TestRemind:
    def test_goes_a_level_further_whatever_the_days_say(self, ben, invoice):
        assert [remind(actor=ben, invoice=invoice, at=after(day)).level for day in (1, 2)] == [1, 2]
        assert InvoiceReminder.objects.filter(is_manual=True).count() == 2
        assert round_on(15) == 0, "the next one keeps its distance"

    def test_is_refused_twice_a_day(self, ben, invoice):
        remind(actor=ben, invoice=invoice, at=after(1))

        with pytest.raises(AlreadyReminded):
            remind(actor=ben, invoice=invoice, at=after(1) + timedelta(hours=3))

    def test_is_refused_when_nothing_is_due(self, ben, invoice, patient, practitioner):
        record_payment(actor=ben, invoice=invoice, payer="patient", method="card", amount=2000, at=after(1))

        for row in (invoice, make_draft(practitioner, patient, ISSUED, 100)):
            with pytest.raises(NothingOverdue):
                remind(actor=ben, invoice=row, at=after(20))

    def test_is_refused_when_nobody_can_be_reached(self, ben, invoice, patient, acting, ana):
        with acting(ana):
            type(patient).objects.filter(pk=patient.pk).update(do_not_contact=True)

        with pytest.raises(PatientNotReachable):
            remind(actor=ben, invoice=invoice, at=after(20))
        assert not InvoiceReminder.objects.exists()


@pytest.mark.django_db
class TestSetDunning:
    @pytest.mark.parametrize("days", [[], [0], [-1, 5], [10, 10], [20, 10], [731], [1, 2, 3, 4, 5, 6, 7]])
    def test_refuses_days_that_do_not_rise(self, dora, practice, days):
        with pytest.raises(InvalidInput):
            set_dunning(actor=dora, practice=practice, days=days, is_active=True)
        assert not DunningPolicy.objects.exists()


@pytest.mark.django_db
class TestApi:
    URL = "/api/v1/dunning-policy"

    def test_reminds_and_lists_the_log(self, api, ben, invoice, patient):
        client = api(ben)

        answer = client.post(f"/api/v1/invoices/{invoice.pk}/remind")

        assert answer.status_code == 201, answer.json()
        got = answer.json()
        assert (got["level"], got["amount"], got["is_manual"]) == (1, 2000, True)
        listed = client.get(f"/api/v1/invoice-reminders?invoice={invoice.pk}").json()["results"]
        assert listed == [got]
        assert client.get(f"/api/v1/invoice-reminders?patient={patient.pk}").json()["count"] == 1
        again = client.post(f"/api/v1/invoices/{invoice.pk}/remind")
        assert (again.status_code, again.json()["error"]["code"]) == (409, "ALREADY_REMINDED")

    def test_is_unknown_to_another_practice(self, api, ben, cleo, invoice):
        api(ben).post(f"/api/v1/invoices/{invoice.pk}/remind")

        assert api(cleo).post(f"/api/v1/invoices/{invoice.pk}/remind").status_code == 404
        assert api(cleo).get("/api/v1/invoice-reminders").json()["count"] == 0

    def test_says_and_sets_the_days(self, api, ben, dora, cleo, practice):
        assert api(ben).get(self.URL).json() == {"days": [15, 30, 60], "is_active": True}
        assert api(ben).post(self.URL, {"days": [10]}).status_code == 403

        answer = api(dora).post(self.URL, {"days": [10, 20]})

        assert (answer.status_code, answer.json()) == (200, {"days": [10, 20], "is_active": True})
        assert api(ben).get(self.URL).json()["days"] == [10, 20]
        assert api(cleo).get(self.URL).json()["days"] == [15, 30, 60]

    @pytest.mark.parametrize("days", [[], [0], [20, 10], ["x"], [731], None])
    def test_refuses_bad_days(self, api, dora, days):
        answer = api(dora).post(self.URL, {"days": days})

        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")
        assert not DunningPolicy.objects.exists()

    def test_costs_the_same_queries_with_many_reminders(self, api, ben, acts, texts, practice, practitioner):
        client = api(ben)

        def add(number):
            who = make_patient(practice, number=number, email=f"r{number}@test.test")
            remind(actor=ben, invoice=make_issued(practitioner, who, ISSUED, 100), at=after(20))

        def queries():
            with CaptureQueriesContext(connection) as seen:
                assert client.get("/api/v1/invoice-reminders?page_size=100").status_code == 200
            return len(seen)

        add(100)
        queries()
        one = queries()
        for number in range(101, 150):
            add(number)
        assert queries() == one


@pytest.mark.django_db(transaction=True)
def test_two_rounds_at_once_send_one_reminder(invoice):
    gate, done = threading.Barrier(2), []

    def work():
        gate.wait()
        done.append(round_on(15))
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(done) == [0, 1]
    assert InvoiceReminder.objects.count() == 1


@pytest.mark.django_db
class TestAdmin:
    def test_reminds_and_shows_the_log(self, browser, ben, invoice):
        client = browser(ben)
        data = {"action": "remind_chosen", "_selected_action": [str(invoice.pk)], "confirmed": "yes"}

        client.post(address("invoice_changelist"), data, follow=True)

        reminder = InvoiceReminder.objects.get()
        assert "20,00\u00a0€" in client.get(address("invoice_change", invoice.pk)).content.decode()
        assert invoice.number in client.get(address("invoicereminder_changelist")).content.decode()
        assert client.get(address("invoicereminder_change", reminder.pk)).status_code == 200

    def test_sets_the_days(self, browser, dora, ben):
        client = browser(dora)

        for wrong in ("soon", "30, 15", ""):
            answer = client.post(address("dunningpolicy_add"), {"levels": wrong, "is_active": "on"})
            assert answer.status_code == 200
        assert (
            client.post(address("dunningpolicy_add"), {"levels": "10, 20", "is_active": "on"}).status_code
            == 302
        )
        policy = DunningPolicy.objects.get()
        assert policy.days == [10, 20]
        assert client.post(address("dunningpolicy_change", policy.pk), {"levels": "12"}).status_code == 302
        policy.refresh_from_db()
        assert (policy.days, policy.is_active) == ([12], False)
        assert client.get(address("dunningpolicy_add")).status_code == 403
        assert "12" in browser(ben).get(address("dunningpolicy_change", policy.pk)).content.decode()
