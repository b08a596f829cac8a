"""Double entries from the ledger: one per issued document, payment, refund, deposit and transfer, in the order of the chain.

Patients stand in them as the number of their file, insurers as their code: the tax office is told no name
(professional secrecy), and no label says what care it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import chain
from typing import Final
from uuid import UUID

from django.db.models import Sum

from apps.billing.models import (
    Deposit,
    Invoice,
    InvoiceItem,
    InvoiceShare,
    LedgerRecord,
    Payment,
    ShareTransfer,
)
from apps.billing.models.invoices import Payer
from apps.catalog.models import Act
from apps.core.clock import start_of_day
from apps.directory.models import Practice

BATCH: Final = 500
K = LedgerRecord.Kind
MONEY: Final = (K.PAYMENT, K.REFUND)
DOCUMENTS: Final = (K.INVOICE, K.CREDIT_NOTE)

# Accounts and journals keep their French names whatever the reader's language: they are the tax office's.
JOURNALS: Final = {"VE": "Ventes", "BQ": "Banque", "CA": "Caisse", "OD": "Opérations diverses"}
PATIENTS: Final = "411000"
MANDATORY: Final = "467100"
COMPLEMENTARY: Final = "467110"
BANK: Final = "512000"
CASH: Final = "530000"
CHEQUES: Final = "511200"
EXEMPT_FEES: Final = "706000"
TAXED_FEES: Final = "706100"
GOODS: Final = "707000"
VAT: Final = "445710"
ACCOUNTS: Final = {
    PATIENTS: "Patients",
    MANDATORY: "Régimes obligatoires",
    COMPLEMENTARY: "Organismes complémentaires",
    BANK: "Banque",
    CASH: "Caisse",
    CHEQUES: "Chèques à encaisser",
    EXEMPT_FEES: "Honoraires exonérés",
    TAXED_FEES: "Honoraires taxés",
    GOODS: "Ventes de marchandises",
    VAT: "TVA collectée",
}
TILLS: Final = {
    Payment.Method.CASH: ("CA", CASH),
    Payment.Method.CHEQUE: ("BQ", CHEQUES),
}
METHODS: Final = {
    Payment.Method.CASH: "Espèces",
    Payment.Method.CARD: "Carte",
    Payment.Method.CHEQUE: "Chèque",
    Payment.Method.TRANSFER: "Virement",
    Payment.Method.DIRECT_DEBIT: "Prélèvement",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One side of an entry; `amount` is positive, in minor units."""

    account: str
    amount: int
    is_debit: bool
    auxiliary: str = ""
    auxiliary_label: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One balanced entry."""

    number: int
    journal: str
    day: date
    piece: str
    piece_day: date
    label: str
    lines: Sequence[Line]
    paid_on: date | None = None
    method: str = ""
    nature: str = ""
    client: str = ""


def entries(*, practice: Practice, first: date, last: date) -> Iterator[Entry]:
    """Yield the entries of days of the practice, both inclusive, numbered from one.

    Reads some hundreds at a time, in a constant number of queries each.
    """
    begins = start_of_day(first, practice.zone)
    ends = start_of_day(last + timedelta(days=1), practice.zone)
    rows = LedgerRecord.objects.filter(practice=practice, recorded_at__gte=begins, recorded_at__lt=ends)
    # A switch of mode moves no money, and what is used of an account none between accounts.
    rows = rows.exclude(kind__in=(K.CLOSING, K.TRAINING, K.ACCOUNT_USE))
    after, number = 0, 0
    while batch := list(rows.filter(sequence__gt=after).order_by("sequence")[:BATCH]):
        book = Book.of(batch)
        for record in batch:
            entry = book.entry(record, number + 1, practice)
            if entry.lines:
                number += 1
                yield entry
        after = batch[-1].sequence


@dataclass(frozen=True, slots=True)
class Book:
    """The rows a batch of records speaks of."""

    invoices: dict[UUID, Invoice]
    items: dict[UUID, list[InvoiceItem]]
    shares: dict[UUID, list[InvoiceShare]]
    payments: dict[UUID, Payment]
    deposits: dict[UUID, Deposit]
    transfers: dict[UUID, ShareTransfer]

    @classmethod
    def of(cls, batch: Sequence[LedgerRecord]) -> Book:
        """Read them."""
        keys: dict[bool, list[UUID]] = defaultdict(list)
        for record in batch:
            keys[record.kind in DOCUMENTS].append(record.object_id)
        items, shares = defaultdict(list), defaultdict(list)
        for item in InvoiceItem.objects.filter(invoice__in=keys[True]).select_related("act"):
            items[item.invoice_id].append(item)
        for share in InvoiceShare.objects.filter(invoice__in=keys[True]).select_related("insurer"):
            shares[share.invoice_id].append(share)
        payments = Payment.objects.select_related("patient", "insurer").prefetch_related(
            "allocations__share", "refunds__allocations__share"
        )
        return cls(
            invoices=Invoice.objects.select_related("patient").in_bulk(keys[True]),
            items=items,
            shares=shares,
            payments=payments.in_bulk(keys[False]),
            deposits=Deposit.objects.in_bulk(keys[False]),
            transfers=ShareTransfer.objects.select_related(
                "invoice__patient", "source__insurer", "target__insurer"
            ).in_bulk(keys[False]),
        )

    def entry(self, record: LedgerRecord, number: int, practice: Practice) -> Entry:
        """Return the entry of a record."""
        day = record.recorded_at.astimezone(practice.zone).date()
        if record.kind in DOCUMENTS:
            return self.of_document(record.object_id, number, day)
        if record.kind in MONEY:
            return self.of_money(record, number, day)
        if record.kind == K.TRANSFER:
            return self.of_transfer(record, number, day)
        deposit = self.deposits[record.object_id]
        lines = [Line(BANK, deposit.amount, True), Line(CHEQUES, deposit.amount, False)]
        label = f"Remise de chèques {deposit.number}"
        return Entry(number, "BQ", day, deposit.number, deposit.deposited_on, label, lines)

    def of_document(self, key: UUID, number: int, day: date) -> Entry:
        """Return the entry of an invoice, or the reverse of it for a credit note."""
        invoice = self.invoices[key]
        asks = not invoice.is_credit_note
        income: dict[str, int] = defaultdict(int)
        for item in self.items[key]:
            income[income_account(item)] += item.net_amount
            income[VAT] += item.vat_amount
        owed = [owed_line(invoice, share, asks) for share in self.shares[key]]
        earned = [Line(account, amount, not asks) for account, amount in sorted(income.items())]
        lines = [line for line in chain(owed, earned) if line.amount]
        label = f"{'Facture' if asks else 'Avoir'} {invoice.number}"
        issued_on = invoice.issued_on or day
        client = patient_code(invoice.patient.file_number)
        return Entry(number, "VE", day, str(invoice.number), issued_on, label, lines, client=client)

    def of_transfer(self, record: LedgerRecord, number: int, day: date) -> Entry:
        """Return the entry of what one payer owes instead of another."""
        moved = self.transfers[record.object_id]
        lines = [
            replace(owed_line(moved.invoice, moved.target, True), amount=moved.amount),
            replace(owed_line(moved.invoice, moved.source, False), amount=moved.amount),
        ]
        piece = f"TR-{record.sequence:06d}"
        label = f"Transfert de part {moved.invoice.number}"
        client = patient_code(moved.invoice.patient.file_number)
        return Entry(number, "OD", day, piece, day, label, lines, client=client)

    def of_money(self, record: LedgerRecord, number: int, day: date) -> Entry:
        """Return the entry of a payment, or the reverse of it for a refund."""
        payment = self.payments[record.object_id]
        journal, account = TILLS.get(Payment.Method(payment.method), ("BQ", BANK))
        comes_in = payment.amount > 0
        amount = abs(payment.amount)
        client = patient_code(payment.patient.file_number)
        if payment.payer == Payer.PATIENT or payment.insurer is None:
            other = Line(PATIENTS, amount, not comes_in, client, f"Patient {client}")
        else:
            code = str(payment.insurer.code)
            other = Line(account_of(scheme_of(payment)), amount, not comes_in, code, code)
        word = "Règlement" if comes_in else "Remboursement"
        piece = f"RG-{record.sequence:06d}"
        return Entry(
            number,
            journal,
            day,
            piece,
            payment.received_on,
            f"{word} {piece}",
            [Line(account, amount, comes_in), other],
            paid_on=payment.received_on,
            method=METHODS[Payment.Method(payment.method)],
            nature="Recette" if comes_in else "Remboursement",
            client=client,
        )


def income_account(item: InvoiceItem) -> str:
    """Return where a line's turnover goes."""
    if item.act is not None and item.act.category == Act.Category.GOODS:
        return GOODS
    return TAXED_FEES if item.vat_rate_bp else EXEMPT_FEES


