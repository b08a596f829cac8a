"""Drafts: from treatments, acts and free lines."""

from __future__ import annotations

import pytest

from apps.billing.models import Invoice, InvoiceItem
from apps.billing.services import LineInput, ShareInput, create_draft, delete_draft, update_draft
from apps.billing.services.drafts import InvoiceNotDraft
from apps.billing.services.lines import (
    CapExceeded,
    TreatmentAlreadyBilled,
    TreatmentNotDone,
    TreatmentOfAnotherPatient,
)
from apps.billing.services.shares import SharesDoNotAddUp
from apps.billing.services.vat import UnknownVatCode, VatCodeNotAllowed, VatReasonRequired
from apps.catalog.models import PracticeFee
from apps.catalog.teeth import ToothNotAllowed, ToothRequired
from apps.clinical.services import record_treatment
from apps.core.errors import InvalidInput
from tests.billing.making import MAKER, make_draft, make_issued, make_patient, make_treatment


@pytest.fixture
def draft(ana, practice, patient, practitioner, at):
    """Write a draft of the given lines."""

    def write(*lines, **fields):
        return create_draft(
            actor=ana,
            practice=practice,
            patient=patient,
            practitioner=practitioner,
            lines=lines,
            at=at,
            **fields,
        )

    return write


class TestCreateDraft:
    def test_takes_code_label_tooth_and_price_from_a_treatment(self, draft, acts, patient, practitioner, at):
        treatment = make_treatment(practitioner, patient, acts["HBLD634"], at, tooth="14", price=50000)

        invoice = draft(LineInput(treatment=treatment))

        item = invoice.items.get()
        assert (item.code, item.label, item.tooth) == ("HBLD634", "Couronne monolithique", "14")
        assert (item.unit_price, item.total_amount, item.vat_code) == (50000, 50000, "EXEMPT")
        assert item.performed_on.isoformat() == "2026-11-23"
        assert (item.brss, item.rate_bp) == (12000, 6000)
        assert (invoice.status, invoice.number, invoice.currency) == ("draft", None, "EUR")

    def test_charges_the_practice_fee_when_no_price_is_given(self, draft, acts, practice, acting, ana):
        with acting(ana):
            PracticeFee.objects.create(practice=practice, act=acts["HBJD001"], price=4900)

        invoice = draft(LineInput(act=acts["HBJD001"], quantity=2))

        assert invoice.total_amount == 9800

    def test_extracts_the_vat_of_each_line_half_up(self, draft, acts):
        invoice = draft(
            LineInput(act=acts["HN-BLANC"]),
            LineInput(act=acts["HN-BLANC"], unit_price=9999),
            LineInput(act=acts["HBJD001"]),
        )

        assert [(i.net_amount, i.vat_amount) for i in invoice.items.order_by("position")] == [
            (33333, 6667),
            (8333, 1666),
            (4338, 0),
        ]
        assert (invoice.total_amount, invoice.net_amount, invoice.vat_amount) == (54337, 46004, 8333)

    def test_takes_the_discount_off_before_the_vat(self, draft, acts):
        item = draft(LineInput(act=acts["HN-BLANC"], discount=4000)).items.get()

        assert (item.total_amount, item.net_amount, item.vat_amount) == (36000, 30000, 6000)

    def test_lets_the_patient_owe_everything_by_default(self, draft):
        share = draft(LineInput(label="Soin", unit_price=5000)).shares.get()

        assert (share.payer, share.amount, share.insurer_id) == ("patient", 5000, None)

    def test_gives_the_patient_what_insurers_leave(self, draft, insurer):
        invoice = draft(
            LineInput(label="Soin", unit_price=5001),
            shares=[ShareInput(payer="insurer", insurer=insurer, kind="complementary", amount=3000)],
        )

        assert list(invoice.shares.order_by("position").values_list("payer", "amount")) == [
            ("insurer", 3000),
            ("patient", 2001),
        ]

    def test_writes_labels_in_the_language_of_the_document(self, draft, acts):
        assert draft(LineInput(act=acts["HBJD001"]), language="en").items.get().label == "Détartrage (en)"


class TestVat:
    def test_is_not_charged_below_the_threshold(self, draft, acts, practice, acting, ana):
        practice.vat_status = "franchise"
        with acting(ana):
            practice.save()

        item = draft(LineInput(act=acts["HN-BLANC"])).items.get()

        assert (item.vat_code, item.vat_rate_bp, item.vat_amount) == ("FRANCHISE", 0, 0)

    def test_is_refused_where_only_exempt_acts_are_billed(self, draft, acts, practice, acting, ana):
        practice.vat_status = "exempt"
        with acting(ana):
            practice.save()

        with pytest.raises(VatCodeNotAllowed):
            draft(LineInput(act=acts["HN-BLANC"]))

    def test_needs_a_reason_by_indication(self, draft, acts):
        with pytest.raises(VatReasonRequired):
            draft(LineInput(act=acts["HBLD403"], tooth="11"))

    def test_is_exempt_by_indication_with_a_reason(self, draft, acts):
        item = draft(LineInput(act=acts["HBLD403"], tooth="11", vat_reason="Fracture, dent 11")).items.get()

        assert (item.vat_code, item.vat_amount, item.vat_reason) == ("EXEMPT", 0, "Fracture, dent 11")

    def test_is_charged_by_indication_when_asked(self, draft, acts):
        item = draft(LineInput(act=acts["HBLD403"], tooth="11", vat_code="STD20")).items.get()

        assert (item.vat_code, item.net_amount, item.vat_amount) == ("STD20", 58333, 11667)

    def test_is_not_dropped_from_a_taxed_act_without_a_reason(self, draft, acts):
        with pytest.raises(VatReasonRequired):
            draft(LineInput(act=acts["HN-BLANC"], vat_code="EXEMPT"))

    def test_refuses_an_unknown_code(self, draft):
        with pytest.raises(UnknownVatCode):
            draft(LineInput(label="Soin", unit_price=1, vat_code="STD19"))

    def test_refuses_the_franchise_to_a_liable_practice(self, draft):
        with pytest.raises(VatCodeNotAllowed):
            draft(LineInput(label="Soin", unit_price=1, vat_code="FRANCHISE"))


