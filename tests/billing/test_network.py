"""Third-party payment through the payer network: the draft asks, the issue files, decisions are followed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from apps.accounts.roles import Role
from apps.billing.models import Invoice, InvoiceShare, LedgerRecord, ShareTransfer
from apps.billing.services import (
    LineInput,
    ShareInput,
    create_draft,
    credit_invoice,
    issue_invoice,
    move_to_patient,
    record_payment,
    switch_training,
    update_draft,
)
from apps.billing.services.credits import CreditWholeInvoice
from apps.billing.services.network import CurrencyMismatch, NoNetworkCoverage
from apps.billing.services.transfers import NothingToMove
from apps.billing.verification import verify_practice
from apps.core.context import bind
from apps.core.errors import DomainError, InvalidInput
from apps.insurance.models import Claim
from apps.insurance.services.approving import approve_claim
from apps.insurance.services.coverages import link_coverage
from apps.insurance.services.deciding import reject_claim, review_claim
from apps.insurance.services.reconciling import generate_reconciliation
from apps.insurance.services.settling import pay_reconciliation, send_reconciliation
from tests.cast import CASTING, make_user
from tests.insurance.making import make_adherent, make_bareme, make_contract, make_convention

PRICES = {
    "HBLD634": {"price": 50_000, "category": "dental"},
    "HBJD001": {"price": 4_338, "category": "dental"},
}
NETWORK = InvoiceShare.Basis.NETWORK


@pytest.fixture
def network(insurer, practice, patient, ana, at):
    """Contract K pays 60 % of the agreed prices; the patient's file names it."""
    convention = make_convention(insurer, practice)
    make_bareme(convention, acts=PRICES, reference_prices={})
    contract = make_contract(insurer, make_adherent(insurer))
    link_coverage(actor=ana, patient=patient, contract=contract, at=at)
    return contract


def by_network(insurer):
    return ShareInput(payer="insurer", insurer=insurer, basis=NETWORK)


@pytest.fixture
def draft(network, practice, patient, practitioner, acts, insurer, ana, at):
    """A crown at 515.00, of which 500.00 are agreed, and a brush the network knows nothing of."""
    lines = [LineInput(act=acts["HBLD634"], tooth="14"), LineInput(label="Brosse", unit_price=1_200)]
    return create_draft(
        actor=ana, practice=practice, patient=patient, practitioner=practitioner, lines=lines,
        shares=[by_network(insurer)], at=at,
    )  # fmt: skip


def shares(invoice):
    return {share.payer: share.amount for share in invoice.shares.all()}


def balances(invoice):
    return {share.payer: share.balance for share in invoice.shares.all().with_balance()}


def issued(draft, actor, at):
    issue_invoice(actor=actor, invoice=draft, at=at)
    draft.refresh_from_db()
    return draft, Claim.objects.get(source_id=draft.pk)


def held(claim):
    """Put an approved claim under review, as its insurer does."""
    agent = make_user("agent@network.test", Role.INSURER_AGENT, "Omar", insurer=claim.insurer)
    return agent, lambda at: review_claim(
        actor=agent, claim=claim, expected_status="approved", reason="Radio", at=at
    )


class TestDraft:
    def test_shows_what_the_network_would_pay_and_stores_nothing(self, draft):
        assert draft.total_amount == 52_700
        assert shares(draft) == {"insurer": 30_000, "patient": 22_700}
        assert not Claim.objects.exists()

    def test_asks_again_when_its_lines_change(self, draft, acts, ana, at):
        update_draft(actor=ana, invoice=draft, lines=[LineInput(act=acts["HBJD001"])], at=at)
        assert shares(draft) == {"insurer": 2_603, "patient": 1_735}

    def test_counts_what_the_mandatory_scheme_pays_before(
        self, network, practice, patient, practitioner, acts, insurer, other_insurer, ana, at
    ):
        mandatory = ShareInput(payer="insurer", insurer=other_insurer, kind="mandatory", basis="rate")
        invoice = create_draft(
            actor=ana, practice=practice, patient=patient, practitioner=practitioner,
            lines=[LineInput(act=acts["HBJD001"])], shares=[mandatory, by_network(insurer)], at=at,
        )  # fmt: skip
        amounts = {share.insurer_id: share.amount for share in invoice.shares.all()}
        # 43.38: 60 % of the base by the scheme is 26.03; the network pays at most what is left, 17.35.
        assert amounts == {other_insurer.pk: 2_603, insurer.pk: 1_735, None: 0}

    def test_refuses_without_a_contract_of_the_insurer(
        self, practice, patient, practitioner, acts, insurer, ana, at
    ):
        with pytest.raises(NoNetworkCoverage):
            create_draft(
                actor=ana, practice=practice, patient=patient, practitioner=practitioner,
                lines=[LineInput(act=acts["HBJD001"])], shares=[by_network(insurer)], at=at,
            )  # fmt: skip
        assert not Invoice.objects.exists()

    def test_refuses_another_currency(self, practice, patient, practitioner, acts, insurer, ana, at):
        make_convention(insurer, practice)
        contract = make_contract(insurer, currency="TND")
        link_coverage(actor=ana, patient=patient, contract=contract, at=at)
        with pytest.raises(CurrencyMismatch):
            create_draft(
                actor=ana, practice=practice, patient=patient, practitioner=practitioner,
                lines=[LineInput(act=acts["HBJD001"])], shares=[by_network(insurer)], at=at,
            )  # fmt: skip


