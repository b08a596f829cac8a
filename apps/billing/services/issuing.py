"""Issue: the draft becomes a document with a number that never changes again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from apps.billing.models import Invoice, InvoiceItem, InvoiceShare, LedgerRecord, PaymentAllocation
from apps.billing.models.salts import new_salt
from apps.billing.services.documents import request_document
from apps.billing.services.ledger import append
from apps.billing.services.network import file_claims
from apps.billing.services.numbering import next_number
from apps.billing.services.plans import check_plan
from apps.billing.services.settlement import locked
from apps.billing.services.shares import SharesDoNotAddUp
from apps.billing.services.snapshots import buyer_of, seller_of
from apps.billing.services.training import is_training
from apps.billing.states import INVOICE
from apps.core.errors import DomainError
from apps.core.scope import Viewer
from apps.core.service import service


class InvoiceEmpty(DomainError):
    """There is nothing to bill."""

    code = "INVOICE_EMPTY"
    message = _("An invoice without a line cannot be issued.")


@service("billing.invoice.issue")
def issue_invoice(*, actor: Viewer, invoice: Invoice, at: datetime) -> Invoice:
    """Give a draft its number, its snapshots and its place in the ledger, and ask for its PDF.

    The number is the next of its practice, series and year (the practice's local date). The payer network is asked
    first: its claims are filed, and their answer fixes its share. Refuses ILLEGAL_TRANSITION, INVOICE_EMPTY,
    SHARES_MISMATCH, PLAN_MISMATCH, NO_NETWORK_COVERAGE, CURRENCY_MISMATCH. Without the network it costs the same number
    of queries however many lines there are.
    """
    invoice = locked(invoice)
    status = INVOICE.next_state(invoice.status, "issue", invoice)
    items = list(invoice.items.select_related("treatment").order_by("position"))
    if not items:
        raise InvoiceEmpty
    shares = list(invoice.shares.select_related("insurer").order_by("position"))
    file_claims(actor, invoice, items, shares, at=at)
    check_plan(invoice, shares)
    return finish(invoice, status, items, shares, at=at)


def finish(
    invoice: Invoice,
    status: str,
    items: list[InvoiceItem],
    shares: list[InvoiceShare],
    allocations: Sequence[PaymentAllocation] = (),
    *,
    at: datetime,
) -> Invoice:
    """Write what issue adds to a locked draft; the counters of number and ledger are locked last."""
    if {invoice.total_amount} != {sum(row.total_amount for row in items), sum(row.amount for row in shares)}:
        raise SharesDoNotAddUp(total_amount=invoice.total_amount)
    invoice.seller = seller_of(invoice.practice, invoice.practitioner)
    invoice.buyer = buyer_of(invoice.patient)
    invoice.buyer_salt = new_salt()
    invoice.issued_at = at
    invoice.issued_on = at.astimezone(invoice.practice.zone).date()
    invoice.is_training = (
        invoice.corrects.is_training if invoice.corrects else is_training(invoice.practice_id)
    )
    # An invoice that asks for nothing has nothing left to pay.
    invoice.status = status if invoice.total_amount or invoice.is_credit_note else Invoice.Status.PAID
    request_document(invoice, at=at)
    if invoice.is_training:
        # The care was real: it can still be billed.
        InvoiceItem.objects.filter(invoice=invoice, holds_treatment=True).update(holds_treatment=False)
    invoice.number = next_number(
        invoice.practice_id, invoice.kind, invoice.issued_on.year, training=invoice.is_training
    )
    invoice.save()
    append(
        kind=LedgerRecord.Kind(invoice.kind),
        row=invoice,
        items=items,
        shares=shares,
        allocations=allocations,
        at=at,
    )
    return invoice
