"""Reads of insurers' transfers: what each paid, line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, Prefetch, QuerySet

from apps.billing.models import InsurerTransfer, Invoice, InvoiceShare, Payment
from apps.core.scope import Viewer
from apps.directory.models import Insurer


@dataclass(frozen=True, slots=True)
class TransferLine:
    """What a transfer paid of one invoice, and what the insurer still owes of it."""

    payment: Payment
    invoice: Invoice
    balance: int


def transfers_for(*, viewer: Viewer, with_lines: bool = True) -> QuerySet[InsurerTransfer]:
    """Return the transfers the viewer sees, newest first; with lines in a constant number of queries."""
    rows: QuerySet[InsurerTransfer] = InsurerTransfer.objects.visible_to(viewer).select_related("insurer")
    rows = rows.annotate(invoices=Count("payments")).order_by("-received_on", "-id")
    if not with_lines:
        return rows
    shares = InvoiceShare.objects.with_balance().select_related("invoice")
    payments = (
        Payment.objects.visible_to(viewer)
        .select_related("patient")
        .prefetch_related("allocations", Prefetch("allocations__share", queryset=shares))
    )
    return rows.prefetch_related(Prefetch("payments", queryset=payments))


@dataclass(frozen=True, slots=True)
class Owing:
    """What an insurer owes: minor units by number of invoice, the oldest first."""

    insurer: Insurer
    currency: str
    owed: dict[str, int]

    @property
    def total(self) -> int:
        """All of it."""
        return sum(self.owed.values())


def owing_insurers(*, viewer: Viewer) -> list[Owing]:
    """Return the insurers that owe something on invoices a viewer sees, the largest debt first; one query."""
    shares = InvoiceShare.objects.owed().filter(invoice__in=Invoice.objects.visible_to(viewer))
    rows = shares.with_balance().filter(balance__gt=0).select_related("insurer", "invoice")
    found: dict[Insurer, Owing] = {}
    for share in rows.order_by("invoice__issued_on", "invoice__number", "pk"):
        if share.insurer is None:
            continue
        mine = found.setdefault(share.insurer, Owing(share.insurer, share.invoice.currency, {}))
        number = str(share.invoice.number)
        mine.owed[number] = mine.owed.get(number, 0) + share.balance
    return sorted(found.values(), key=lambda row: (-row.total, row.insurer.name))


def lines_of(transfer: InsurerTransfer) -> Sequence[TransferLine]:
    """Arrange the lines of a transfer loaded with them, in the order of the invoices' numbers; runs no query."""
    lines = []
    for payment in transfer.payments.all():
        shares = {row.share_id: row.share for row in payment.allocations.all()}
        invoice = next(iter(shares.values())).invoice
        lines.append(TransferLine(payment, invoice, sum(share.balance for share in shares.values())))
    return sorted(lines, key=lambda line: (str(line.invoice.number), line.payment.pk))
