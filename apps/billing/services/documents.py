"""Files of issued documents: asked for at issue, made by a worker, handed out to those who may read them."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from datetime import datetime

from celery import current_app
from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from apps.billing.facturx import FILE_NAME, xml_of
from apps.billing.models import BillingDocument, Invoice, LedgerRecord, Payment, Quote, RenderJob
from apps.billing.rendering import Duplicate, load, render_pdf
from apps.billing.rendering_quotes import load_quote, render_quote
from apps.billing.rendering_receipts import load_receipt, render_receipt
from apps.core.errors import DomainError
from apps.core.jobs import LeaseLost, claim_due, enqueue, mark_done, mark_failed
from apps.core.money import format_money
from apps.core.scope import SystemActor, Viewer
from apps.core.service import service
from apps.core.storage import private_store
from apps.notifications.errors import InvalidRecipient, NoTemplate
from apps.notifications.services import enqueue as enqueue_message

logger = logging.getLogger(__name__)

RENDER_TASK = "billing.render_due"
RENDERER = SystemActor("renderer")
CONTENT_TYPE = "application/pdf"
# One round renders at most this many, so that a long queue is shared between workers.
ROUND = 20


class NotIssued(DomainError):
    """A draft has no document."""

    code = "INVOICE_NOT_ISSUED"
    message = _("A draft has no document yet: issue it first.")


class QuoteNotIssued(DomainError):
    """A draft has no document."""

    code = "QUOTE_NOT_ISSUED"
    message = _("A draft has no document yet: issue it first.")


class NoFacturX(DomainError):
    """The European norm does not know the document's currency."""

    code = "FACTURX_NOT_AVAILABLE"
    message = _("There is no Factur-X in this currency.")


class DocumentAltered(DomainError):
    """The stored bytes are not those that were rendered."""

    code = "DOCUMENT_ALTERED"
    status = 503
    message = _("The stored file is not the one that was issued. Please tell your administrator.")


@dataclass(frozen=True, slots=True)
class Copy:
    """A document's bytes with the name to save them under."""

    data: bytes
    file_name: str
    content_type: str
    sha256: str


def request_document(invoice: Invoice, *, at: datetime) -> BillingDocument:
    """Write an invoice's document and its job with the issue."""
    return request_file(
        BillingDocument(
            practice_id=invoice.practice_id, invoice=invoice, kind=invoice.kind, language=invoice.language
        ),
        at=at,
    )


def request_quote_document(quote: Quote, *, at: datetime) -> BillingDocument:
    """Write a quote's document and its job with the issue."""
    kind = BillingDocument.Kind.QUOTE
    document = BillingDocument(practice_id=quote.practice_id, quote=quote, kind=kind, language=quote.language)
    return request_file(document, at=at)


def request_file(document: BillingDocument, *, at: datetime) -> BillingDocument:
    """Save a document with its job; the worker is woken after the commit."""
    document.storage_key = f"{document.practice_id}/billing/{document.pk}.pdf"
    document.save()
    enqueue(
        RenderJob, kind=str(document.kind), unique_key=f"render:{document.pk}", due_at=at, document=document
    )
    # When the broker is away the beat's next round finds the row.
    transaction.on_commit(wake_renderer, robust=True)
    return document


def wake_renderer() -> None:
    """Tell a worker that there is something to render."""
    current_app.send_task(RENDER_TASK, queue="documents", retry=False, ignore_result=True)


def render_documents(*, at: datetime, most: int = ROUND) -> int:
    """Render what is due, one claim at a time, and return how many: a crash costs one lease."""
    done = 0
    while done < most and (jobs := claim_due(RenderJob, at=at, limit=1)):
        render_job(job=jobs[0], at=at)
        done += 1
    return done


def render_job(*, job: RenderJob, at: datetime) -> None:
    """Render, store and close one claimed job; a failure is noted on it and tried again later.

    Rendering is repeatable (the same snapshot gives the same bytes) and the key is known beforehand, so a
    crash at any point leaves at most an unclaimed file that the next attempt replaces by itself.
    """
    try:
        document = BillingDocument.objects.select_related("invoice__corrects", "quote").get(
            pk=job.document_id
        )
        data = render(document)
        private_store().put(document.storage_key, data, CONTENT_TYPE)
        keep_document(actor=RENDERER, job=job, data=data, at=at)
    except LeaseLost:
        logger.info("render_lease_lost", extra={"job_id": str(job.pk)})
    except Exception as error:
        # Its message may hold personal data, its type does not.
        logger.exception("render_failed", extra={"job_id": str(job.pk)})
        mark_failed(job, at=at, error=type(error).__name__)


def render(document: BillingDocument, duplicate: Duplicate | None = None) -> bytes:
    """Return the bytes of a document, or of a duplicate of it."""
    if document.kind == BillingDocument.Kind.QUOTE:
        return render_quote(load_quote(document, duplicate))
    if document.kind == BillingDocument.Kind.RECEIPT:
        return render_receipt(load_receipt(document, duplicate))
    return render_pdf(load(document, duplicate))


@service("billing.document.store")
def keep_document(*, actor: Viewer, job: RenderJob, data: bytes, at: datetime) -> BillingDocument:
    """Record the stored bytes, close the job and queue the email, all or nothing. Refuses LEASE_LOST."""
    rows = BillingDocument.objects.select_for_update(of=("self",))
    document: BillingDocument = rows.select_related("invoice__patient", "quote", "practice").get(
        pk=job.document_id
    )
    if not document.is_rendered:
        document.sha256 = hashlib.sha256(data).hexdigest()
        document.size = len(data)
        document.rendered_at = at
        document.save(update_fields=["sha256", "size", "rendered_at", "updated_at"])
    mark_done(job, at=at)
    if document.invoice is not None:
        send_document(actor=actor, document=document, at=at)
    return document


