"""The chain: what is appended for an issued document or a movement of money, how it is hashed and signed.

`hash = SHA-256(previous hash + canonical payload)`, both as text; the first record of a practice follows 64 zeros. A
payload holds every column of the row it is about and of the rows that belong to it, so that a column added later is
covered by itself: keys, amounts, days and what `audit_clear` names as they are, everything else as digests with the
row's own salt. When the law lets the values go, the chain still holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Model

from apps.billing.archive.verifier import GENESIS, canonical, link
from apps.billing.models import Invoice, InvoiceItem, LedgerRecord, Payment
from apps.billing.services.numbering import take_in_series
from apps.billing.services.signing import sign
from apps.core.crypto import DecryptionFailed
from apps.core.models import PracticeModel, new_id

CHAIN_SERIES: Final = "LEDGER"
# What may change after the record was written, with what holds it instead.
LEFT_OUT: Final[dict[type[Model], frozenset[str]]] = {
    # Follows from the allocations; verification works it out anew.
    Invoice: frozenset({"status", "buyer_salt"}),
    # Released by a full credit, which has a record.
    InvoiceItem: frozenset({"holds_treatment"}),
    # The record of the deposit names its payments.
    Payment: frozenset({"deposit_id", "salt"}),
}
ALWAYS_LEFT_OUT: Final = frozenset({"updated_at", "salt"})
UNREADABLE: Final = "unreadable"


def digest(salt: str, value: Any) -> str:
    """Return the salted digest that stands for a personal value."""
    return link(salt, canonical({"value": value}))


def append(
    *, kind: LedgerRecord.Kind, row: PracticeModel, at: datetime, **parts: Iterable[PracticeModel]
) -> LedgerRecord | None:
    """Add the record of a row at the end of its practice's chain, the last lock of the transaction.

    `parts` are the rows written with it: lines and shares of a document, allocations of a payment or credit,
    payments of a deposit. What was practised with in training mode has no place in the chain.
    """
    return next(iter(append_all(kind=kind, rows=[(row, parts)], at=at)), None)


def append_all(
    *,
    kind: LedgerRecord.Kind,
    rows: Sequence[tuple[PracticeModel, Mapping[str, Iterable[PracticeModel]]]],
    at: datetime,
) -> list[LedgerRecord]:
    """Add the records of many rows of one practice, each with its parts, in their order; as `append` does.

    Costs the same number of queries however many there are.
    """
    real = [(row, parts) for row, parts in rows if not getattr(row, "is_training", False)]
    if not real:
        return []
    practice_id = real[0][0].practice_id
    if any(row.practice_id != practice_id for row, _parts in real):
        raise ValueError("a chain is one practice's")
    first = take_in_series(practice_id, CHAIN_SERIES, 0, len(real))
    previous = GENESIS
    if first > 1:
        last = LedgerRecord.objects.filter(practice_id=practice_id, sequence=first - 1)
        previous = last.values_list("hash", flat=True).get()
    records = []
    for sequence, (row, parts) in enumerate(real, start=first):
        record = LedgerRecord(id=new_id(), practice_id=practice_id, sequence=sequence, kind=kind)
        record.object_id, record.previous_hash, record.recorded_at = row.pk, previous, at
        record.payload = canonical({**payload_of(row, **parts), "record": envelope_of(record)})
        record.hash = previous = link(previous, record.payload)
        record.key_id, record.signature = sign(practice_id, sequence, record.hash)
        records.append(record)
    return list(LedgerRecord.objects.bulk_create(records))


def envelope_of(record: LedgerRecord) -> dict[str, Any]:
    """Return the columns of the record itself that its payload repeats."""
    return {
        "id": str(record.pk),
        "sequence": record.sequence,
        "kind": str(record.kind),
        "recorded_at": plain(record.recorded_at),
    }


def payload_of(row: PracticeModel, **parts: Iterable[PracticeModel]) -> dict[str, Any]:
    """Return what the chain keeps of a row and of the rows that belong to it, each list in the order of its keys."""
    salt = salt_of(row)
    facts = facts_of(row, salt)
    for name, rows in parts.items():
        if name == "payments":
            facts[name] = sorted(str(other.pk) for other in rows)
        else:
            facts[name] = [facts_of(other, salt) for other in sorted(rows, key=lambda one: str(one.pk))]
    return facts


def salt_of(row: PracticeModel) -> str:
    """Return the salt of a row's digests."""
    return str(getattr(row, "buyer_salt", "") or getattr(row, "salt", ""))


def facts_of(row: PracticeModel, salt: str) -> dict[str, Any]:
    """Return every column of a row that counts: in the clear what is not personal, digests of the rest."""
    facts: dict[str, Any] = {}
    left_out = ALWAYS_LEFT_OUT | LEFT_OUT.get(type(row), frozenset())
    for field in row._meta.concrete_fields:
        name = field.attname
        if name in left_out:
            continue
        if field.primary_key or field.is_relation or name == "created_at" or field.name in row.audit_clear:
            facts[name] = plain(getattr(row, name))
        else:
            facts[f"{name}_sha256"] = sealed_digest(row, name, salt)
    return facts


def sealed_digest(row: PracticeModel, name: str, salt: str) -> str:
    """Return the digest of a personal value; of one that no longer opens, a word that fits no digest."""
    try:
        return digest(salt, plain(getattr(row, name)))
    except DecryptionFailed:
        return UNREADABLE


def plain(value: Any) -> Any:
    """Return a value as JSON writes it: keys and days as text, moments in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date | UUID):
        return str(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence):
        return [plain(inner) for inner in value]
    return value
