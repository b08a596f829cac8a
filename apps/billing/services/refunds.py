"""Refunds: rows of their own, the only way to give money back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from apps.billing.models import Invoice, LedgerRecord, Payment, PaymentAllocation
from apps.billing.services.ledger import append
from apps.billing.services.settlement import settle
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service


class RefundExceedsPayment(DomainError):
    """More was asked back than is left of the payment."""

    code = "REFUND_EXCEEDS_PAYMENT"
    message = _("This is more than what is left of the payment.")


class RefundNotRefundable(DomainError):
    """A refund is not refunded."""

    code = "REFUND_NOT_REFUNDABLE"
    message = _("A refund cannot be refunded. Record a new payment.")


@service("billing.payment.refund")
def refund_payment(
    *,
    actor: Viewer,
    payment: Payment,
    amount: int | None = None,
    method: str = "",
    reason: str,
    at: datetime,
) -> Payment:
    """Give a payment back, wholly or in part, by its own method unless another is named.

    What stands on account goes first; then the payment is taken back from the invoices it settled, the latest first,
    and they are due again. Refuses REFUND_EXCEEDS_PAYMENT, REFUND_NOT_REFUNDABLE, and a missing reason.
    """
    if not reason.strip():
        raise InvalidInput(reason=[str(_("A refund says why."))])
    if payment.refunds_id is not None:
        raise RefundNotRefundable
    invoices, payment = hold(payment)
    refunded = -(payment.refunded_by.aggregate(total=Sum("amount"))["total"] or 0)
    left = payment.amount - refunded
    amount = left if amount is None else amount
    if amount <= 0 or amount > left:
        raise RefundExceedsPayment(left=left, currency=payment.currency)
    refund = Payment(
        practice_id=payment.practice_id,
        patient_id=payment.patient_id,
        payer=payment.payer,
        insurer_id=payment.insurer_id,
        method=method or payment.method,
        amount=-amount,
        currency=payment.currency,
        received_on=at.astimezone(payment.practice.zone).date(),
        recorded_at=at,
        reference=reason.strip(),
        refunds=payment,
        is_training=payment.is_training,
    )
    refund.clean_fields(exclude=["practice", "patient", "insurer", "refunds"])
    refund.save()
    taken = take_back(payment, refunded + amount, at=at)
    for invoice in invoices:
        settle(invoice, at=at)
    append(
        kind=LedgerRecord.Kind.REFUND,
        row=refund,
        allocations=taken,
        at=at,
    )
    return refund


def hold(payment: Payment) -> tuple[list[Invoice], Payment]:
    """Lock the invoices a payment settles in the order of their keys, then the payment itself.

    Somebody may use what is left of it for a further invoice before the payment is locked: then all locks are given
    back and taken anew, so that they are always taken in one order.
    """
    while True:
        point = transaction.savepoint()
        keys = settled_by(payment)
        invoices = list(Invoice.objects.select_for_update(of=("self",)).filter(pk__in=keys).order_by("pk"))
        rows = Payment.objects.select_for_update(of=("self",)).select_related("practice")
        held: Payment = rows.get(pk=payment.pk)
        if settled_by(payment) == keys:
            transaction.savepoint_commit(point)
            return invoices, held
        transaction.savepoint_rollback(point)


def settled_by(payment: Payment) -> set[UUID]:
    """Return the keys of the invoices a payment has settled anything of."""
    return set(payment.allocations.order_by().values_list("share__invoice", flat=True))


def take_back(payment: Payment, given_back: int, *, at: datetime) -> list[PaymentAllocation]:
    """Take allocations back until no more of the payment settles something than was kept of it; return the rows."""
    held = payment.allocations.order_by().values("share").annotate(held=Sum("amount")).order_by("-share")
    excess = sum(row["held"] for row in held) + given_back - payment.amount
    rows = []
    for row in held:
        taken = min(excess, row["held"])
        if taken > 0:
            rows.append(
                PaymentAllocation(
                    practice_id=payment.practice_id,
                    share_id=row["share"],
                    payment=payment,
                    amount=-taken,
                    allocated_at=at,
                )
            )
            excess -= taken
    return list(PaymentAllocation.objects.bulk_create(rows))
