"""Instalment plans: agreed, matched with payments, late, cancelled, printed."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.billing.instalments import Due, evenly, owed_since, settled_of
from apps.billing.models import BillingDocument, Instalment, InstalmentPlan, Invoice
from apps.billing.plans import plan_on, plans_for
from apps.billing.rendering import load, render_html
from apps.billing.services import (
    ShareInput,
    agree_plan,
    cancel_plan,
    credit_invoice,
    delete_draft,
    issue_invoice,
    record_payment,
    refund_payment,
    update_draft,
)
from apps.billing.services.lines import LineInput
from apps.billing.services.plans import NothingToPlan, PlanClosed, PlanDoesNotAddUp, PlanExists
from apps.billing.statements import statement_of
from apps.core.errors import InvalidInput
from tests.admin.conftest import browser
from tests.billing.making import MAKER, make_draft, make_issued, make_patient
from tests.billing.test_admin import address
from tests.billing.test_issue_invoice import execute

__all__ = ["browser"]

URL = "/api/v1/instalment-plans"
amounts = st.integers(1, 10**9)


class TestEvenly:
    def test_gives_cents_that_do_not_divide_to_the_first_ones(self):
        assert evenly(10_000, 3, date(2027, 1, 31)) == [
            Due(date(2027, 1, 31), 3334),
            Due(date(2027, 2, 28), 3333),
            Due(date(2027, 3, 31), 3333),
        ]

    @settings(deadline=None)
    @given(amount=amounts, count=st.integers(1, 60), months=st.integers(1, 12))
    def test_re_adds(self, amount, count, months):
        dues = evenly(amount, count, date(2027, 1, 31), months)

        assert sum(due.amount for due in dues) == amount
        assert [due.due_on for due in dues] == sorted({due.due_on for due in dues})


class TestSettledOf:
    def test_pays_the_first_ones_and_credits_the_last(self):
        assert settled_of([100, 100, 100], paid=130, credited=90) == [100, 30, 90]
        assert settled_of([100, 100, 100], paid=0, credited=250) == [50, 100, 100]

    @settings(deadline=None)
    @given(
        parts=st.lists(amounts, min_size=1, max_size=12),
        paid=st.integers(0, 10**10),
        credited=st.integers(0, 10**10),
    )
    def test_settles_what_was_received_and_never_more(self, parts, paid, credited):
        settled = settled_of(parts, paid, credited)

        assert sum(settled) == min(sum(parts), paid + credited)
        assert all(0 <= done <= part for done, part in zip(settled, parts, strict=True))


class TestOwedSince:
    def test_ages_each_instalment_from_its_own_day(self):
        issued, first, second = date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)
        agreed = [Due(first, 100), Due(second, 50)]
        assert owed_since(150, issued, agreed) == agreed
        assert owed_since(150, issued, []) == [Due(issued, 150)]
        # 30 were moved to the patient after the agreement; 70 were moved away from them.
        assert owed_since(180, issued, agreed) == [Due(issued, 30), *agreed]
        assert owed_since(80, issued, agreed) == [Due(first, 80)]
        assert owed_since(0, issued, agreed) == []


@pytest.fixture
def invoice(patient, practitioner, insurer, at):
    """An invoice of 100.00 of which the patient owes 90.00."""
    share = ShareInput(payer="insurer", insurer=insurer, amount=1000)
    return make_issued(practitioner, patient, at, 10000, shares=[share])


@pytest.fixture
def agree(ana, invoice, at):
    """Agree on instalments of the given amounts, a month apart, the first one in a week."""

    def write(*parts, of=None, first=7):
        days = [(at + timedelta(days=first + 30 * n)).date() for n in range(len(parts))]
        dues = [Due(day, part) for day, part in zip(days, parts, strict=True)]
        return agree_plan(actor=ana, invoice=of or invoice, instalments=dues, at=at)

    return write


def standing(ana, plan, day):
    view = plan_on(plans_for(viewer=ana).get(pk=plan.pk), day)
    return view.status, [(one.settled, one.state) for one in view.instalments]


@pytest.mark.django_db
class TestAgreePlan:
    def test_covers_what_the_patient_still_owes(self, agree, ana, ben, invoice, at):
        record_payment(actor=ben, invoice=invoice, payer="patient", method="card", amount=1500, at=at)

        plan = agree(4000, 3500)

        assert (plan.amount, plan.paid_before) == (7500, 1500)
        assert standing(ana, plan, at.date()) == ("current", [(0, "due"), (0, "due")])

    def test_matches_payments_with_the_earliest_instalment(self, agree, ana, ben, invoice, at):
        plan = agree(3000, 3000, 3000)

        record_payment(actor=ben, invoice=invoice, payer="patient", method="card", amount=4000, at=at)

        day = at.date() + timedelta(days=20)
        assert standing(ana, plan, day) == (
            "current",
            [(3000, "paid"), (1000, "partly_paid"), (0, "due")],
        )
        assert standing(ana, plan, day + timedelta(days=30))[0] == "late"
        assert standing(ana, plan, at.date() + timedelta(days=37))[0] == "current", "its own day is in time"

    def test_leaves_the_insurer_s_money_out(self, agree, ana, ben, invoice, at):
        plan = agree(9000)

        record_payment(actor=ben, invoice=invoice, payer="insurer", method="transfer", amount=1000, at=at)

        assert standing(ana, plan, at.date()) == ("current", [(0, "due")])

    def test_is_paid_once_everything_is(self, agree, ana, ben, invoice, at):
        plan = agree(5000, 4000)

        payment = record_payment(
            actor=ben, invoice=invoice, payer="patient", method="card", amount=9000, at=at
        )
        assert standing(ana, plan, at.date())[0] == "paid"
        refund_payment(actor=MAKER, payment=payment, amount=100, reason="Erreur", at=at)
        assert standing(ana, plan, at.date()) == ("current", [(5000, "paid"), (3900, "partly_paid")])

    def test_is_shortened_from_its_end_by_a_credit(self, agree, ana, invoice, at):
        plan = agree(5000, 4000)
        item = invoice.items.get()

        credit_invoice(actor=MAKER, invoice=invoice, reason="Erreur", amounts={item.pk: 1000}, at=at)

        assert standing(ana, plan, at.date()) == ("current", [(0, "due"), (900, "partly_paid")])

    @pytest.mark.parametrize("parts", [(8999,), (5000, 4001), (9001,)])
    def test_refuses_instalments_that_do_not_add_up(self, agree, parts):
        with pytest.raises(PlanDoesNotAddUp) as refusal:
            agree(*parts)

        assert refusal.value.details["due"] == 9000
        assert not InstalmentPlan.objects.exists()

    @pytest.mark.parametrize(
        "days",
        [(), (-1, 3), (3, 3), (5, 3), tuple(range(61)), (400_000,)],
        ids=["none", "past", "twice", "back", "61", "far"],
    )
    def test_refuses_a_schedule_that_makes_no_sense(self, ana, invoice, at, days):
        dues = [Due(at.date() + timedelta(days=day), 1) for day in days]

        with pytest.raises(InvalidInput):
            agree_plan(actor=ana, invoice=invoice, instalments=dues, at=at)

    def test_refuses_an_instalment_of_nothing(self, ana, invoice, at):
        dues = [Due(at.date(), 9000), Due(at.date() + timedelta(days=1), 0)]

        with pytest.raises(InvalidInput):
            agree_plan(actor=ana, invoice=invoice, instalments=dues, at=at)

    def test_refuses_a_second_plan(self, agree):
        agree(9000)

        with pytest.raises(PlanExists):
            agree(9000)

    def test_refuses_what_is_not_owed(self, agree, ben, invoice, patient, practitioner, at):
        note = credit_invoice(
            actor=MAKER, invoice=make_issued(practitioner, patient, at, 100), reason="Erreur", at=at
        )
        record_payment(actor=ben, invoice=invoice, payer="patient", method="card", amount=9000, at=at)

        for row in (invoice, note, make_draft(practitioner, patient, at)):
            with pytest.raises(NothingToPlan):
                agree(9000, of=row)


@pytest.mark.django_db
class TestDrafts:
    def test_a_plan_of_a_draft_is_printed_in_the_invoice(self, agree, ana, patient, practitioner, at):
        draft = make_draft(practitioner, patient, at, 9000)
        plan = agree(5000, 4000, of=draft)
        assert standing(ana, plan, at.date() + timedelta(days=50))[0] == "current", "a draft is not owed"

        issue_invoice(actor=MAKER, invoice=draft, at=at)

        html = render_html(load(BillingDocument.objects.get(invoice=draft)), "fr")
        assert "30/11/2026" in html
        assert "50,00\u00a0€" in html
        assert standing(ana, plan, at.date() + timedelta(days=50))[0] == "late"

    def test_a_later_plan_does_not_change_the_invoice(self, agree, invoice, at):
        document = BillingDocument.objects.get(invoice=invoice)
        before = render_html(load(document), "fr")

        agree_plan(
            actor=MAKER,
            invoice=invoice,
            instalments=[Due(at.date() + timedelta(days=9), 9000)],
            at=at + timedelta(minutes=1),
        )

        assert render_html(load(document), "fr") == before

    def test_refuses_the_issue_once_the_lines_changed(self, agree, ana, patient, practitioner, at):
        draft = make_draft(practitioner, patient, at, 9000)
        agree(5000, 4000, of=draft)
        update_draft(actor=ana, invoice=draft, lines=[LineInput(label="Soin", unit_price=8000)], at=at)

        with pytest.raises(PlanDoesNotAddUp):
            issue_invoice(actor=ana, invoice=draft, at=at)

        assert Invoice.objects.get(pk=draft.pk).is_draft

    def test_goes_with_its_draft(self, agree, ana, patient, practitioner, at):
        draft = make_draft(practitioner, patient, at, 9000)
        agree(5000, 4000, of=draft)

        delete_draft(actor=ana, invoice=draft)

        assert not Instalment.objects.exists()


@pytest.mark.django_db
class TestCancelPlan:
    def test_makes_room_for_another_one(self, agree, ana, at):
        plan = agree(9000)

        cancel_plan(actor=ana, plan=plan, reason="Trop court", at=at)

        assert standing(ana, plan, at.date())[0] == "cancelled"
        assert agree(4500, 4500).pk != plan.pk

    def test_refuses_a_second_time_a_paid_one_and_no_reason(self, agree, ana, ben, invoice, at):
        plan = agree(9000)
        with pytest.raises(InvalidInput):
            cancel_plan(actor=ana, plan=plan, reason=" ", at=at)
        cancel_plan(actor=ana, plan=plan, reason="Trop court", at=at)
        paid = agree(9000)
        record_payment(actor=ben, invoice=invoice, payer="patient", method="card", amount=9000, at=at)

        for row in (plan, paid):
            with pytest.raises(PlanClosed):
                cancel_plan(actor=ana, plan=row, reason="x", at=at)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE billing_instalmentplan SET amount = 1",
            "UPDATE billing_instalmentplan SET cancelled_at = NULL WHERE cancelled_at IS NOT NULL",
            "DELETE FROM billing_instalmentplan",
            "UPDATE billing_instalment SET amount = 1",
            "DELETE FROM billing_instalment",
        ],
    )
    def test_is_all_that_changes(self, agree, ana, at, statement):
        cancel_plan(actor=ana, plan=agree(9000), reason="Trop court", at=at)

        with pytest.raises(IntegrityError), transaction.atomic():
            execute(statement)


class TestLateness:
    @settings(deadline=None)
    @given(data=st.data())
    def test_in_the_database_means_late_on_the_page(self, data):
        """Compare the SQL condition with the computation over drawn amounts."""
        parts = data.draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
        paid, credited = data.draw(st.integers(0, 20)), data.draw(st.integers(0, 20))
        fallen = data.draw(st.integers(0, len(parts)))
        settled = settled_of(parts, paid, credited)

        late = any(done < part for done, part in list(zip(settled, parts, strict=True))[:fallen])
        said = paid < sum(parts[:fallen]) and paid + credited < sum(parts)

        assert late == said


@pytest.mark.django_db
class TestLate:
    def test_lists_late_plans_of_issued_invoices(self, agree, patient, practitioner, ben, invoice, at):
        late = agree(3000, 6000)
        draft = make_draft(practitioner, patient, at, 9000)
        agree(3000, 6000, of=draft)
        day = at.date() + timedelta(days=8)

        assert list(InstalmentPlan.objects.all().late(day)) == [late]
        assert not InstalmentPlan.objects.all().late(day - timedelta(days=1))
        record_payment(actor=ben, invoice=invoice, payer="patient", method="card", amount=3000, at=at)
        assert not InstalmentPlan.objects.all().late(day)

    def test_is_said_by_the_statement(self, agree, patient, at):
        agree(3000, 6000)

        page = statement_of(patient=patient, at=at + timedelta(days=10))

        assert [(row.number, row.due_on, row.left) for row in page.instalments] == [
            ("FA-2026-000001", "30/11/2026", "30,00\u00a0€"),
            ("FA-2026-000001", "30/12/2026", "60,00\u00a0€"),
        ]
        assert [row.late for row in page.instalments] == [True, False]


@pytest.fixture
def recent(patient, practitioner):
    """An invoice of today, since the API's clock is the real one."""
    return make_issued(practitioner, patient, timezone.now(), 9000)


