"""Insurers' transfers: one amount received, many invoices paid, all of it or nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from apps.billing.models import (
    InsurerTransfer,
    Invoice,
    InvoiceShare,
    LedgerRecord,
    Payment,
    PaymentAllocation,
)
from apps.billing.models.invoices import Payer
from apps.billing.services.ledger import append_all
from apps.billing.services.payments import (
    NoSuchShare,
    NotPayable,
    Overpayment,
    SpecimenMixed,
    balance,
    check_received,
)
from apps.billing.services.settlement import status_of, summed
from apps.billing.services.training import is_training
from apps.billing.states import INVOICE
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.core.transitions import IllegalTransition
from apps.directory.models import Insurer, Practice

MOST_LINES: Final = 500


class TransferExists(DomainError):
    """The bank's reference was recorded before."""

    code = "TRANSFER_EXISTS"
    message = _("A transfer of this insurer with this reference is recorded already.")


class TransferDoesNotAddUp(DomainError):
    """What was received is not what the lines say."""

    code = "TRANSFER_MISMATCH"
    message = _("The lines do not add up to the amount of the transfer.")


class TransferRefused(DomainError):
    """Some lines cannot be paid; the answer says which and why."""

    code = "TRANSFER_REFUSED"
    message = _("Some lines of the transfer cannot be recorded; nothing was.")


@dataclass(slots=True)
class Paid:
    """One line as it will be recorded."""

    invoice: Invoice
    shares: list[InvoiceShare]
    amount: int


@service("billing.transfer.record")
def record_transfer(
    *,
    actor: Viewer,
    practice: Practice,
    insurer: Insurer,
    reference: str,
    amount: int,
    amounts: Mapping[UUID, int | None],
    received_on: date | None = None,
    at: datetime,
) -> InsurerTransfer:
    """Record a transfer and settle the insurer's shares of many invoices with it, each with so much or its whole rest.

    The invoices are locked in the order of their keys and read in a constant number of queries; the chain gets one
    record for each payment. Refuses TRANSFER_EXISTS, TRANSFER_MISMATCH, and TRANSFER_REFUSED with the lines at fault
    (OVERPAYMENT, NO_SUCH_SHARE, ILLEGAL_TRANSITION, CREDIT_NOTE_NOT_PAYABLE, SPECIMEN_MIXED).
    """
    reference = " ".join(reference.split())
    check_asked(reference, amounts)
    received_on = check_received(practice, amount, received_on, at)
    transfer = keep(
        InsurerTransfer(
            practice=practice,
            insurer=insurer,
            reference=reference,
            received_on=received_on,
            amount=amount,
            currency=practice.currency,
            recorded_at=at,
        )
    )
    lines = lines_of(transfer, amounts)
    total = sum(line.amount for line in lines)
    if total != amount:
        raise TransferDoesNotAddUp(amount=amount, total=total, currency=practice.currency)
    payments = Payment.objects.bulk_create([payment_of(transfer, line) for line in lines])
    rows = [allocated(payment, line, at=at) for payment, line in zip(payments, lines, strict=True)]
    PaymentAllocation.objects.bulk_create([row for part in rows for row in part])
    settle_all(lines)
    linked = [(payment, {"allocations": part}) for payment, part in zip(payments, rows, strict=True)]
    append_all(kind=LedgerRecord.Kind.PAYMENT, rows=linked, at=at)
    return transfer


def check_asked(reference: str, amounts: Mapping[UUID, int | None]) -> None:
    """Refuse a transfer without a reference or lines, and lines of nothing."""
    if not reference:
        raise InvalidInput(reference=[str(_("Give the bank's reference."))])
    if not 1 <= len(amounts) <= MOST_LINES:
        sentence = _("A transfer pays between one and %(most)s invoices.") % {"most": MOST_LINES}
        raise InvalidInput(lines=[str(sentence)])
    if any(part is not None and part < 1 for part in amounts.values()):
        raise InvalidInput(lines=[str(_("An amount is at least one."))])


