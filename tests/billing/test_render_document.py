"""The PDF: rendered, stored, sent, handed out."""

from __future__ import annotations

import hashlib
import re
import subprocess

import pytest

from apps.billing.models import BillingDocument, RenderJob
from apps.billing.rendering import load, render_html, render_pdf
from apps.billing.services import (
    LineInput,
    ShareInput,
    create_draft,
    credit_invoice,
    hand_out,
    issue_invoice,
    render_documents,
)
from apps.billing.services.documents import DocumentAltered
from apps.core.storage import private_store
from apps.notifications.models import NotificationJob
from tests.billing.making import MAKER, make_issued, make_patient

pytestmark = pytest.mark.django_db(transaction=True)


def text_of(pdf: bytes) -> str:
    """Return what a PDF says, by pdftotext."""
    found = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True)
    return re.sub(r"[\u00a0\u202f]", " ", found.stdout.decode())


@pytest.fixture
def issued(acts, insurer, practice, patient, practitioner, at):
    """An invoice with an exempt crown, a taxed whitening and an insurer."""
    draft = create_draft(
        actor=MAKER,
        practice=practice,
        patient=patient,
        practitioner=practitioner,
        lines=[LineInput(act=acts["HBLD634"], tooth="14"), LineInput(act=acts["HN-BLANC"], discount=4000)],
        shares=[ShareInput(payer="insurer", insurer=insurer, kind="complementary", amount=44300)],
        at=at,
    )
    return issue_invoice(actor=MAKER, invoice=draft, at=at)


class TestRenderDocuments:
    def test_stores_the_bytes_and_queues_one_email(self, issued, at):
        assert render_documents(at=at) == 1

        document = BillingDocument.objects.get(invoice=issued)
        data = private_store().read(document.storage_key)
        assert data.startswith(b"%PDF-")
        assert (document.sha256, document.size) == (hashlib.sha256(data).hexdigest(), len(data))
        assert RenderJob.objects.get().state == "done"
        message = NotificationJob.objects.get()
        assert (message.template_key, message.cause_id) == ("billing.invoice", document.pk)
        assert message.attachments == [
            {"key": document.storage_key, "filename": "FA-2026-000001.pdf", "content_type": "application/pdf"}
        ]

    def test_does_nothing_twice(self, issued, at):
        render_documents(at=at)

        assert render_documents(at=at) == 0
        assert NotificationJob.objects.count() == 1

    def test_writes_to_nobody_without_an_address(self, practice, practitioner, acts, at):
        quiet = make_patient(practice, 2, email="")
        make_issued(practitioner, quiet, at, 5000)

        assert render_documents(at=at) == 1
        assert not NotificationJob.objects.exists()

    def test_writes_to_nobody_who_wants_no_contact(self, practice, practitioner, acts, at):
        make_issued(practitioner, make_patient(practice, 2, do_not_contact=True), at, 5000)

        render_documents(at=at)

        assert not NotificationJob.objects.exists()

    def test_notes_a_failure_and_comes_back_later(self, issued, monkeypatch, at):
        def down(*args, **kwargs):
            raise OSError("disk")

        monkeypatch.setattr("apps.core.storage.LocalStore.put", down)
        render_documents(at=at)

        job = RenderJob.objects.get()
        assert (job.state, job.attempts, job.last_error) == ("pending", 1, "OSError")
        assert job.due_at > at
        assert not BillingDocument.objects.get().is_rendered


class TestDocument:
    def test_says_everything_the_law_asks_for(self, issued, at):
        text = text_of(render_pdf(load(BillingDocument.objects.select_related("invoice").get())))

        for wanted in (
            "Facture", "FA-2026-000001", "23/11/2026", "Cabinet des Lilas", "73282932000074", "FR44732829320",
            "Dr Ana Morel", "Jeanne MARTIN", "3 rue des Lilas", "69003 Lyon", "HBLD634", "Couronne monolithique",
            "14", "515,00 €", "HN-BLANC", "400,00 €", "-40,00 €", "360,00 €", "300,00 €", "60,00 €", "20 %",
            "875,00 €", "Mutuelle des Quais", "443,00 €", "432,00 €", "261-4-1°", "1/1",
        ):  # fmt: skip
            assert wanted in text, wanted

    def test_speaks_english(self, patient, practitioner, at):
        make_issued(practitioner, patient, at, 123456, language="en")

        text = text_of(render_pdf(load(BillingDocument.objects.select_related("invoice").get())))

        assert "Invoice" in text
        assert "€1,234.56" in text
        assert "To be paid by the patient" in text

    def test_names_what_a_credit_note_corrects(self, issued, at):
        note = credit_invoice(actor=MAKER, invoice=issued, reason="Erreur de saisie", at=at)

        text = text_of(render_pdf(load(note.documents.select_related("invoice").get())))

        for wanted in ("Avoir", "AV-2026-000001", "FA-2026-000001", "Erreur de saisie"):
            assert wanted in text

    def test_gives_the_same_bytes_again(self, issued, at):
        document = BillingDocument.objects.select_related("invoice").get()

        assert render_pdf(load(document)) == render_pdf(load(document))

    def test_repeats_its_head_over_two_hundred_lines(self, patient, practitioner, at):
        make_issued(practitioner, patient, at, *range(1000, 1200))

        text = text_of(render_pdf(load(BillingDocument.objects.select_related("invoice").get())))
        pages = text.rstrip("\f").split("\f")

        assert len(pages) >= 4
        for number, page in enumerate(pages, start=1):
            assert f"{number}/{len(pages)}" in page
            assert "FA-2026-000001" in page
            assert "Cabinet des Lilas" in page
        assert all(f"Soin {n} " in text for n in range(1, 201))

    def test_shows_markup_typed_by_people_as_text(self, patient, practice, practitioner, at):
        line = LineInput(label='<img src="file:///etc/passwd"><b>x</b>', unit_price=1)
        house = {"practice": practice, "patient": patient, "practitioner": practitioner}
        draft = create_draft(actor=MAKER, lines=[line], at=at, **house)
        issue_invoice(actor=MAKER, invoice=draft, at=at)

        html = render_html(load(BillingDocument.objects.select_related("invoice").get()), "fr")

        assert "<img" not in html
        assert "&lt;img" in html


class TestHandOut:
    def test_counts_each_copy(self, ben, issued, at):
        render_documents(at=at)
        document = BillingDocument.objects.select_related("invoice").get()

        hand_out(actor=ben, document=document)
        copy = hand_out(actor=ben, document=document)

        assert copy.file_name == "FA-2026-000001.pdf"
        assert BillingDocument.objects.get().copies == 2

    def test_refuses_bytes_that_were_changed(self, ben, issued, at):
        render_documents(at=at)
        document = BillingDocument.objects.select_related("invoice").get()
        private_store().put(document.storage_key, b"%PDF-1.7 other", "application/pdf")

        with pytest.raises(DocumentAltered):
            hand_out(actor=ben, document=document)
