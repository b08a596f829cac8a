"""Checking a practice's chain against itself, its signatures, and the rows it speaks of."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from apps.billing.archive.verifier import GENESIS, canonical, chain_fault, signature_fault
from apps.billing.models import (
    AccountUse,
    Closing,
    Deposit,
    Invoice,
    InvoiceItem,
    InvoiceShare,
    LedgerRecord,
    NumberSeries,
    Payment,
    PaymentAllocation,
    ShareTransfer,
    TrainingSwitch,
)
from apps.billing.services.closings import totals_of
from apps.billing.services.ledger import CHAIN_SERIES, envelope_of, payload_of, plain
from apps.billing.services.settlement import status_of, summed
from apps.billing.services.signing import signing_keys
from apps.core.models import PracticeModel
from apps.patients.models import Patient

BATCH: Final = 500
K = LedgerRecord.Kind
DOCUMENTS: Final = (K.INVOICE, K.CREDIT_NOTE)
# The model each kind of record is about.
MODELS: Final[dict[str, type[PracticeModel]]] = {
    K.INVOICE: Invoice,
    K.CREDIT_NOTE: Invoice,
    K.PAYMENT: Payment,
    K.REFUND: Payment,
    K.CLOSING: Closing,
    K.DEPOSIT: Deposit,
    K.TRAINING: TrainingSwitch,
    K.TRANSFER: ShareTransfer,
    K.ACCOUNT_USE: AccountUse,
}
FAULTS: Final = {
    "missing": "record {expected} is missing",
    "order": "does not follow the record before",
    "hash": "payload does not match its hash",
    "columns": "columns do not match the payload",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is wrong: where, and what."""

    practice_id: UUID
    sequence: int
    fault: str


@dataclass(frozen=True, slots=True)
class Verified:
    """The outcome for one practice; `signed` says whether the signatures were checked as well."""

    practice_id: UUID
    records: int
    signed: bool
    finding: Finding | None


def verify_practice(practice_id: UUID) -> Verified:
    """Read the whole chain of a practice and name its first bad record, if any.

    A record is bad when it is missing, out of order, does not follow the one before, does not hash to its hash, is not
    signed by a known key (checked where keys are set), or says something else than the row it is about and the rows that
    belong to it. What has no record at all is found as well.
    """
    signed = bool(signing_keys())
    previous, count = GENESIS, 0
    settled: set[str] = set()
    # A status follows from later records as well: it is told last, so that the record that explains it comes first.
    strange: Finding | None = None
    for batch in batches(practice_id):
        rows = Rows.of(batch)
        for record in batch:
            count += 1
            fault = fault_of(record, count, previous) or rows.fault_of(record)
            if fault:
                return Verified(practice_id, count, signed, Finding(practice_id, record.sequence, fault))
            previous = record.hash
            if strange is None and (fault := rows.status_fault(record)):
                strange = Finding(practice_id, record.sequence, fault)
        settled.update(rows.allocations)
    fault = missing_at_the_end(practice_id, count) or unrecorded(practice_id, settled)
    finding = Finding(practice_id, count + 1, fault) if fault else strange
    return Verified(practice_id, count, signed, finding)


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
    columns = columns_of(record)
    owner = {
        "record": envelope_of(record),
        "id": str(record.object_id),
        "practice_id": str(record.practice_id),
    }
    try:
        fault = chain_fault(columns, expected, previous)
        said = json.loads(record.payload) if not fault else {}
        if not fault and any(said[name] != value for name, value in owner.items()):
            fault = "columns"
    except (ValueError, KeyError, TypeError):
        fault = "columns"
    if fault:
        return FAULTS[fault].format(expected=expected)
    keys = signing_keys()
    if keys and signature_fault(columns, str(record.practice_id), keys):
        return "is not signed by a known key"
    return ""