class TestIssue:
    def test_files_the_claim_and_takes_its_answer_as_the_share(self, draft, ana, at):
        invoice, claim = issued(draft, ana, at)
        assert (claim.status, claim.type, claim.source_type) == ("approved", "dental", "billing.invoice")
        assert (claim.total_amount, claim.covered_amount, claim.copay_amount) == (51_500, 30_000, 21_500)
        line = claim.items.get()
        assert (line.code, line.tooth, line.quantity, line.unit_price) == ("HBLD634", "14", 1, 51_500)
        assert shares(invoice) == {"insurer": 30_000, "patient": 22_700}
        assert invoice.number

    def test_takes_the_answer_of_the_day_not_of_the_draft(self, draft, network, ana, at):
        with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.limit"):
            type(network).objects.filter(pk=network.pk).update(annual_limit=10_000)
        invoice, claim = issued(draft, ana, at)
        assert claim.covered_amount == 10_000
        assert shares(invoice) == {"insurer": 10_000, "patient": 42_700}

    def test_asks_nobody_for_what_the_provider_bears(
        self, insurer, practice, patient, practitioner, acts, ana, at
    ):
        make_bareme(
            make_convention(insurer, practice, excess_liability="provider"), acts=PRICES, reference_prices={}
        )
        link_coverage(actor=ana, patient=patient, contract=make_contract(insurer), at=at)
        draft = create_draft(
            actor=ana, practice=practice, patient=patient, practitioner=practitioner,
            lines=[LineInput(act=acts["HBLD634"], tooth="14")], shares=[by_network(insurer)], at=at,
        )  # fmt: skip
        invoice, claim = issued(draft, ana, at)
        assert claim.writeoff_amount == 1_500
        assert (invoice.total_amount, shares(invoice)) == (50_000, {"insurer": 30_000, "patient": 20_000})
        assert invoice.items.get().discount == 1_500

    def test_of_a_refused_claim_leaves_everything_to_the_patient(self, draft, network, ana, at):
        with bind(actor_id=CASTING.id, actor_role=CASTING.role, action="test.end"):
            type(network).objects.filter(pk=network.pk).update(end_date=at.date() - timedelta(days=30))
        invoice, claim = issued(draft, ana, at)
        assert (claim.status, claim.reason_code) == ("rejected", "AFTER_CONTRACT")
        assert shares(invoice) == {"insurer": 0, "patient": 52_700}

    def test_files_one_claim_for_each_day_of_care(
        self, network, practice, patient, practitioner, acts, insurer, ana, at
    ):
        lines = [
            LineInput(act=acts["HBJD001"], performed_on=at.date() - timedelta(days=days)) for days in (0, 10)
        ]
        draft = create_draft(
            actor=ana, practice=practice, patient=patient, practitioner=practitioner, lines=lines,
            shares=[by_network(insurer)], at=at,
        )  # fmt: skip
        issue_invoice(actor=ana, invoice=draft, at=at)
        claims = Claim.objects.filter(source_id=draft.pk).order_by("service_date")
        assert [claim.covered_amount for claim in claims] == [2_603, 2_603]
        assert shares(draft)["insurer"] == 5_206

    def test_splits_a_price_that_does_not_divide(
        self, network, practice, patient, practitioner, acts, insurer, ana, at
    ):
        lines = [LineInput(act=acts["HBJD001"], quantity=3, unit_price=3_000, discount=1_000)]
        draft = create_draft(
            actor=ana, practice=practice, patient=patient, practitioner=practitioner, lines=lines,
            shares=[by_network(insurer)], at=at,
        )  # fmt: skip
        _invoice, claim = issued(draft, ana, at)
        asked = [(line.quantity, line.unit_price) for line in claim.items.order_by("sequence")]
        assert asked == [(2, 2_667), (1, 2_666)]
        assert claim.total_amount == 8_000

    def test_files_nothing_while_practising(self, draft, practice, dora, ana, at):
        switch_training(actor=dora, practice=practice, turned_on=True, reason="Formation", at=at)
        issue_invoice(actor=ana, invoice=draft, at=at)
        draft.refresh_from_db()
        assert draft.is_training
        assert shares(draft)["insurer"] == 30_000
        assert not Claim.objects.exists()

    def test_that_is_refused_leaves_no_claim(self, draft, ana, at):
        issue_invoice(actor=ana, invoice=draft, at=at)
        with pytest.raises(DomainError):
            issue_invoice(actor=ana, invoice=draft, at=at)
        assert Claim.objects.count() == 1

    def test_keeps_the_chain_sound(self, draft, practice, ana, at):
        issued(draft, ana, at)
        assert verify_practice(practice.pk).finding is None


