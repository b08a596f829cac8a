"""Originals are stored once and served; what is printed anew says that it is a duplicate, and is counted."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import pytest
from pypdf import PdfReader

from apps.audit.models import AuditEntry
from apps.billing.facturx import xml_of
from apps.billing.models import BillingDocument
from apps.billing.services import QuoteLine, hand_out, make_duplicate, render_documents, switch_training
from apps.billing.services.documents import DocumentAltered
from apps.core.storage import private_store
from tests.billing.making import MAKER, make_issued, make_patient
from tests.billing.quoting import make_issued_quote


@pytest.fixture
def document(patient, practitioner, at):
    """The rendered file of an invoice that takes two pages."""
    invoice = make_issued(practitioner, patient, at, *range(1000, 1040))
    render_documents(at=at)
    return BillingDocument.objects.get(invoice=invoice)


def pages(pdf):
    """Return what each page says."""
    return [page.extract_text() for page in PdfReader(BytesIO(pdf)).pages]


class TestDuplicate:
    def test_says_on_every_page_which_duplicate_of_which_original_it_is(self, document, at):
        make_duplicate(actor=MAKER, document=document, at=at)
        copy = make_duplicate(actor=MAKER, document=document, at=at + timedelta(days=40))

        said = pages(copy.data)
        assert len(said) > 1
        made_on = (at + timedelta(days=40)).strftime("%d/%m/%Y")
        for page in said:
            assert "DUPLICATA" in page
            assert f"Duplicata n° 2, établi le {made_on}" in page
            assert document.sha256 in page.replace("\n", "")
        assert copy.file_name == "FA-2026-000001-duplicata-2.pdf"

    def test_leaves_the_original_as_it_is(self, document, at):
        before = hand_out(actor=MAKER, document=document).data
        make_duplicate(actor=MAKER, document=document, at=at)

        after = hand_out(actor=MAKER, document=document).data
        document.refresh_from_db()
        assert before == after
        assert not any("DUPLICATA" in page for page in pages(after))
        assert (document.copies, document.duplicates) == (2, 1)

    def test_is_counted_and_audited(self, document, at):
        make_duplicate(actor=MAKER, document=document, at=at)

        entry = AuditEntry.objects.filter(object_pk=str(document.pk)).latest("timestamp")
        assert entry.changes["duplicates"] == [0, 1]

    def test_carries_no_data_that_a_machine_would_take_for_the_invoice(self, document, at):
        assert xml_of(hand_out(actor=MAKER, document=document).data)
        assert not xml_of(make_duplicate(actor=MAKER, document=document, at=at).data)

    def test_is_there_when_the_stored_file_is_lost(self, document, at):
        private_store().put(document.storage_key, b"%PDF-other", "application/pdf")

        with pytest.raises(DocumentAltered):
            hand_out(actor=MAKER, document=document)
        assert "DUPLICATA" in pages(make_duplicate(actor=MAKER, document=document, at=at).data)[0]

    def test_is_made_of_quotes_as_well(self, patient, practitioner, acts, at):
        quote = make_issued_quote(practitioner, patient, at, QuoteLine(act=acts["HBJD001"]))
        render_documents(at=at)

        copy = make_duplicate(actor=MAKER, document=quote.documents.get(), at=at)

        assert "DUPLICATA" in pages(copy.data)[0]

    def test_speaks_the_language_of_the_document(self, practice, practitioner, at, acts):
        patient = make_patient(practice, language="en")
        invoice = make_issued(practitioner, patient, at, 1000)

        copy = make_duplicate(actor=MAKER, document=invoice.documents.get(), at=at)

        assert "DUPLICATE" in pages(copy.data)[0]


class TestSpecimen:
    def test_says_so_on_every_page(self, practice, patient, practitioner, acts, at):
        switch_training(actor=MAKER, practice=practice, turned_on=True, reason="Formation", at=at)
        make_issued(practitioner, patient, at, *range(1000, 1040))
        make_issued_quote(practitioner, patient, at, QuoteLine(act=acts["HBJD001"]))
        render_documents(at=at)

        for document in BillingDocument.objects.all():
            said = pages(hand_out(actor=MAKER, document=document).data)
            assert all("SPÉCIMEN" in page and "FORMATION" in page for page in said)
            assert all("sans valeur" in page for page in said)
            again = pages(make_duplicate(actor=MAKER, document=document, at=at).data)
            assert all("SPÉCIMEN" in page and "Duplicata n° 1" in page for page in again)
