"""Taking cheques to the bank."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.utils.translation import gettext_lazy as _

from apps.billing.models import Deposit, LedgerRecord, Payment
from apps.billing.services.ledger import append
from apps.billing.services.numbering import next_deposit_number
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice


class NotDepositable(DomainError):
    """Only cheques that are still in the drawer go to the bank."""

    code = "PAYMENT_NOT_DEPOSITABLE"
    message = _("Only cheques that were neither deposited nor refunded can be deposited.")


@service("billing.deposit.record")
def record_deposit(
    *,
    actor: Viewer,
    practice: Practice,
    payments: Sequence[Payment],
    deposited_on: date | None = None,
    reference: str = "",
    at: datetime,
) -> Deposit:
    """Put cheques on one slip; the payments are locked in the order of their keys.

    Refuses an empty slip, a day to come, and PAYMENT_NOT_DEPOSITABLE.
    """
    today = at.astimezone(practice.zone).date()
    deposited_on = deposited_on or today
    if deposited_on > today:
        raise InvalidInput(deposited_on=[str(_("A deposit is not made in the future."))])
    keys = {payment.pk for payment in payments}
    if not keys:
        raise InvalidInput(payments=[str(_("Name the cheques of the deposit."))])
    rows = Payment.objects.select_for_update(of=("self",)).filter(practice=practice, pk__in=keys)
    held = list(rows.order_by("pk"))
    refunded = Payment.objects.filter(refunds__in=keys).exists()
    if len(held) != len(keys) or refunded or any(not depositable(payment) for payment in held):
        raise NotDepositable
    deposit = Deposit.objects.create(
        practice=practice,
        number=next_deposit_number(practice.pk, deposited_on.year),
        deposited_on=deposited_on,
        currency=practice.currency,
        amount=sum(payment.amount for payment in held),
        cheques=len(held),
        reference=reference.strip(),
        recorded_at=at,
    )
    Payment.objects.filter(pk__in=keys).update(deposit=deposit)
    append(
        kind=LedgerRecord.Kind.DEPOSIT,
        row=deposit,
        payments=held,
        at=at,
    )
    return deposit


def depositable(payment: Payment) -> bool:
    """Say whether a payment is a cheque that is still in the drawer."""
    in_drawer = payment.method == Payment.Method.CHEQUE and payment.amount > 0 and payment.deposit_id is None
    return in_drawer and not payment.is_training
