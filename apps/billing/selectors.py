"""Reads of billing: an invoice as it is shown, and what a patient owes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.billing.coverage import cover
from apps.billing.models import (
    BillingDocument,
    Invoice,
    InvoiceItem,
    InvoiceShare,
    Payment,
    PaymentAllocation,
    ShareTransfer,
)
from apps.billing.models.invoices import Payer
from apps.billing.querysets import InvoiceQuerySet, PaymentQuerySet
from apps.billing.services.shares import coverable, terms_of
from apps.billing.statements import aging
from apps.core.scope import Viewer
from apps.directory.models import Practice
from apps.patients.hooks import PatientBalance, TimelineEvent
from apps.patients.models import Patient


@dataclass(frozen=True, slots=True)
class ShareView:
    """A share with what is left of it."""

    share: InvoiceShare
    paid: int
    credited: int
    moved: int = 0

    @property
    def balance(self) -> int:
        """What is still due."""
        return self.share.amount - self.moved - self.paid - self.credited


@dataclass(frozen=True, slots=True)
class PaymentView:
    """What one payment settles of one invoice."""

    id: UUID
    payer: str
    insurer_id: UUID | None
    method: str
    amount: int
    received_on: date
    reference: str


@dataclass(frozen=True, slots=True)
class CoveredPart:
    """What one payer owes of a line."""

    payer: str
    insurer_id: UUID | None
    kind: str | None
    amount: int


@dataclass(frozen=True, slots=True)
class CoveredLine:
    """A line with its base and its payers' parts."""

    position: int
    base: int
    parts: Sequence[CoveredPart]


@dataclass(frozen=True, slots=True)
class CoverageView:
    """How shares follow from the lines: each insurer's terms, and every line shared out."""

    terms: Sequence[InvoiceShare]
    lines: Sequence[CoveredLine]


@dataclass(frozen=True, slots=True)
class InvoiceView:
    """An invoice with everything a screen shows, read from prefetched rows only."""

    invoice: Invoice
    items: Sequence[InvoiceItem]
    shares: Sequence[ShareView]
    payments: Sequence[PaymentView]
    document: BillingDocument | None
    coverage: CoverageView | None
    plan: UUID | None

    @property
    def balance_patient(self) -> int:
        """What the patient still owes."""
        return sum(view.balance for view in self.shares if view.share.insurer_id is None and self.is_owed)

    @property
    def balance_insurer(self) -> int:
        """What the insurers still owe."""
        return sum(view.balance for view in self.shares if view.share.insurer_id is not None and self.is_owed)

    @property
    def is_owed(self) -> bool:
        """Whether anybody owes it: a credit note is not owed to the practice."""
        return not self.invoice.is_credit_note


def invoices_for(*, viewer: Viewer) -> InvoiceQuerySet:
    """Return the invoices the viewer sees, with details, newest first."""
    rows: InvoiceQuerySet = Invoice.objects.visible_to(viewer).with_details().newest_first()
    return rows


def payments_for(*, viewer: Viewer) -> PaymentQuerySet:
    """Return the payments the viewer sees, newest first, with what they settle."""
    rows: PaymentQuerySet = Payment.objects.visible_to(viewer).with_unallocated().newest_first()
    return rows.prefetch_related("allocations__share__invoice")


def view_of(invoice: Invoice) -> InvoiceView:
    """Arrange an invoice loaded `with_details()`; runs no query."""
    shares = sorted(invoice.shares.all(), key=lambda share: share.position)
    settled: dict[UUID, PaymentView] = {}
    moved: Counter[UUID] = Counter()
    for transfer in invoice.transfers.all():
        moved[transfer.source_id] += transfer.amount
        moved[transfer.target_id] -= transfer.amount
    views = []
    for share in shares:
        paid = credited = 0
        for allocation in share.allocations.all():
            if allocation.credit_note_id is not None:
                credited += allocation.amount
                continue
            paid += allocation.amount
            payment = allocation.payment
            before = settled[payment.pk].amount if payment.pk in settled else 0
            settled[payment.pk] = PaymentView(
                id=payment.pk,
                payer=payment.payer,
                insurer_id=payment.insurer_id,
                method=payment.method,
                amount=before + allocation.amount,
                received_on=payment.received_on,
                reference=payment.reference,
            )
        views.append(ShareView(share, paid, credited, moved[share.pk]))
    documents = [document for document in invoice.documents.all() if document.kind == invoice.kind]
    items = sorted(invoice.items.all(), key=lambda item: item.position)
    return InvoiceView(
        invoice=invoice,
        items=items,
        shares=views,
        payments=[settled[key] for key in sorted(settled)],
        document=documents[0] if documents else None,
        coverage=coverage_of(items, shares),
        plan=next((plan.pk for plan in invoice.plans.all() if plan.cancelled_at is None), None),
    )


