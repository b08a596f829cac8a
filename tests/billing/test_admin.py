"""Billing in the admin: every form and action goes through its service."""

from __future__ import annotations

import pytest
from django.urls import reverse

from apps.audit.models import AuditEntry
from apps.billing.models import BillingDocument, Invoice, Payment
from apps.billing.services import ShareInput, render_documents
from apps.notifications.models import NotificationJob
from tests.admin.conftest import browser
from tests.billing.making import make_draft, make_issued, make_patient, make_treatment

__all__ = ["browser"]


def address(name, *args):
    return reverse(f"admin:billing_{name}", args=args)


def rows(prefix, *filled, initial=0):
    """Return a formset's fields."""
    data = {
        f"{prefix}-TOTAL_FORMS": len(filled),
        f"{prefix}-INITIAL_FORMS": initial,
        f"{prefix}-MIN_NUM_FORMS": 0,
        f"{prefix}-MAX_NUM_FORMS": 1000,
    }
    for n, row in enumerate(filled):
        data |= {f"{prefix}-{n}-{name}": value for name, value in row.items()}
    return data


@pytest.fixture
def draft_form(patient, practitioner):
    return {"patient": str(patient.pk), "practitioner": str(practitioner.pk), "language": "fr"}


class TestInvoiceForm:
    def test_writes_a_draft_with_lines_and_shares(
        self, browser, ana, acts, draft_form, insurer, patient, practitioner, at
    ):
        treatment = make_treatment(practitioner, patient, acts["HBJD001"], at.replace(year=2025))
        lines = rows(
            "items",
            {"treatment": str(treatment.pk), "quantity": "1"},
            {"act": str(acts["HN-BLANC"].pk), "quantity": "1", "price": "360,00", "rebate": "10 €"},
            {"label": "Brosse", "quantity": "2", "price": "4.50", "vat": "STD20"},
        )
        shares = rows("shares", {"insurer": str(insurer.pk), "kind": "complementary", "part": "20"})

        answer = browser(ana).post(address("invoice_add"), {**draft_form, **lines, **shares})

        assert answer.status_code == 302, answer.content.decode()[:2000]
        invoice = Invoice.objects.get()
        assert list(invoice.items.order_by("position").values_list("total_amount", "vat_code")) == [
            (4338, "EXEMPT"),
            (35000, "STD20"),
            (900, "STD20"),
        ]
        assert list(invoice.shares.order_by("position").values_list("payer", "amount")) == [
            ("insurer", 2000),
            ("patient", 38238),
        ]
        assert AuditEntry.objects.about(invoice).get().event == "billing.invoice.create"

    def test_shows_the_form_again_when_the_service_refuses(self, browser, ana, draft_form, acts):
        lines = rows("items", {"act": str(acts["HBLD634"].pk), "quantity": "1", "tooth": "26"})

        answer = browser(ana).post(address("invoice_add"), {**draft_form, **lines, **rows("shares")})

        assert answer.status_code == 200
        assert not Invoice.objects.exists()

    def test_changes_a_draft(self, browser, ana, draft_form, patient, practitioner, at):
        draft = make_draft(practitioner, patient, at, 5000)
        item = draft.items.get()
        lines = rows(
            "items", {"id": str(item.pk), "label": "Autre", "quantity": "3", "price": "50"}, initial=1
        )

        answer = browser(ana).post(
            address("invoice_change", draft.pk), {**draft_form, **lines, **rows("shares")}
        )

        assert answer.status_code == 302
        draft.refresh_from_db()
        assert (draft.total_amount, draft.items.get().label) == (15000, "Autre")

    def test_throws_a_draft_away(self, browser, ana, patient, practitioner, at):
        draft = make_draft(practitioner, patient, at, 5000)

        browser(ana).post(address("invoice_delete", draft.pk), {"post": "yes"})

        assert not Invoice.objects.exists()

    def test_does_not_let_an_issued_one_be_edited_or_deleted(self, browser, ana, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)
        client = browser(ana)

        page = client.get(address("invoice_change", invoice.pk))

        assert page.status_code == 200
        assert "FA-2026-000001" in page.content.decode()
        assert client.post(address("invoice_change", invoice.pk), {}).status_code == 403
        assert client.post(address("invoice_delete", invoice.pk), {"post": "yes"}).status_code == 403

    def test_hides_another_practice_s(self, browser, cleo, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)
        client = browser(cleo)

        assert client.get(address("invoice_change", invoice.pk)).status_code == 404
        assert client.get(address("invoice_pdf", invoice.pk)).status_code == 404
        assert "FA-2026-000001" not in client.get(address("invoice_changelist")).content.decode()

    def test_shows_amounts_as_people_read_them(self, browser, ana, insurer, patient, practitioner, at):
        share = ShareInput(payer="insurer", insurer=insurer, amount=30000)
        invoice = make_issued(practitioner, patient, at, 123456, shares=[share])
        client = browser(ana)

        for page in (address("invoice_change", invoice.pk), address("invoice_changelist")):
            assert "1\u202f234,56\u00a0€" in client.get(page).content.decode()