@pytest.fixture
def body(recent):
    first = timezone.now().date() + timedelta(days=10)
    return {"invoice": str(recent.pk), "count": 3, "first_due_on": first.isoformat()}


def code_of(answer):
    return answer.json()["error"]["code"]


@pytest.mark.django_db
class TestApi:
    def test_spreads_what_is_due_evenly(self, api, ana, body, recent, patient):
        answer = api(ana).post(URL, body)

        assert answer.status_code == 201, answer.json()
        got = answer.json()
        assert (got["status"], got["amount"], got["settled"], got["overdue"]) == ("current", 9000, 0, 0)
        assert (got["number"], got["patient"]["id"]) == (recent.number, str(patient.pk))
        assert [one["amount"] for one in got["instalments"]] == [3000, 3000, 3000]
        assert got["next_due_on"] == body["first_due_on"]
        invoice = api(ana).get(f"/api/v1/invoices/{recent.pk}").json()
        assert invoice["plan"] == got["id"]

    def test_takes_instalments_as_given(self, api, ana, recent, body):
        dues = [{"due_on": body["first_due_on"], "amount": 9000}]

        answer = api(ana).post(URL, {"invoice": str(recent.pk), "instalments": dues})

        assert answer.json()["instalments"] == [{"position": 1, **dues[0], "settled": 0, "state": "due"}]

    @pytest.mark.parametrize(
        ("change", "status", "code"),
        [
            ({"count": 0}, 400, "VALIDATION_ERROR"),
            ({"count": 61}, 400, "VALIDATION_ERROR"),
            ({"months": 0}, 400, "VALIDATION_ERROR"),
            ({"first_due_on": None}, 400, "VALIDATION_ERROR"),
            ({"first_due_on": "2020-01-01"}, 400, "VALIDATION_ERROR"),
            ({"first_due_on": "9999-12-31"}, 400, "VALIDATION_ERROR"),
            ({"instalments": [{"due_on": "2999-01-01", "amount": 9000}]}, 400, "VALIDATION_ERROR"),
            ({"invoice": "0192d3c4-0000-7000-8000-000000000000"}, 400, "VALIDATION_ERROR"),
        ],
    )
    def test_refuses_bad_input_and_writes_nothing(self, api, ana, body, change, status, code):
        answer = api(ana).post(URL, body | change)

        assert (answer.status_code, code_of(answer)) == (status, code)
        assert not InstalmentPlan.objects.exists()

    def test_refuses_what_does_not_add_up_and_a_second_one(self, api, ana, recent, body):
        dues = [{"due_on": body["first_due_on"], "amount": 8999}]
        client = api(ana)

        wrong = client.post(URL, {"invoice": str(recent.pk), "instalments": dues})
        assert (wrong.status_code, code_of(wrong)) == (409, "PLAN_MISMATCH")
        assert client.post(URL, body).status_code == 201
        again = client.post(URL, body)
        assert (again.status_code, code_of(again)) == (409, "PLAN_EXISTS")

    def test_cancels_with_a_reason(self, api, ana, body):
        client = api(ana)
        plan = client.post(URL, body).json()["id"]

        answer = client.post(f"{URL}/{plan}/cancel", {"reason": "Trop long"})

        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        again = client.post(f"{URL}/{plan}/cancel", {"reason": "Trop long"})
        assert (again.status_code, code_of(again)) == (409, "PLAN_CLOSED")

    def test_is_agreed_by_who_bills_and_seen_by_the_front_desk(self, api, ana, ben, body):
        assert api(ben).post(URL, body).status_code == 403
        plan = api(ana).post(URL, body).json()["id"]
        assert api(ben).get(f"{URL}/{plan}").status_code == 200
        assert api(ben).post(f"{URL}/{plan}/cancel", {"reason": "x"}).status_code == 403

    def test_is_unknown_to_another_practice(self, api, ana, cleo, body):
        plan = api(ana).post(URL, body).json()["id"]
        client = api(cleo)

        assert client.post(URL, body).status_code == 400
        assert client.get(f"{URL}/{plan}").status_code == 404
        assert client.post(f"{URL}/{plan}/cancel", {"reason": "x"}).status_code == 404
        assert client.get(URL).json()["count"] == 0

    def test_filters_the_late_ones(self, api, ana, patient, practitioner, at):
        past = timezone.now() - timedelta(days=40)
        late = make_issued(practitioner, patient, past, 500)
        day = (past + timedelta(days=5)).date()
        agree_plan(actor=MAKER, invoice=late, instalments=[Due(day, 500)], at=past)
        client = api(ana)

        assert [row["status"] for row in client.get(f"{URL}?late=true").json()["results"]] == ["late"]
        assert client.get(f"{URL}?late=false").json()["count"] == 0
        assert client.get(f"{URL}?patient={patient.pk}").json()["results"][0]["overdue"] == 500

    def test_costs_the_same_queries_with_many_plans(self, api, ana, acts, practice, practitioner):
        client, now = api(ana), timezone.now()
        day = now.date() + timedelta(days=3)

        def add(number):
            who = make_patient(practice, number=number, email=f"p{number}@test.test")
            row = make_issued(practitioner, who, now, 300)
            agree_plan(actor=MAKER, invoice=row, instalments=evenly(300, 3, day), at=now)

        def queries():
            with CaptureQueriesContext(connection) as seen:
                assert client.get(f"{URL}?page_size=100").status_code == 200
            return len(seen)

        add(100)
        queries()
        one = queries()
        for number in range(101, 150):
            add(number)
        assert queries() == one


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def test_one_plan_is_agreed(self, ana, invoice, at):
        results, gate = [], threading.Barrier(2)

        def work():
            try:
                gate.wait()
                agree_plan(
                    actor=ana, invoice=invoice, instalments=[Due(at.date() + timedelta(days=9), 9000)], at=at
                )
                results.append("agreed")
            except PlanExists:
                results.append("refused")
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

        assert sorted(results) == ["agreed", "refused"]
        assert InstalmentPlan.objects.count() == 1