def coverage_of(items: Sequence[InvoiceItem], shares: Sequence[InvoiceShare]) -> CoverageView | None:
    """Share out every line of an invoice whose shares follow from its lines; None where they were given."""
    insurers = [share for share in shares if share.insurer_id is not None]
    if all(share.basis == InvoiceShare.Basis.GIVEN for share in insurers):
        return None
    terms = [
        terms_of(str(share.kind), share.basis, share.rate_bp, share.lump_amount, share.amount)
        for share in insurers
    ]
    lines = [coverable(item) for item in items]
    named = [
        *((Payer.INSURER, share.insurer_id, share.kind) for share in insurers),
        (Payer.PATIENT, None, None),
    ]
    return CoverageView(
        terms=insurers,
        lines=[
            CoveredLine(
                position=item.position,
                base=line.base,
                parts=[CoveredPart(*who, amount) for who, amount in zip(named, parts, strict=True)],
            )
            for item, line, parts in zip(items, lines, cover(lines, terms), strict=True)
        ],
    )


def owed_by_patient(invoice: Invoice) -> int:
    """Return what the patient still owes of an invoice, or would of a draft."""
    shares = invoice.shares.filter(payer=Payer.PATIENT).with_balance()
    return sum(shares.values_list("balance", flat=True))


def balances_of(practice_id: UUID, patient_ids: Sequence[UUID]) -> Mapping[UUID, PatientBalance]:
    """Return what patients and their insurers owe, and what stands on the patients' accounts."""
    practice = Practice.objects.get(pk=practice_id)
    today = timezone.now().astimezone(practice.zone).date()
    ages = aging(practice=practice, patient_ids=patient_ids, today=today)
    shares = InvoiceShare.objects.owed().filter(practice_id=practice_id, invoice__patient__in=patient_ids)
    payments = Payment.objects.real().filter(
        practice_id=practice_id, patient__in=patient_ids, payer=Payer.PATIENT
    )
    due: Counter[tuple[UUID, str]] = Counter()
    for row in shares.order_by().values("invoice__patient", "payer").annotate(total=Sum("amount")):
        due[row["invoice__patient"], row["payer"]] += row["total"]
    settled = PaymentAllocation.objects.filter(share__in=shares)
    for row in (
        settled.order_by().values("share__invoice__patient", "share__payer").annotate(total=Sum("amount"))
    ):
        due[row["share__invoice__patient"], row["share__payer"]] -= row["total"]
    for moved in ShareTransfer.objects.filter(source__in=shares).select_related(
        "source", "target", "invoice"
    ):
        due[moved.invoice.patient_id, moved.source.payer] -= moved.amount
        due[moved.invoice.patient_id, moved.target.payer] += moved.amount
    credit: Counter[UUID] = Counter()
    for row in payments.with_unallocated().values("patient", "unallocated"):
        credit[row["patient"]] += row["unallocated"]
    known = {patient for patient, _payer in due} | set(credit)
    return {
        patient: PatientBalance(
            practice.currency,
            overdue=sum(ages.get(patient, [0])[1:]),
            patient_due=due[patient, Payer.PATIENT],
            insurer_due=due[patient, Payer.INSURER],
            credit=credit[patient],
        )
        for patient in known
    }


def timeline_of(
    patient: Patient, viewer: Viewer, before: datetime | None, limit: int
) -> Sequence[TimelineEvent]:
    """Return a patient's issued invoices and payments, newest first, to those who may read invoices."""
    if not viewer.has_perm("billing.view_invoice"):
        return []
    invoices = Invoice.objects.visible_to(viewer).issued().real().filter(patient=patient)
    payments = Payment.objects.visible_to(viewer).real().filter(patient=patient)
    if before is not None:
        invoices, payments = invoices.filter(issued_at__lt=before), payments.filter(recorded_at__lt=before)
    events = [
        TimelineEvent(
            at=row.issued_at,
            kind=f"billing.{row.kind}",
            object_id=row.pk,
            title=f"{row.get_kind_display()} {row.number}",
            facts={"status": row.status, "amount": row.total_amount, "currency": row.currency},
        )
        for row in invoices.order_by("-issued_at", "-id")[:limit]
    ] + [
        TimelineEvent(
            at=row.recorded_at,
            kind="billing.payment",
            object_id=row.pk,
            title=_("Payment"),
            facts={"method": row.method, "amount": row.amount, "currency": row.currency},
        )
        for row in payments.order_by("-recorded_at", "-id")[:limit]
    ]
    return sorted(events, key=lambda event: event.at, reverse=True)[:limit]
