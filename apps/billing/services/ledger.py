"""The chain: what is appended for an issued document or a payment, and how it is hashed.

`hash = SHA-256(previous hash + canonical payload)`, both as text; the first record of a practice follows 64
zeros. Personal values stand in payloads as digests with the document's own salt: when the law lets the values
go, the chain still holds.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from apps.billing.models import Closing, Deposit, Invoice, InvoiceItem, InvoiceShare, LedgerRecord, Payment
from apps.billing.services.numbering import next_in_series

GENESIS: Final = "0" * 64
CHAIN_SERIES: Final = "LEDGER"


def canonical(payload: dict[str, Any]) -> str:
    """Write a payload in the one way that is hashed: sorted keys, no spaces, integers, text as it is."""
    return json.dumps(payload, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def link(previous_hash: str, payload: str) -> str:
    """Return the hash of a record."""
    return hashlib.sha256(f"{previous_hash}{payload}".encode()).hexdigest()


def digest(salt: str, value: Any) -> str:
    """Return the salted digest that stands for a personal value."""
    return hashlib.sha256(f"{salt}{canonical({'value': value})}".encode()).hexdigest()


def append(
    *, practice_id: UUID, kind: LedgerRecord.Kind, object_id: UUID, payload: dict[str, Any], at: datetime
) -> LedgerRecord:
    """Add a record at the end of a practice's chain; its counter is the last lock of the transaction."""
    sequence = next_in_series(practice_id, CHAIN_SERIES, 0)
    previous = GENESIS
    if sequence > 1:
        last = LedgerRecord.objects.filter(practice_id=practice_id, sequence=sequence - 1)
        previous = last.values_list("hash", flat=True).get()
    text = canonical({**payload, "sequence": sequence, "kind": str(kind), "recorded_at": at.isoformat()})
    return LedgerRecord.objects.create(
        practice_id=practice_id,
        sequence=sequence,
        kind=kind,
        object_id=object_id,
        payload=text,
        previous_hash=previous,
        hash=link(previous, text),
        recorded_at=at,
    )


def invoice_payload(invoice: Invoice, items: list[InvoiceItem], shares: list[InvoiceShare]) -> dict[str, Any]:
    """Return what the chain keeps of an issued document."""
    return {
        "id": str(invoice.pk),
        "number": invoice.number,
        "issued_on": str(invoice.issued_on),
        "currency": invoice.currency,
        "total_amount": invoice.total_amount,
        "net_amount": invoice.net_amount,
        "vat_amount": invoice.vat_amount,
        "corrects": str(invoice.corrects_id) if invoice.corrects_id else None,
        "seller": invoice.seller,
        "buyer_sha256": digest(invoice.buyer_salt, invoice.buyer),
        "items": [item_payload(invoice, item) for item in items],
        "shares": [
            [share.payer, str(share.insurer_id) if share.insurer_id else None, share.kind, share.amount]
            for share in shares
        ],
    }


def item_payload(invoice: Invoice, item: InvoiceItem) -> dict[str, Any]:
    """Return what the chain keeps of a line; label and tooth are health data: digests."""
    return {
        "position": item.position,
        "performed_on": str(item.performed_on),
        "code": item.code,
        "described_sha256": digest(invoice.buyer_salt, [item.label, item.tooth]),
        "quantity": item.quantity,
        "unit_price": item.unit_price,
        "discount": item.discount,
        "total_amount": item.total_amount,
        "net_amount": item.net_amount,
        "vat_amount": item.vat_amount,
        "vat_code": item.vat_code,
        "vat_rate_bp": item.vat_rate_bp,
    }


def payment_payload(payment: Payment, allocations: list[tuple[str, int]]) -> dict[str, Any]:
    """Return what the chain keeps of a payment: amounts by invoice number."""
    return {
        "id": str(payment.pk),
        "payer": payment.payer,
        "insurer": str(payment.insurer_id) if payment.insurer_id else None,
        "method": payment.method,
        "amount": payment.amount,
        "currency": payment.currency,
        "received_on": str(payment.received_on),
        "refunds": str(payment.refunds_id) if payment.refunds_id else None,
        "allocations": [[number, amount] for number, amount in allocations],
    }


def closing_payload(closing: Closing) -> dict[str, Any]:
    """Return what the chain keeps of a closing."""
    return {
        "id": str(closing.pk),
        "period": closing.period,
        "starts_on": str(closing.starts_on),
        "ends_on": str(closing.ends_on),
        "currency": closing.currency,
        "invoiced": closing.invoiced,
        "credited": closing.credited,
        "received": closing.received,
        "received_by_method": closing.received_by_method,
        "perpetual_total": closing.perpetual_total,
        "first_sequence": closing.first_sequence,
        "last_sequence": closing.last_sequence,
    }


def deposit_payload(deposit: Deposit) -> dict[str, Any]:
    """Return what the chain keeps of a cheque deposit."""
    return {
        "id": str(deposit.pk),
        "number": deposit.number,
        "deposited_on": str(deposit.deposited_on),
        "currency": deposit.currency,
        "amount": deposit.amount,
        "cheques": deposit.cheques,
    }