class TestInvoiceActions:
    def run(self, client, name, *invoices, **fields):
        data = {
            "action": name,
            "_selected_action": [str(i.pk) for i in invoices],
            "confirmed": "yes",
            **fields,
        }
        return client.post(address("invoice_changelist"), data, follow=True).content.decode()

    def test_issues(self, browser, ana, patient, practitioner, at):
        drafts = [make_draft(practitioner, patient, at, 5000) for _ in range(2)]

        self.run(browser(ana), "issue_chosen", *drafts)

        assert set(Invoice.objects.values_list("status", flat=True)) == {"issued"}
        assert AuditEntry.objects.filter(event="billing.invoice.issue").exists()

    def test_credits_with_a_reason(self, browser, ana, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)

        self.run(browser(ana), "credit_chosen", invoice, reason="Erreur")

        assert Invoice.objects.get(kind="credit_note").reason == "Erreur"

    def test_does_not_credit_at_the_front_desk(self, browser, ben, patient, practitioner, at):
        self.run(browser(ben), "credit_chosen", make_issued(practitioner, patient, at, 5000), reason="Erreur")

        assert not Invoice.objects.filter(kind="credit_note").exists()

    @pytest.mark.django_db(transaction=True)
    def test_sends_again_and_prints(self, browser, ana, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)
        client = browser(ana)
        early = client.get(address("invoice_pdf", invoice.pk))
        self.run(client, "send_chosen", invoice)
        assert not NotificationJob.objects.exists()
        render_documents(at=at)

        self.run(client, "send_chosen", invoice)
        copy = client.get(address("invoice_pdf", invoice.pk))

        assert early.status_code == 302
        assert NotificationJob.objects.count() == 2
        assert copy.content.startswith(b"%PDF-")
        assert BillingDocument.objects.get().copies == 1


class TestPaymentForm:
    def test_records_a_payment(self, browser, ben, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)
        form = {"invoice_number": "fa-2026-000001", "payer": "patient", "method": "card", "sum": "20,00"}

        answer = browser(ben).post(address("payment_add"), form)

        assert answer.status_code == 302, answer.content.decode()[:2000]
        invoice.refresh_from_db()
        assert (Payment.objects.get().amount, invoice.status) == (2000, "partially_paid")

    @pytest.mark.parametrize(
        "change",
        [{"sum": "50,01"}, {"sum": "abc"}, {"invoice_number": "FA-2026-000009"}, {"payer": "insurer"}],
    )
    def test_shows_what_is_refused(self, browser, ben, patient, practitioner, at, change):
        make_issued(practitioner, patient, at, 5000)
        form = {
            "invoice_number": "FA-2026-000001",
            "payer": "patient",
            "method": "card",
            "sum": "20",
        } | change

        answer = browser(ben).post(address("payment_add"), form)

        assert answer.status_code == 200
        assert not Payment.objects.exists()

    def test_does_not_know_another_practice_s_invoice(
        self, browser, carl, patient, practitioner, other_house, at
    ):
        make_issued(practitioner, patient, at, 5000)
        make_patient(other_house.practice)
        form = {"invoice_number": "FA-2026-000001", "payer": "patient", "method": "card", "sum": "20"}

        assert browser(carl).post(address("payment_add"), form).status_code == 200
        assert not Payment.objects.exists()


class TestLists:
    @pytest.mark.parametrize(
        "page", ["billingdocument", "numberseries", "ledgerrecord", "payment", "invoice"]
    )
    def test_open_for_the_manager(self, browser, dora, patient, practitioner, at, page):
        make_issued(practitioner, patient, at, 5000)
        client = browser(dora)

        assert client.get(address(f"{page}_changelist")).status_code == 200

    def test_show_each_row_on_its_page(self, browser, dora, patient, practitioner, at):
        from apps.billing.models import LedgerRecord, NumberSeries

        make_issued(practitioner, patient, at, 5000)
        client = browser(dora)

        for model in (BillingDocument, LedgerRecord, NumberSeries):
            row = model.objects.first()
            assert client.get(address(f"{model._meta.model_name}_change", row.pk)).status_code == 200