class TestRefusals:
    @pytest.fixture(autouse=True)
    def _nothing_written(self, db):
        yield
        assert not Invoice.objects.exists()
        assert not InvoiceItem.objects.exists()

    def test_refuses_a_treatment_that_is_not_done(self, draft, acts, patient, practitioner, at):
        planned = record_treatment(
            actor=MAKER, patient=patient, act=acts["HBJD001"], practitioner=practitioner, at=at
        )

        with pytest.raises(TreatmentNotDone):
            draft(LineInput(treatment=planned))

    def test_refuses_a_treatment_of_another_patient(self, draft, acts, practice, practitioner, at):
        other = make_patient(practice, 2)
        treatment = make_treatment(practitioner, other, acts["HBJD001"], at)

        with pytest.raises(TreatmentOfAnotherPatient):
            draft(LineInput(treatment=treatment))

    def test_refuses_one_treatment_twice(self, draft, acts, patient, practitioner, at):
        treatment = make_treatment(practitioner, patient, acts["HBJD001"], at)

        with pytest.raises(TreatmentAlreadyBilled):
            draft(LineInput(treatment=treatment), LineInput(treatment=treatment))

    def test_refuses_an_act_without_its_tooth(self, draft, acts):
        with pytest.raises(ToothRequired):
            draft(LineInput(act=acts["HBLD634"]))

    def test_refuses_a_tooth_the_act_is_not_done_on(self, draft, acts):
        with pytest.raises(ToothNotAllowed):
            draft(LineInput(act=acts["HBLD634"], tooth="26"))

    def test_refuses_a_price_above_the_cap_of_the_basket(self, draft, acts):
        with pytest.raises(CapExceeded):
            draft(LineInput(act=acts["HBLD634"], tooth="14", unit_price=51501))

    @pytest.mark.parametrize(
        "fields",
        [{"quantity": 0}, {"quantity": -1}, {"unit_price": -1}, {"discount": -1}, {"discount": 5001}],
    )
    def test_refuses_amounts_that_make_no_sense(self, draft, fields):
        with pytest.raises(InvalidInput):
            draft(LineInput(**({"label": "Soin", "unit_price": 5000} | fields)))

    @pytest.mark.parametrize("line", [LineInput(label="Soin"), LineInput(unit_price=5000)])
    def test_refuses_a_free_line_without_label_or_price(self, draft, line):
        with pytest.raises(InvalidInput):
            draft(line)

    def test_refuses_shares_beyond_the_total(self, draft, insurer):
        with pytest.raises(SharesDoNotAddUp):
            draft(
                LineInput(label="Soin", unit_price=5000),
                shares=[ShareInput(payer="insurer", insurer=insurer, amount=5001)],
            )

    def test_refuses_shares_that_do_not_add_up(self, draft, insurer):
        with pytest.raises(SharesDoNotAddUp):
            draft(
                LineInput(label="Soin", unit_price=5000),
                shares=[
                    ShareInput(payer="insurer", insurer=insurer, amount=3000),
                    ShareInput(payer="patient", amount=1999),
                ],
            )

    def test_refuses_an_insurer_named_twice(self, draft, insurer):
        share = ShareInput(payer="insurer", insurer=insurer, amount=1)
        with pytest.raises(InvalidInput):
            draft(LineInput(label="Soin", unit_price=5000), shares=[share, share])


class TestUpdateDraft:
    def test_replaces_the_lines_and_gives_the_patient_the_rest(self, ana, insurer, patient, practitioner, at):
        share = ShareInput(payer="insurer", insurer=insurer, amount=1000)
        invoice = make_draft(practitioner, patient, at, 5000, shares=[share])

        update_draft(actor=ana, invoice=invoice, lines=[LineInput(label="Autre", unit_price=7000)], at=at)

        invoice.refresh_from_db()
        assert invoice.total_amount == 7000
        assert [item.label for item in invoice.items.all()] == ["Autre"]
        assert list(invoice.shares.order_by("position").values_list("amount", flat=True)) == [1000, 6000]

    def test_refuses_an_issued_invoice(self, ana, patient, practitioner, at):
        invoice = make_issued(practitioner, patient, at, 5000)

        with pytest.raises(InvoiceNotDraft):
            update_draft(actor=ana, invoice=invoice, lines=[], at=at)

        assert invoice.items.count() == 1


class TestDeleteDraft:
    def test_frees_its_treatments(self, ana, acts, draft, patient, practitioner, at):
        treatment = make_treatment(practitioner, patient, acts["HBJD001"], at)
        delete_draft(actor=ana, invoice=draft(LineInput(treatment=treatment)))

        assert draft(LineInput(treatment=treatment)).items.get().treatment == treatment

    def test_refuses_an_issued_invoice(self, ana, patient, practitioner, at):
        with pytest.raises(InvoiceNotDraft):
            delete_draft(actor=ana, invoice=make_issued(practitioner, patient, at, 5000))