@service("billing.document.send")
def send_document(*, actor: Viewer, document: BillingDocument, again: str = "", at: datetime) -> bool:
    """Queue the email that carries a document, once, and once more per `again`; say whether there is one.

    Nobody is written to who has no address or wants no contact, and nobody is sent a specimen.
    """
    patient = document.subject.patient
    if not patient.email or patient.do_not_contact or document.subject.is_training:
        return False
    try:
        queue_email(actor=actor, document=document, again=again, at=at)
    except (InvalidRecipient, NoTemplate):
        # The document exists all the same; the front desk prints it.
        logger.info("document_not_sent", extra={"document_id": str(document.pk)})
        return False
    return True


def queue_email(*, actor: Viewer, document: BillingDocument, again: str, at: datetime) -> None:
    """Write the message row."""
    invoice, patient = document.subject, document.subject.patient
    enqueue_message(
        actor=actor,
        practice=document.practice,
        template="billing.invoice",
        channel="email",
        recipient=patient.email,
        language=document.language,
        context={
            "number": invoice.number,
            "amount": format_money(invoice.total_amount, invoice.currency, document.language),
        },
        due_at=at,
        unique_key=f"billing.document:{document.pk}{again and ':'}{again}",
        cause_type="billing.billingdocument",
        cause_id=document.pk,
        at=at,
        attachments=[
            {
                "key": document.storage_key,
                "filename": document.file_name,
                "content_type": document.content_type,
            }
        ],
    )


def document_of(invoice: Invoice) -> BillingDocument:
    """Return an issued invoice's document; refuses INVOICE_NOT_ISSUED."""
    if invoice.is_draft:
        raise NotIssued
    document: BillingDocument = BillingDocument.objects.select_related("invoice", "job").get(
        invoice=invoice, kind=invoice.kind
    )
    return document


@service("billing.document.request_receipt")
def receipt_of(*, actor: Viewer, payment: Payment, language: str = "", at: datetime) -> BillingDocument:
    """Return a payment's or refund's receipt in a language, the patient's own when none is named.

    It is asked for the first time here: most payments need none. The payment's lock makes two callers get one file.
    """
    payment = Payment.objects.select_for_update(of=("self",)).select_related("patient").get(pk=payment.pk)
    language = language or payment.patient.language
    found: BillingDocument | None = (
        BillingDocument.objects.select_related("job").filter(payment=payment, language=language).first()
    )
    if found is not None:
        return found
    document = BillingDocument(
        practice_id=payment.practice_id,
        payment=payment,
        kind=BillingDocument.Kind.RECEIPT,
        language=language,
        receipt_number=number_of(payment),
    )
    return request_file(document, at=at)


def number_of(payment: Payment) -> str:
    """Return the number a payment has in the accounts: its place in the chain, which specimens have none in."""
    records = LedgerRecord.objects.filter(practice_id=payment.practice_id, object_id=payment.pk)
    place = records.values_list("sequence", flat=True).first()
    return f"RG-{place:06d}" if place else "RG-SPECIMEN"


def document_of_quote(quote: Quote) -> BillingDocument:
    """Return an issued quote's document; refuses QUOTE_NOT_ISSUED."""
    if quote.is_draft:
        raise QuoteNotIssued
    document: BillingDocument = BillingDocument.objects.select_related("quote", "job").get(quote=quote)
    return document


@service("billing.document.hand_out")
def hand_out(*, actor: Viewer, document: BillingDocument) -> Copy:
    """Return a rendered document's bytes and count the copy, which leaves an audit entry.

    Refuses DOCUMENT_ALTERED when the store no longer holds the bytes that were issued.
    """
    data = stored_bytes(document)
    BillingDocument.objects.filter(pk=document.pk).update(copies=F("copies") + 1)
    return Copy(data, document.file_name, document.content_type, document.sha256)


@service("billing.document.duplicate")
def make_duplicate(*, actor: Viewer, document: BillingDocument, at: datetime) -> Copy:
    """Print a document anew from its rows, marked as the duplicate it is, numbered and dated; the original stays as it is.

    Nothing of it is kept but the count, which leaves an audit entry. It works where the stored file is lost as well.
    """
    rows = BillingDocument.objects.select_for_update(of=("self",)).select_related(
        "invoice__corrects", "quote", "practice"
    )
    document = rows.get(pk=document.pk)
    document.duplicates += 1
    document.save(update_fields=["duplicates", "updated_at"])
    made_on = at.astimezone(document.practice.zone).date()
    data = render(document, Duplicate(document.duplicates, made_on, document.sha256))
    name = f"{document.number}-duplicata-{document.duplicates}.pdf".replace("/", "-")
    return Copy(data, name, CONTENT_TYPE, hashlib.sha256(data).hexdigest())


def structured(document: BillingDocument) -> Copy:
    """Return the Factur-X data the stored PDF carries; refuses DOCUMENT_ALTERED, FACTURX_NOT_AVAILABLE."""
    data = xml_of(stored_bytes(document))
    if not data:
        raise NoFacturX(currency=document.subject.currency)
    file_name = f"{document.subject.number}-{FILE_NAME}"
    return Copy(data, file_name, "application/xml", hashlib.sha256(data).hexdigest())


def stored_bytes(document: BillingDocument) -> bytes:
    """Read a document's bytes and hold them against what was issued."""
    data = private_store().read(document.storage_key)
    if hashlib.sha256(data).hexdigest() != document.sha256:
        raise DocumentAltered
    return data
