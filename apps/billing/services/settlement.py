"""Balances from allocations, and the status that follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from apps.billing.models import Invoice, InvoiceShare
from apps.core.scope import SystemActor
from apps.notifications.services import cancel_for

REMINDER_CAUSE: Final = "billing.reminder"
CLOCK: Final = SystemActor("billing-clock")


@dataclass(frozen=True, slots=True)
class Settled:
    """Sums over an invoice's shares."""

    amount: int
    paid: int
    credited: int

    @property
    def balance(self) -> int:
        """What is still due."""
        return self.amount - self.paid - self.credited


def locked(invoice: Invoice) -> Invoice:
    """Re-read an invoice under its row lock: those who settle, credit or issue it take turns."""
    rows = Invoice.objects.select_for_update(of=("self",)).select_related(
        "practice", "patient", "practitioner"
    )
    return rows.get(pk=invoice.pk)  # type: ignore[no-any-return]  # an invoice


def shares_of(invoice: Invoice) -> list[InvoiceShare]:
    """Return an invoice's shares with `paid`, `credited` and `balance`; read under its lock."""
    return list(invoice.shares.all().with_balance().order_by("position"))


def settle(invoice: Invoice, *, at: datetime) -> None:
    """Bring a locked invoice's status up to what its shares say; once the patient owes nothing, no reminder leaves."""
    shares = shares_of(invoice)
    status = status_of(invoice, summed(shares))
    if status != invoice.status:
        invoice.status = status
        invoice.save(update_fields=["status", "updated_at"])
    if summed([share for share in shares if share.insurer_id is None]).balance <= 0:
        cancel_for(actor=CLOCK, cause_type=REMINDER_CAUSE, cause_id=invoice.pk, at=at)


def summed(shares: Sequence[InvoiceShare]) -> Settled:
    """Add up shares that carry their annotations."""
    return Settled(
        amount=sum(share.amount for share in shares),
        paid=sum(share.paid for share in shares),  # type: ignore[attr-defined]  # annotated
        credited=sum(share.credited for share in shares),  # type: ignore[attr-defined]  # annotated
    )


def status_of(invoice: Invoice, sums: Settled) -> str:
    """Return the status of an issued invoice; one that asked for nothing is paid from the start."""
    if sums.credited and sums.credited == sums.amount:
        return Invoice.Status.CREDITED
    if sums.balance == 0:
        return Invoice.Status.PAID
    return Invoice.Status.PARTIALLY_PAID if sums.paid else Invoice.Status.ISSUED