def owed_line(invoice: Invoice, share: InvoiceShare, asks: bool) -> Line:
    """Return what a payer owes, or is given back."""
    if share.insurer is None:
        code = patient_code(invoice.patient.file_number)
        return Line(PATIENTS, share.amount, asks, code, f"Patient {code}")
    code = str(share.insurer.code)
    return Line(account_of(str(share.kind)), share.amount, asks, code, code)


def scheme_of(payment: Payment) -> str:
    """Return the scheme an insurer's payment settled; a refund follows what it gives back."""
    settled = list((payment.refunds or payment).allocations.all())
    kinds = {str(allocation.share.kind) for allocation in settled}
    return min(kinds) if kinds else str(payment.insurer.kind if payment.insurer else "")


def account_of(kind: str) -> str:
    """Return the account of a scheme."""
    return MANDATORY if kind == InvoiceShare.Kind.MANDATORY else COMPLEMENTARY


def patient_code(file_number: int) -> str:
    """Return what stands for a patient's name."""
    return f"P{file_number:06d}"


@dataclass(frozen=True, slots=True)
class Turnover:
    """What one VAT code came to, credit notes taken off."""

    vat_code: str
    rate_bp: int
    net: int
    vat: int


def turnover_by_vat(*, practice: Practice, first: date, last: date) -> list[Turnover]:
    """Return the turnover of days, both inclusive, by VAT code and rate."""
    sums: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0, 0])
    rows = InvoiceItem.objects.filter(
        invoice__practice=practice,
        invoice__issued_on__gte=first,
        invoice__issued_on__lte=last,
        invoice__is_training=False,
    )
    found = rows.order_by().values("vat_code", "vat_rate_bp", "invoice__kind")
    for row in found.annotate(net=Sum("net_amount"), vat=Sum("vat_amount")):
        sign = -1 if row["invoice__kind"] == Invoice.Kind.CREDIT_NOTE else 1
        total = sums[row["vat_code"], row["vat_rate_bp"]]
        total[0] += sign * row["net"]
        total[1] += sign * row["vat"]
    return [Turnover(code, rate, net, vat) for (code, rate), (net, vat) in sorted(sums.items())]


@dataclass(frozen=True, slots=True)
class Takings:
    """What came in on one day by one method, refunds taken off: the cash basis."""

    day: date
    method: str
    amount: int


def takings(*, practice: Practice, first: date, last: date) -> list[Takings]:
    """Return what came in on days, both inclusive."""
    rows = Payment.objects.real().filter(practice=practice, received_on__gte=first, received_on__lte=last)
    found = rows.order_by().values("received_on", "method").annotate(total=Sum("amount"))
    return [
        Takings(row["received_on"], row["method"], row["total"])
        for row in found.order_by("received_on", "method")
    ]