def columns_of(record: LedgerRecord) -> dict[str, Any]:
    """Return a record as archives hold it."""
    return {
        "sequence": record.sequence,
        "kind": str(record.kind),
        "recorded_at": plain(record.recorded_at),
        "payload": record.payload,
        "previous_hash": record.previous_hash,
        "hash": record.hash,
        "key_id": record.key_id,
        "signature": record.signature,
    }


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows a batch of records speaks of, and those that belong to them."""

    subjects: dict[tuple[str, UUID], PracticeModel] = field(default_factory=dict)
    items: dict[UUID, list[PracticeModel]] = field(default_factory=lambda: defaultdict(list))
    shares: dict[UUID, list[PracticeModel]] = field(default_factory=lambda: defaultdict(list))
    payments: dict[UUID, list[PracticeModel]] = field(default_factory=lambda: defaultdict(list))
    allocations: dict[str, PracticeModel] = field(default_factory=dict)

    @classmethod
    def of(cls, batch: Sequence[LedgerRecord]) -> Rows:
        """Read them in a constant number of queries."""
        rows = cls()
        keys: dict[type[PracticeModel], list[UUID]] = defaultdict(list)
        for record in batch:
            keys[MODELS.get(record.kind, Invoice)].append(record.object_id)
        for model, chosen in keys.items():
            found: Iterable[PracticeModel] = model.objects.filter(pk__in=chosen)  # type: ignore[attr-defined]  # each has one
            rows.subjects.update({(model._meta.label, row.pk): row for row in found})
        for item in InvoiceItem.objects.filter(invoice__in=keys[Invoice]):
            rows.items[item.invoice_id].append(item)
        for share in InvoiceShare.objects.filter(invoice__in=keys[Invoice]).with_balance():
            rows.shares[share.invoice_id].append(share)
        for payment in Payment.objects.filter(deposit__in=keys[Deposit]):
            rows.payments[payment.deposit_id].append(payment)
        named = [key for record in batch for key in allocations_named(record)]
        rows.allocations.update({str(row.pk): row for row in PaymentAllocation.objects.filter(pk__in=named)})
        return rows

    def fault_of(self, record: LedgerRecord) -> str:
        """Say where the row differs from what was recorded of it; nothing when it does not."""
        row = self.subjects.get((MODELS.get(record.kind, Invoice)._meta.label, record.object_id))
        if row is None:
            return f"the {record.kind} it speaks of is gone"
        said = json.loads(record.payload)
        found = {**as_json(payload_of(row, **self.parts(record, row))), "record": envelope_of(record)}
        differing = sorted(
            name.removesuffix("_sha256")
            for name in said.keys() | found.keys()
            if said.get(name) != found.get(name) and not merged(name, said.get(name), found.get(name))
        )
        if differing:
            return f"the {record.kind} differs in {', '.join(differing)}"
        return closing_fault(row) if isinstance(row, Closing) else ""

    def parts(self, record: LedgerRecord, row: PracticeModel) -> dict[str, list[PracticeModel]]:
        """Return the rows that belong to a record's own."""
        settled = [self.allocations[key] for key in allocations_named(record) if key in self.allocations]
        if record.kind in DOCUMENTS:
            return {"items": self.items[row.pk], "shares": self.shares[row.pk], "allocations": settled}
        if record.kind == K.DEPOSIT:
            return {"payments": self.payments[row.pk]}
        return {"allocations": settled} if isinstance(row, Payment | AccountUse) else {}

    def status_fault(self, record: LedgerRecord) -> str:
        """Hold a document's status against what its shares say."""
        row = self.subjects.get((Invoice._meta.label, record.object_id))
        if not isinstance(row, Invoice):
            return ""
        expected = (
            Invoice.Status.ISSUED if row.is_credit_note else status_of(row, summed(self.shares[row.pk]))  # type: ignore[arg-type]  # shares with their balance
        )
        return (
            ""
            if row.status == expected
            else f"the {record.kind} is {row.status}, its balance says {expected}"
        )


def closing_fault(closing: Closing) -> str:
    """Add up anew what a closing covers."""
    former = Closing.objects.filter(
        practice_id=closing.practice_id, period=closing.period, starts_on__lt=closing.starts_on
    )
    found = totals_of(closing, former.order_by("-starts_on").first())
    wrong = sorted(name for name, value in found.items() if getattr(closing, name) != value)
    return f"the closing does not add up in {', '.join(wrong)}" if wrong else ""


def allocations_named(record: LedgerRecord) -> list[str]:
    """Return the keys of the allocations a record was written with; none when its payload is spoilt."""
    try:
        return [str(UUID(row["id"])) for row in json.loads(record.payload).get("allocations", ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def merged(name: str, said: Any, found: Any) -> bool:
    """Say whether a row follows its patient's record into the one it was merged into."""
    while name == "patient_id" and said is not None:
        said = Patient.objects.filter(pk=said).values_list("merged_into", flat=True).first()
        if str(said) == found:
            return True
    return False


def as_json(payload: dict[str, Any]) -> dict[str, Any]:
    """Return a payload as it reads back."""
    found: dict[str, Any] = json.loads(canonical(payload))
    return found


def missing_at_the_end(practice_id: UUID, count: int) -> str:
    """Find records cut off at the end: the counter remembers how many there were."""
    counters = NumberSeries.objects.filter(practice_id=practice_id, series=CHAIN_SERIES)
    given = counters.values_list("last_number", flat=True).first() or 0
    return "" if given == count else f"{given - count} records are missing at the end"


def unrecorded(practice_id: UUID, settled: set[str]) -> str:
    """Find issued documents, payments, allocations, deposits and closings that no record speaks of."""
    known = LedgerRecord.objects.filter(practice_id=practice_id).values("object_id")
    invoice = Invoice.objects.issued().real().filter(practice_id=practice_id).exclude(pk__in=known).first()
    if invoice is not None:
        return f"{invoice.number} has no record"
    tables = (
        Payment.objects.real(),
        AccountUse.objects.filter(payment__is_training=False),
        Deposit.objects.all(),
        Closing.objects.all(),
        TrainingSwitch.objects.all(),
        ShareTransfer.objects.filter(invoice__is_training=False),
    )
    for rows in tables:
        row = rows.filter(practice_id=practice_id).exclude(pk__in=known).first()
        if row is not None:
            return f"{row._meta.model_name} {row.pk} has no record"
    strayed = Payment.objects.filter(practice_id=practice_id, deposit__isnull=False).exclude(
        deposit__in=known
    )
    if strayed.exists():
        return f"payment {strayed[0].pk} names a deposit without a record"
    allocations = PaymentAllocation.objects.filter(practice_id=practice_id, share__invoice__is_training=False)
    for key in allocations.values_list("pk", flat=True).iterator():
        if str(key) not in settled:
            return f"allocation {key} has no record"
    return ""
