"""Checking a practice's chain against itself and against the rows it speaks of."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from apps.billing.models import (
    Closing,
    Deposit,
    Invoice,
    InvoiceItem,
    InvoiceShare,
    LedgerRecord,
    NumberSeries,
    Payment,
    PaymentAllocation,
)
from apps.billing.services.ledger import (
    CHAIN_SERIES,
    GENESIS,
    canonical,
    closing_payload,
    deposit_payload,
    invoice_payload,
    link,
    payment_payload,
)

BATCH: Final = 500
DOCUMENTS: Final = (LedgerRecord.Kind.INVOICE, LedgerRecord.Kind.CREDIT_NOTE)
MONEY: Final = (LedgerRecord.Kind.PAYMENT, LedgerRecord.Kind.REFUND)


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is wrong: where, and what."""

    practice_id: UUID
    sequence: int
    fault: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The outcome for one practice."""

    practice_id: UUID
    records: int
    finding: Finding | None


def verify_practice(practice_id: UUID) -> Verified:
    """Read the whole chain of a practice and name its first bad record, if any.

    A record is bad when it is missing, out of order, does not follow the one before, does not hash to its hash, or
    says something else than the document or payment it is about. What has no record at all is found as well.
    """
    previous, count = GENESIS, 0
    for batch in batches(practice_id):
        rows = Rows.of(batch)
        for record in batch:
            count += 1
            fault = fault_of(record, count, previous) or rows.fault_of(record)
            if fault:
                return Verified(practice_id, count, Finding(practice_id, record.sequence, fault))
            previous = record.hash
    fault = missing_at_the_end(practice_id, count) or unrecorded(practice_id)
    finding = Finding(practice_id, count + 1, fault) if fault else None
    return Verified(practice_id, count, finding)


def batches(practice_id: UUID) -> Iterator[list[LedgerRecord]]:
    """Yield the records in their order, some hundreds at a time."""
    after = -1
    while True:
        rows = LedgerRecord.objects.filter(practice_id=practice_id, sequence__gt=after)
        batch = list(rows.order_by("sequence")[:BATCH])
        if not batch:
            return
        yield batch
        after = batch[-1].sequence


def fault_of(record: LedgerRecord, expected: int, previous: str) -> str:
    """Say what is wrong with a record by itself; nothing when it is sound."""
    if record.sequence != expected:
        return f"record {expected} is missing"
    if record.previous_hash != previous:
        return "does not follow the record before"
    if record.hash != link(record.previous_hash, record.payload):
        return "payload does not match its hash"
    said = json.loads(record.payload)
    columns = (record.sequence, record.kind, record.recorded_at.isoformat(), str(record.object_id))
    if (said["sequence"], said["kind"], said["recorded_at"], said["id"]) != columns:
        return "columns do not match the payload"
    return ""


@dataclass(frozen=True, slots=True)
class Rows:
    """The documents and payments a batch of records speaks of."""

    invoices: dict[UUID, Invoice]
    items: dict[UUID, list[InvoiceItem]]
    shares: dict[UUID, list[InvoiceShare]]
    payments: dict[UUID, Payment]
    allocated: dict[UUID, dict[str, int]]
    closings: dict[UUID, Closing]
    deposits: dict[UUID, Deposit]

    @classmethod
    def of(cls, batch: Sequence[LedgerRecord]) -> Rows:
        """Read them in a constant number of queries."""
        documents = [record.object_id for record in batch if record.kind in DOCUMENTS]
        money = [record.object_id for record in batch if record.kind in MONEY]
        items, shares = defaultdict(list), defaultdict(list)
        for item in InvoiceItem.objects.filter(invoice__in=documents).order_by("position"):
            items[item.invoice_id].append(item)
        for share in InvoiceShare.objects.filter(invoice__in=documents).order_by("position"):
            shares[share.invoice_id].append(share)
        payments = Payment.objects.in_bulk(money)
        allocated: dict[UUID, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for row in PaymentAllocation.objects.filter(payment__in=money).select_related("share__invoice"):
            payment = payments.get(row.payment_id)
            if payment is not None and row.amount > 0 and row.allocated_at == payment.recorded_at:
                allocated[payment.pk][str(row.share.invoice.number)] += row.amount
        closed = [record.object_id for record in batch if record.kind == LedgerRecord.Kind.CLOSING]
        deposited = [record.object_id for record in batch if record.kind == LedgerRecord.Kind.DEPOSIT]
        return cls(
            invoices=Invoice.objects.in_bulk(documents),
            items=items,
            shares=shares,
            payments=payments,
            allocated=allocated,
            closings=Closing.objects.in_bulk(closed),
            deposits=Deposit.objects.in_bulk(deposited),
        )

    def fault_of(self, record: LedgerRecord) -> str:
        """Say where the row differs from what was recorded of it; nothing when it does not."""
        payload: dict[str, Any] | None = None
        if record.kind in DOCUMENTS and record.object_id in self.invoices:
            invoice = self.invoices[record.object_id]
            payload = invoice_payload(invoice, self.items[invoice.pk], self.shares[invoice.pk])
        elif record.kind in MONEY and record.object_id in self.payments:
            payment = self.payments[record.object_id]
            payload = payment_payload(payment, sorted(self.allocated[payment.pk].items()))
        elif record.kind == LedgerRecord.Kind.CLOSING and record.object_id in self.closings:
            payload = closing_payload(self.closings[record.object_id])
        elif record.kind == LedgerRecord.Kind.DEPOSIT and record.object_id in self.deposits:
            payload = deposit_payload(self.deposits[record.object_id])
        if payload is None:
            return f"the {record.kind} it speaks of is gone"
        said = json.loads(record.payload)
        differing = sorted(name for name, value in payload.items() if said.get(name) != as_json(value))
        return f"the {record.kind} differs in {', '.join(differing)}" if differing else ""


def as_json(value: Any) -> Any:
    """Return a value as it reads back from a payload."""
    return json.loads(canonical({"value": value}))["value"]


def missing_at_the_end(practice_id: UUID, count: int) -> str:
    """Find records cut off at the end: the counter remembers how many there were."""
    counters = NumberSeries.objects.filter(practice_id=practice_id, series=CHAIN_SERIES)
    given = counters.values_list("last_number", flat=True).first() or 0
    return "" if given == count else f"{given - count} records are missing at the end"


def unrecorded(practice_id: UUID) -> str:
    """Find issued documents and payments that no record speaks of."""
    known = LedgerRecord.objects.filter(practice_id=practice_id).values("object_id")
    invoice = Invoice.objects.issued().filter(practice_id=practice_id).exclude(pk__in=known).first()
    if invoice is not None:
        return f"{invoice.number} has no record"
    payment = Payment.objects.filter(practice_id=practice_id).exclude(pk__in=known).first()
    return "" if payment is None else f"payment {payment.pk} has no record"
