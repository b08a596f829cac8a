"""Payments against what is due."""

from __future__ import annotations

from datetime import date, datetime

from django.utils.translation import gettext_lazy as _

from apps.billing.models import Invoice, InvoiceShare, LedgerRecord, Payment, PaymentAllocation
from apps.billing.models.invoices import Payer
from apps.billing.services.ledger import append
from apps.billing.services.settlement import locked, settle, shares_of
from apps.billing.states import INVOICE
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Insurer, Practice


class Overpayment(DomainError):
    """More was offered than this payer owes."""

    code = "OVERPAYMENT"
    message = _("This is more than what is due.")


class NoSuchShare(DomainError):
    """The insurer owes nothing of this invoice."""

    code = "NO_SUCH_SHARE"
    message = _("This insurer has no share of this invoice.")


class SpecimenMixed(DomainError):
    """What is practised with and what counts never settle each other."""

    code = "SPECIMEN_MIXED"
    message = _("Specimens of the training mode and real documents do not settle each other.")


class NotPayable(DomainError):
    """A credit note is not paid, it is refunded."""

    code = "CREDIT_NOTE_NOT_PAYABLE"
    message = _("A credit note is not paid.")


@service("billing.payment.record")
def record_payment(
    *,
    actor: Viewer,
    invoice: Invoice,
    payer: str,
    insurer: Insurer | None = None,
    method: str,
    amount: int,
    received_on: date | None = None,
    reference: str = "",
    on_account: bool = False,
    at: datetime,
) -> Payment:
    """Record money received for an invoice and settle the payer's share with it.

    The invoice is locked and its balance read under the lock: payments in parallel never settle more than is
    due. What a patient pays beyond it goes on their account, if the caller says so. Refuses ILLEGAL_TRANSITION
    (draft, credited), OVERPAYMENT, NO_SUCH_SHARE, CREDIT_NOTE_NOT_PAYABLE.
    """
    invoice = locked(invoice)
    if invoice.is_credit_note:
        raise NotPayable
    INVOICE.next_state(invoice.status, "pay", invoice)
    received_on = check_received(invoice.practice, amount, received_on, at)
    owed = shares_owed(invoice, payer, insurer)
    due = sum(balance(share) for share in owed)
    if amount > due and not (on_account and payer == Payer.PATIENT):
        raise Overpayment(due=due, currency=invoice.currency)
    payment = Payment(
        practice_id=invoice.practice_id,
        patient=invoice.patient,
        payer=payer,
        insurer=owed[0].insurer,
        method=method,
        amount=amount,
        currency=invoice.currency,
        received_on=received_on,
        recorded_at=at,
        reference=reference.strip(),
        is_training=invoice.is_training,
    )
    payment.clean_fields(exclude=["practice", "patient", "insurer"])
    payment.save()
    settled = allocate(payment, owed, at=at)
    settle(invoice, at=at)
    append(
        kind=LedgerRecord.Kind.PAYMENT,
        row=payment,
        allocations=settled,
        at=at,
    )
    return payment


def check_received(practice: Practice, amount: int, received_on: date | None, at: datetime) -> date:
    """Return the day money was received, today when none is named; refuse nothing, and money from the future."""
    today = at.astimezone(practice.zone).date()
    if amount <= 0:
        raise InvalidInput(amount=[str(_("An amount is at least one."))])
    if received_on is not None and received_on > today:
        raise InvalidInput(received_on=[str(_("Money is not received in the future."))])
    return received_on or today


def shares_owed(invoice: Invoice, payer: str, insurer: Insurer | None) -> list[InvoiceShare]:
    """Return the payer's shares in their order; an insurer need not be named when only one has a share."""
    if payer == Payer.PATIENT and insurer is not None:
        raise InvalidInput(insurer=[str(_("A patient's payment names no insurer."))])
    shares = [share for share in shares_of(invoice) if share.payer == payer]
    if payer == Payer.PATIENT:
        return shares
    if insurer is not None:
        shares = [share for share in shares if share.insurer_id == insurer.pk]
    elif len({share.insurer_id for share in shares}) > 1:
        raise InvalidInput(insurer=[str(_("Several insurers have a share: name the one that pays."))])
    if not shares:
        raise NoSuchShare(insurer=str(insurer.pk) if insurer else None)
    return shares


def allocate(
    payment: Payment, shares: list[InvoiceShare], *, most: int | None = None, at: datetime
) -> list[PaymentAllocation]:
    """Settle shares in their order with a payment, or with `most` of it, and return the rows for its ledger record."""
    left = payment.amount if most is None else most
    rows = []
    for share in shares:
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
            left -= part
    return list(PaymentAllocation.objects.bulk_create(rows))


def balance(share: InvoiceShare) -> int:
    """Return the annotated balance of a share."""
    return int(share.balance)  # type: ignore[attr-defined]  # annotated by with_balance()