class TestDecisions:
    def test_under_review_leave_the_share_pending(self, draft, ana, at):
        invoice, claim = issued(draft, ana, at)
        held(claim)[1](at)
        assert balances(invoice) == {"insurer": 30_000, "patient": 22_700}

    def test_that_refuse_leave_it_pending_until_an_entry_is_posted(self, draft, practice, ana, dora, at):
        invoice, claim = issued(draft, ana, at)
        agent, review = held(claim)
        review(at)
        reject_claim(
            actor=agent, claim=claim, expected_status="pending_review", reason="Radio absente", at=at
        )
        assert balances(invoice) == {"insurer": 30_000, "patient": 22_700}
        (transfer,) = move_to_patient(actor=dora, invoice=invoice, reason="Refus de la mutuelle", at=at)
        assert (transfer.amount, transfer.posted_by) == (30_000, dora)
        assert balances(invoice) == {"insurer": 0, "patient": 52_700}
        assert shares(invoice) == {"insurer": 30_000, "patient": 22_700}
        record = LedgerRecord.objects.get(object_id=transfer.pk)
        assert record.kind == "transfer"
        assert verify_practice(practice.pk).finding is None

    def test_that_lower_a_line_move_the_difference(self, draft, ana, ines, at):
        invoice, claim = issued(draft, ana, at)
        held(claim)[1](at)
        line = claim.items.get()
        approve_claim(
            actor=ines,
            claim=claim,
            expected_status="pending_review",
            reason="Tarif",
            amounts={line.pk: 20_000},
            at=at,
        )
        assert balances(invoice) == {"insurer": 20_000, "patient": 32_700}
        assert ShareTransfer.objects.get().posted_by is None

    def test_that_approve_later_take_back_what_was_moved(self, draft, practice, ana, ines, dora, at):
        invoice, claim = issued(draft, ana, at)
        held(claim)[1](at)
        move_to_patient(actor=dora, invoice=invoice, reason="En attente", at=at)
        assert balances(invoice) == {"insurer": 0, "patient": 52_700}
        record_payment(actor=dora, invoice=invoice, payer="patient", method="card", amount=42_700, at=at)
        approve_claim(actor=ines, claim=claim, expected_status="pending_review", at=at)
        # The patient has paid 427.00 of 527.00: no more than the rest goes back to the insurer.
        assert balances(invoice) == {"insurer": 10_000, "patient": 0}
        assert verify_practice(practice.pk).finding is None

    def test_that_stand_leave_nothing_to_move(self, draft, ana, dora, at):
        invoice, _claim = issued(draft, ana, at)
        with pytest.raises(NothingToMove):
            move_to_patient(actor=dora, invoice=invoice, reason="Erreur", at=at)
        with pytest.raises(InvalidInput):
            move_to_patient(actor=dora, invoice=invoice, reason=" ", at=at)


def paid(insurer, ines, at):
    """Reconcile November and pay it in December."""
    later = at + timedelta(days=10)
    row = generate_reconciliation(
        actor=ines, insurer=insurer, period_start=at.date().replace(day=1), period_end=at.date().replace(day=30),
        at=later,
    )  # fmt: skip
    send_reconciliation(actor=ines, reconciliation=row, at=later)
    return pay_reconciliation(
        actor=ines, reconciliation=row, payment_date=later.date(), reference="VIR-7", at=later
    )