def keep(transfer: InsurerTransfer) -> InsurerTransfer:
    """Save a transfer; the loser of two at once learns of the winner's. Refuses TRANSFER_EXISTS."""
    transfer.clean_fields(exclude=["practice", "insurer"])
    try:
        with transaction.atomic():
            transfer.save(force_insert=True)
    except IntegrityError:
        former = InsurerTransfer.objects.filter(
            practice=transfer.practice, insurer=transfer.insurer, reference__iexact=transfer.reference
        ).first()
        raise TransferExists(transfer=str(former.pk) if former else None) from None
    return transfer


def lines_of(transfer: InsurerTransfer, amounts: Mapping[UUID, int | None]) -> list[Paid]:
    """Lock the invoices and return what is paid of each; collect everything that is wrong before refusing."""
    practising = is_training(transfer.practice_id)
    rows = Invoice.objects.select_for_update(of=("self",)).select_related("patient")
    invoices = list(rows.filter(practice=transfer.practice_id, pk__in=list(amounts)).order_by("pk"))
    if len(invoices) != len(amounts):
        raise InvalidInput(lines=[str(_("This does not exist."))])
    shares: dict[UUID, list[InvoiceShare]] = defaultdict(list)
    for share in InvoiceShare.objects.filter(invoice__in=invoices).with_balance().order_by("position"):
        shares[share.invoice_id].append(share)
    lines, wrong = [], []
    for invoice in invoices:
        try:
            if invoice.is_training != practising:
                raise SpecimenMixed
            lines.append(line_of(invoice, shares[invoice.pk], transfer.insurer, amounts[invoice.pk]))
        except DomainError as refusal:
            wrong.append(fault_of(invoice, refusal))
    if wrong:
        raise TransferRefused(lines=wrong)
    return lines


def line_of(invoice: Invoice, shares: list[InvoiceShare], insurer: Insurer, asked: int | None) -> Paid:
    """Return what a transfer pays of one locked invoice; refuses as a payment does."""
    if invoice.is_credit_note:
        raise NotPayable
    INVOICE.next_state(invoice.status, "pay", invoice)
    owed = [share for share in shares if share.payer == Payer.INSURER and share.insurer_id == insurer.pk]
    if not owed:
        raise NoSuchShare(insurer=str(insurer.pk))
    due = sum(balance(share) for share in owed)
    amount = due if asked is None else asked
    if amount > due or due == 0:
        raise Overpayment(due=due, currency=invoice.currency)
    return Paid(invoice, shares, amount)


def fault_of(invoice: Invoice, refusal: DomainError) -> dict[str, Any]:
    """Say what is wrong with one line."""
    due = refusal.details.get("due") if not isinstance(refusal, IllegalTransition) else None
    return {
        "invoice": str(invoice.pk),
        "number": invoice.number,
        "code": refusal.code,
        "message": str(refusal.message),
        "due": due,
    }


def payment_of(transfer: InsurerTransfer, line: Paid) -> Payment:
    """Return the payment of one line."""
    return Payment(
        practice_id=transfer.practice_id,
        patient=line.invoice.patient,
        payer=Payer.INSURER,
        insurer_id=transfer.insurer_id,
        method=Payment.Method.TRANSFER,
        amount=line.amount,
        currency=transfer.currency,
        received_on=transfer.received_on,
        recorded_at=transfer.recorded_at,
        reference=transfer.reference,
        transfer=transfer,
        is_training=line.invoice.is_training,
    )


def allocated(payment: Payment, line: Paid, *, at: datetime) -> list[PaymentAllocation]:
    """Return what a line settles of the insurer's shares, in their order, and count it as paid."""
    left, rows = payment.amount, []
    for share in line.shares:
        if share.insurer_id != payment.insurer_id:
            continue
        part = min(left, balance(share))
        if part > 0:
            rows.append(
                PaymentAllocation(
                    practice_id=payment.practice_id,
                    share=share,
                    payment=payment,
                    amount=part,
                    allocated_at=at,
                )
            )
            share.paid += part  # type: ignore[attr-defined]  # annotated
            left -= part
    return rows


def settle_all(lines: list[Paid]) -> None:
    """Bring the invoices' statuses up to what their shares say, in one update for each status."""
    changed: dict[str, list[UUID]] = defaultdict(list)
    for line in lines:
        status = status_of(line.invoice, summed(line.shares))
        if status != line.invoice.status:
            changed[status].append(line.invoice.pk)
    for status, keys in sorted(changed.items()):
        Invoice.objects.filter(pk__in=keys).update(status=status)
