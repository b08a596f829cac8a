"""Third-party payment in the admin: link the contract, choose the network on a draft, see its answer, move a refusal."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from apps.audit.models import AccessEntry
from apps.billing.models import Invoice, InvoiceShare, ShareTransfer
from apps.billing.services import issue_invoice
from apps.insurance.models import Claim, PatientCoverage
from apps.insurance.services.deciding import reject_claim, review_claim
from tests.admin.conftest import browser
from tests.billing.test_admin import address, rows
from tests.insurance.making import make_adherent, make_bareme, make_contract, make_convention

__all__ = ["browser"]

PRICES = {"HBLD634": {"price": 50_000, "category": "dental"}}


@pytest.fixture
def contract(insurer, practice):
    """Contract of the network that pays 60 % of the crown's agreed 500.00."""
    make_bareme(make_convention(insurer, practice), acts=PRICES, reference_prices={})
    return make_contract(insurer, make_adherent(insurer))


@pytest.fixture
def linked(browser, ben, patient, contract):
    """The front desk has linked the patient's file to it."""
    asked = {"patient": str(patient.pk), "contract_number": contract.contract_number}
    answer = browser(ben).post(reverse("admin:insurance_patientcoverage_add"), asked)
    assert answer.status_code == 302, answer.content.decode()
    return PatientCoverage.objects.get()


@pytest.fixture
def draft(browser, ana, acts, patient, practitioner, insurer, linked):
    """A crown at 515.00 and a brush at 12.00, written in the admin, paid through the network."""
    lines = rows(
        "items",
        {"act": str(acts["HBLD634"].pk), "tooth": "14", "quantity": "1"},
        {"label": "Brosse", "quantity": "1", "price": "12"},
    )
    shares = rows("shares", {"insurer": str(insurer.pk), "network": "on"})
    form = {"patient": str(patient.pk), "practitioner": str(practitioner.pk), "language": "fr"}
    answer = browser(ana).post(address("invoice_add"), {**form, **lines, **shares})
    assert answer.status_code == 302, answer.content.decode()
    return Invoice.objects.get()


def text_of(answer):
    return answer.content.decode().replace("\u202f", " ").replace("\u00a0", " ")


class TestCoverage:
    def test_is_linked_by_number_after_the_others_and_on_record(self, linked, patient, contract, ben):
        assert (linked.patient, linked.contract, linked.rank) == (patient, contract, 1)
        assert linked.valid_from == max(contract.start_date, contract.members.get().joined_on)
        entry = AccessEntry.objects.get(event="insurance.contract.resolve")
        assert (entry.actor_id, entry.object_pk) == (ben.pk, str(linked.pk))

    def test_of_an_unknown_number_shows_the_form_again(self, browser, ben, patient, contract):
        asked = {"patient": str(patient.pk), "contract_number": "nobody-s"}
        answer = browser(ben).post(reverse("admin:insurance_patientcoverage_add"), asked)
        assert answer.status_code == 200
        assert "contract_number" in answer.context["adminform"].form.errors
        assert not PatientCoverage.objects.exists()

    def test_ends_on_a_day(self, browser, ben, linked):
        page = reverse("admin:insurance_patientcoverage_change", args=[linked.pk])
        asked = {"rank": "1", "valid_from": "01/01/2026", "valid_to": "31/12/2026"}
        answer = browser(ben).post(page, asked)
        assert answer.status_code == 302, answer.content.decode()
        linked.refresh_from_db()
        assert linked.valid_to.isoformat() == "2026-12-31"


class TestDraft:
    def test_takes_the_network_s_answer_as_the_share(self, draft):
        share = draft.shares.get(payer="insurer")
        assert (share.basis, share.amount) == (InvoiceShare.Basis.NETWORK, 30_000)

    def test_shows_what_would_be_paid_of_each_line(self, browser, ana, draft):
        answer = browser(ana).get(address("invoice_change", draft.pk))
        crown, brush = answer.context["original"].network_previews[0].answers.values()
        assert (crown.covered, crown.writeoff, brush.covered, brush.explanation) == (30_000, 0, 0, "")
        assert crown.explanation in answer.content.decode()
        assert "300,00 €" in text_of(answer)

    def test_says_why_the_network_would_not_answer(self, browser, ana, draft, linked):
        PatientCoverage.objects.all()._raw_delete("default")
        answer = browser(ana).get(address("invoice_change", draft.pk))
        assert answer.context["original"].network_previews[0].refusal in answer.content.decode()


class TestIssued:
    def refused(self, draft, ana, omar, at):
        issue_invoice(actor=ana, invoice=draft, at=at)
        claim = Claim.objects.get()
        review_claim(actor=omar, claim=claim, expected_status="approved", reason="Radio", at=at)
        reject_claim(actor=omar, claim=claim, expected_status="pending_review", reason="Radio", at=at)

    def test_offers_to_move_what_was_refused_and_shows_it(self, browser, draft, ana, ben, dora, omar, at):
        self.refused(draft, ana, omar, at)
        page = address("invoice_change", draft.pk)
        button = address("invoice_adjust_chosen_do", draft.pk)
        assert button in browser(dora).get(page).content.decode()
        assert button not in browser(ben).get(page).content.decode()
        assert browser(ben).post(button, {"confirmed": "yes", "reason": "Refus"}).status_code == 403

        browser(dora).post(button, {"confirmed": "yes", "reason": "Refus de l'organisme"})

        transfer = ShareTransfer.objects.get()
        assert (transfer.amount, transfer.posted_by) == (30_000, dora)
        shown = text_of(browser(dora).get(page))
        assert "Refus de l&#x27;organisme" in shown
        assert button not in shown

    def test_offers_nothing_where_the_insurer_stands_by_its_share(self, browser, draft, ana, dora, at):
        issue_invoice(actor=ana, invoice=draft, at=at + timedelta(minutes=1))
        page = browser(dora).get(address("invoice_change", draft.pk)).content.decode()
        assert address("invoice_adjust_chosen_do", draft.pk) not in page