class TestPayment:
    def test_settles_the_share_and_the_invoice_is_paid(self, draft, insurer, practice, ana, ines, dora, at):
        invoice, claim = issued(draft, ana, at)
        record_payment(actor=dora, invoice=invoice, payer="patient", method="card", amount=22_700, at=at)
        paid(insurer, ines, at)
        invoice.refresh_from_db()
        claim.refresh_from_db()
        assert (invoice.status, claim.status) == ("paid", "paid")
        assert verify_practice(practice.pk).finding is None


class TestCreditNote:
    def test_of_the_same_day_withdraws_the_claim(self, draft, practice, ana, at):
        invoice, claim = issued(draft, ana, at)
        credit_invoice(actor=ana, invoice=invoice, reason="Erreur", at=at)
        claim.refresh_from_db()
        assert (claim.status, claim.reason_code) == ("rejected", "VOIDED")
        assert balances(invoice) == {"insurer": 0, "patient": 0}
        assert verify_practice(practice.pk).finding is None

    def test_of_a_paid_claim_takes_it_back_with_a_reversal(self, draft, insurer, ana, ines, at):
        invoice, claim = issued(draft, ana, at)
        paid(insurer, ines, at)
        credit_invoice(actor=ana, invoice=invoice, reason="Erreur", at=at + timedelta(days=20))
        reversal = Claim.objects.get(reversal_of=claim)
        assert (reversal.covered_amount, reversal.status) == (-30_000, "approved")

    def test_of_a_claim_on_its_way_takes_it_back_once_it_is_paid(self, draft, insurer, ana, ines, at):
        invoice, claim = issued(draft, ana, at)
        credit_invoice(actor=ana, invoice=invoice, reason="Erreur", at=at + timedelta(days=2))
        assert not Claim.objects.filter(reversal_of=claim).exists()
        paid(insurer, ines, at)
        assert Claim.objects.get(reversal_of=claim).covered_amount == -30_000

    def test_credits_the_shares_as_transfers_left_them(self, draft, practice, ana, dora, at):
        invoice, claim = issued(draft, ana, at)
        agent, review = held(claim)
        review(at)
        reject_claim(actor=agent, claim=claim, expected_status="pending_review", reason="Radio", at=at)
        move_to_patient(actor=dora, invoice=invoice, reason="Refus", at=at)
        note = credit_invoice(actor=ana, invoice=invoice, reason="Erreur", at=at)
        assert shares(note) == {"insurer": 0, "patient": 52_700}
        assert balances(invoice) == {"insurer": 0, "patient": 0}
        assert verify_practice(practice.pk).finding is None

    def test_is_of_the_whole_invoice(self, draft, ana, at):
        invoice, _claim = issued(draft, ana, at)
        line = invoice.items.get(label="Brosse")
        with pytest.raises(CreditWholeInvoice):
            credit_invoice(actor=ana, invoice=invoice, reason="Erreur", amounts={line.pk: 1_200}, at=at)


class TestOverHttp:
    def test_drafts_issues_and_adjusts(self, network, patient, acts, insurer, ana, dora, api):
        body = {
            "patient": str(patient.pk), "items": [{"act": str(acts["HBJD001"].pk)}],
            "coverage": {"network": [{"insurer": str(insurer.pk)}]},
        }  # fmt: skip
        client = api(ana)
        draft = client.post("/api/v1/invoices", body)
        assert draft.status_code == 201, draft.content
        path = f"/api/v1/invoices/{draft.json()['id']}"
        made = client.post(f"{path}/issue").json()
        assert (made["balance_insurer"], made["balance_patient"]) == (2_603, 1_735)
        refused = client.post(f"{path}/adjust", {"reason": "Refus"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "NOTHING_TO_MOVE")
        claim = Claim.objects.get()
        agent, review = held(claim)
        review(claim.submitted_at)
        reject_claim(
            actor=agent, claim=claim, expected_status="pending_review", reason="Radio", at=claim.submitted_at
        )
        moved = client.post(f"{path}/adjust", {"reason": "Refus"})
        assert moved.status_code == 200, moved.content
        assert (moved.json()["balance_insurer"], moved.json()["balance_patient"]) == (0, 4_338)
