"""A patient's account: money received before it is asked for, and what it is used for later."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.billing.models import AccountUse, Invoice, InvoiceShare, LedgerRecord, Payment
from apps.billing.models.invoices import Payer
from apps.billing.services.ledger import append
from apps.billing.services.payments import (
    NotPayable,
    Overpayment,
    SpecimenMixed,
    allocate,
    balance,
    check_received,
    shares_owed,
)
from apps.billing.services.settlement import settle
from apps.billing.services.training import is_training
from apps.billing.states import INVOICE
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.patients.models import Patient

MOST_INVOICES = 50


class AccountExceeded(DomainError):
    """Less stands on the account than was to be used."""

    code = "ACCOUNT_EXCEEDED"
    message = _("This is more than what is left of the payment on the account.")


class InvoiceOfAnotherPatient(DomainError):
    """An account settles its own patient's invoices."""

    code = "INVOICE_OF_ANOTHER_PATIENT"
    message = _("Money on account is used for invoices of the same patient.")


@service("billing.payment.put_on_account")
def put_on_account(
    *,
    actor: Viewer,
    patient: Patient,
    method: str,
    amount: int,
    received_on: date | None = None,
    reference: str = "",
    at: datetime,
) -> Payment:
    """Record money a patient pays without an invoice; it stands on their account until it is used or given back."""
    practice = patient.practice
    payment = Payment(
        practice_id=practice.pk,
        patient=patient,
        payer=Payer.PATIENT,
        method=method,
        amount=amount,
        currency=practice.currency,
        received_on=check_received(practice, amount, received_on, at),
        recorded_at=at,
        reference=reference.strip(),
        is_training=is_training(practice.pk),
    )
    payment.clean_fields(exclude=["practice", "patient"])
    payment.save()
    append(kind=LedgerRecord.Kind.PAYMENT, row=payment, allocations=[], at=at)
    return payment


@service("billing.payment.use_account")
def use_account(
    *, actor: Viewer, payment: Payment, amounts: Mapping[UUID, int | None], at: datetime
) -> AccountUse:
    """Settle invoices with what is left of a payment: so much of each, or without an amount as much as fits.

    The invoices are locked in the order of their keys, then the payment: nobody uses or refunds it meanwhile. Refuses
    ACCOUNT_EXCEEDED, OVERPAYMENT, INVOICE_OF_ANOTHER_PATIENT, ILLEGAL_TRANSITION, CREDIT_NOTE_NOT_PAYABLE,
    NO_SUCH_SHARE, SPECIMEN_MIXED.
    """
    if not 1 <= len(amounts) <= MOST_INVOICES or any(
        part is not None and part < 1 for part in amounts.values()
    ):
        raise InvalidInput(
            invoices=[str(_("Name at least one invoice, each with an amount of at least one."))]
        )
    rows = Invoice.objects.select_for_update(of=("self",)).filter(
        practice_id=payment.practice_id, pk__in=list(amounts)
    )
    invoices: list[Invoice] = list(rows.order_by("pk"))
    if len(invoices) != len(amounts):
        raise InvalidInput(invoices=[str(_("This does not exist."))])
    Payment.objects.select_for_update(of=("self",)).get(pk=payment.pk)
    payment = Payment.objects.with_unallocated().select_related("insurer").get(pk=payment.pk)
    left: int = payment.unallocated  # type: ignore[attr-defined]  # annotated
    use = AccountUse(practice_id=payment.practice_id, payment=payment, used_at=at)
    parts, moved = [], 0
    for invoice in invoices:
        shares = usable(payment, invoice)
        part = part_of(invoice, shares, amounts[invoice.pk], left - moved)
        parts.append((invoice, shares, part))
        moved += part
    if moved > left or moved == 0:
        raise AccountExceeded(left=left, currency=payment.currency)
    use.amount = moved
    use.save(force_insert=True)
    allocations = [row for _i, shares, part in parts for row in allocate(payment, shares, most=part, at=at)]
    for invoice, _shares, part in parts:
        if part:
            settle(invoice, at=at)
    append(kind=LedgerRecord.Kind.ACCOUNT_USE, row=use, allocations=allocations, at=at)
    return use


def usable(payment: Payment, invoice: Invoice) -> list[InvoiceShare]:
    """Return the shares of a locked invoice that a payment's payer owes."""
    if invoice.is_credit_note:
        raise NotPayable
    INVOICE.next_state(invoice.status, "pay", invoice)
    if invoice.patient_id != payment.patient_id:
        raise InvoiceOfAnotherPatient(invoice=str(invoice.pk))
    if invoice.is_training != payment.is_training:
        raise SpecimenMixed(invoice=str(invoice.number))
    return shares_owed(invoice, payment.payer, payment.insurer)


def part_of(invoice: Invoice, shares: list[InvoiceShare], asked: int | None, left: int) -> int:
    """Return how much of an invoice is settled: what was asked, else as much as is due and left."""
    due = sum(balance(share) for share in shares)
    if asked is None:
        return max(0, min(due, left))
    if asked > due:
        raise Overpayment(due=due, currency=invoice.currency, invoice=str(invoice.number))
    return asked


@service("billing.payment.use_account_for_oldest")
def use_account_for_oldest(*, actor: Viewer, payment: Payment, at: datetime) -> AccountUse:
    """Settle the patient's open invoices with what is left of a payment, the oldest first. Refuses ACCOUNT_EXCEEDED."""
    held = Payment.objects.with_unallocated().get(pk=payment.pk)
    left: int = held.unallocated
    shares = InvoiceShare.objects.owed().filter(
        invoice__patient=payment.patient_id, payer=payment.payer, insurer=payment.insurer_id
    )
    amounts: dict[UUID, int | None] = {}
    open_ones = (
        shares.with_balance().filter(balance__gt=0).order_by("invoice__issued_on", "invoice_id", "position")
    )
    for key, due in open_ones.values_list("invoice", "balance")[:MOST_INVOICES]:
        part = min(due, left)
        if part <= 0:
            break
        amounts[key] = (amounts.get(key) or 0) + part
        left -= part
    if not amounts:
        raise AccountExceeded(left=max(0, left), currency=payment.currency)
    return use_account(actor=actor, payment=payment, amounts=amounts, at=at)