@pytest.mark.django_db
class TestAdmin:
    def test_agrees_from_a_number_and_a_first_day(self, browser, ana, recent, body):
        client = browser(ana)
        form = {
            "invoice_number": recent.number.lower(),
            "count": "3",
            "first_due_on": body["first_due_on"],
            "months": "1",
        }

        answer = client.post(address("instalmentplan_add"), form)

        assert answer.status_code == 302, answer.content.decode()[:3000]
        plan = InstalmentPlan.objects.get()
        page = client.get(address("instalmentplan_change", plan.pk)).content.decode()
        assert "30,00\u00a0€" in page
        assert recent.number in client.get(address("instalmentplan_changelist")).content.decode()
        assert (
            address("instalmentplan_change", plan.pk)
            in client.get(address("invoice_change", recent.pk)).content.decode()
        )

    def test_shows_the_form_again_when_it_is_refused(self, browser, ana, recent, body):
        client = browser(ana)
        form = {"count": "3", "first_due_on": body["first_due_on"], "months": "1"}

        for number in ("FA-1999-1", ""):
            answer = client.post(address("instalmentplan_add"), form | {"invoice_number": number})
            assert answer.status_code == 200
        assert not InstalmentPlan.objects.exists()

    def test_cancels_with_a_reason(self, browser, ana, recent, body):
        plan = agree_plan(
            actor=MAKER,
            invoice=recent,
            instalments=[Due(date.fromisoformat(body["first_due_on"]), 9000)],
            at=timezone.now(),
        )
        data = {
            "action": "cancel_chosen",
            "_selected_action": [str(plan.pk)],
            "confirmed": "yes",
            "reason": "Trop court",
        }

        browser(ana).post(address("instalmentplan_changelist"), data, follow=True)

        plan.refresh_from_db()
        assert plan.reason == "Trop court"
