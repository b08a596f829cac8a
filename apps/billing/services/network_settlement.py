"""What a paid reconciliation settles here: the insurer's shares of the invoices its claims were made from."""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import datetime
from typing import Final
from uuid import UUID

from apps.billing.models import Invoice, Payment
from apps.billing.models.invoices import Payer
from apps.billing.services.payments import NoSuchShare, balance, record_payment, shares_owed
from apps.billing.services.settlement import locked
from apps.core.errors import DomainError
from apps.core.scope import SystemActor
from apps.insurance.models import Reconciliation
from apps.insurance.services.settling import settled_sources

logger = logging.getLogger(__name__)

SOURCE: Final = "billing.invoice"
NETWORK: Final = SystemActor("network-settlement")


def settle_network_invoices(reconciliation: Reconciliation, at: datetime) -> None:
    """Record the insurer's payment on each invoice, once per payment reference, in the caller's transaction.

    An invoice is settled with what the claim was granted: what is kept back of it is a matter between the insurer, the
    provider and the tax office, not a debt of the patient's. What an invoice cannot take (credited meanwhile, paid by hand,
    in another currency) does not hold the other ones up: it is logged, and the money shows in the bordereau.
    """
    amounts: dict[UUID, int] = defaultdict(int)
    currencies: dict[UUID, str] = {}
    for settled in settled_sources(reconciliation, source_type=SOURCE):
        amounts[settled.source_id] += settled.amount
        currencies[settled.source_id] = settled.currency
    # In one order, so that two reconciliations paid at once never wait for each other.
    for invoice in Invoice.objects.filter(pk__in=list(amounts)).order_by("pk"):
        if invoice.currency != currencies[invoice.pk]:
            tell(invoice, "CURRENCY_MISMATCH")
            continue
        try:
            settle_invoice(invoice, reconciliation, amounts[invoice.pk], at=at)
        except DomainError as refusal:
            tell(invoice, refusal.code)


def settle_invoice(invoice: Invoice, reconciliation: Reconciliation, amount: int, *, at: datetime) -> None:
    """Record one invoice's payment, at most what the insurer still owes; refuses as `record_payment` does."""
    invoice = locked(invoice)
    insurer, reference = reconciliation.insurer, str(reconciliation.payment_reference)
    if already_recorded(invoice, reconciliation):
        return
    due = sum(balance(share) for share in shares_owed(invoice, Payer.INSURER, insurer))
    if min(due, amount) <= 0:
        raise NoSuchShare(insurer=str(insurer.pk))
    if due < amount:
        tell(invoice, "OVERPAYMENT")
    today = at.astimezone(invoice.practice.zone).date()
    record_payment(
        actor=NETWORK,
        invoice=invoice,
        payer=Payer.INSURER,
        insurer=insurer,
        method=Payment.Method.TRANSFER,
        amount=min(due, amount),
        received_on=min(reconciliation.payment_date or today, today),
        reference=reference,
        at=at,
    )


def already_recorded(invoice: Invoice, reconciliation: Reconciliation) -> bool:
    """Whether the payment stands on the invoice already."""
    return Payment.objects.filter(
        practice_id=invoice.practice_id,
        insurer=reconciliation.insurer_id,
        reference=reconciliation.payment_reference,
        allocations__share__invoice=invoice,
    ).exists()


def tell(invoice: Invoice, code: str) -> None:
    """Log what was not settled, or not in full."""
    logger.warning(
        "network_payment_not_settled",
        extra={"object_type": SOURCE, "object_id": str(invoice.pk), "code": code},
    )
