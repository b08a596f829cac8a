"""What a paid reconciliation settles here: the insurer's shares of the invoices its claims were made from.

Few invoices are settled in the transaction of the payment; many are left to a worker by a row per practice, written with
the payment (`network_jobs`). Either way each invoice gets one row per reconciliation, in the transaction of the payment or
refund it led to: whoever is interrupted goes on where the rows end, and nobody settles twice.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import F

from apps.billing.models import (
    Invoice,
    InvoiceShare,
    LedgerRecord,
    NetworkSettlement,
    Payment,
    PaymentAllocation,
)
from apps.billing.models.invoices import Payer
from apps.billing.services.bank_transfers import Paid, allocated, settle_all
from apps.billing.services.ledger import append_all
from apps.billing.services.network import NETWORK as BY_THE_NETWORK
from apps.billing.services.network import SOURCE
from apps.billing.services.payments import balance
from apps.billing.services.refunds import refund_payment
from apps.billing.services.transfers import give_back
from apps.core.scope import SystemActor, Viewer
from apps.core.service import service
from apps.directory.models import Practice
from apps.insurance.models import Reconciliation
from apps.insurance.services.settling import settled_sources

logger = logging.getLogger(__name__)

NETWORK: Final = SystemActor("network-settlement")
# So many invoices are locked, paid and recorded in one transaction.
CHUNK: Final = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """What a reconciliation says of one invoice; less than nothing takes back what was paid before."""

    amount: int
    currency: str


def asked_of(
    reconciliation: Reconciliation, practice: Practice | None = None
) -> dict[UUID, dict[UUID, Asked]]:
    """Return what a paid reconciliation says of each invoice, by practice; of one practice where it is named."""
    sums: dict[UUID, dict[UUID, Asked]] = defaultdict(dict)
    for one in settled_sources(reconciliation, source_type=SOURCE, provider=practice):
        before = sums[one.provider_id].get(one.source_id, Asked(0, one.currency))
        sums[one.provider_id][one.source_id] = Asked(before.amount + one.amount, one.currency)
    return sums


@service("billing.network.settle")
def settle_invoices(
    *,
    actor: Viewer,
    reconciliation: Reconciliation,
    practice_id: UUID,
    asked: Mapping[UUID, Asked],
    at: datetime,
) -> int:
    """Record what a reconciliation pays, or takes back, of one practice's invoices, once; return how many were new.

    An invoice is settled with what the claim was granted: what is kept back of it is a matter between the insurer, the
    provider and the tax office, not a debt of the patient's. What an invoice cannot take (credited meanwhile, paid by hand,
    in another currency) does not hold the others up: its row says why.
    """
    scene = Scene.of(reconciliation, practice_id, asked)
    # All invoices are locked before the first record takes the practice's counter.
    paid: list[Settling] = []
    rows: list[NetworkSettlement] = []
    for invoice in scene.invoices:
        wanted = asked[invoice.pk]
        if wanted.amount < 0:
            rows.append(scene.took_back(invoice, wanted, at=at))
            continue
        settling = scene.settling(invoice, wanted, at=at)
        if settling.line is not None:
            paid.append(settling)
        else:
            rows.append(scene.row(invoice, wanted, settling.former, code=settling.code, at=at))
    rows += record(scene, paid, at=at)
    NetworkSettlement.objects.bulk_create(rows)
    for row in rows:
        if row.code:
            tell(row)
    return len(rows)


@dataclass(frozen=True, slots=True)
class Settling:
    """What becomes of one invoice: a line to pay, or the payment it had before, or neither; and why not in full."""

    invoice: Invoice
    asked: Asked
    line: Paid | None = None
    former: Payment | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Scene:
    """The locked invoices of a chunk that have no row yet, with what has to be known of them."""

    reconciliation: Reconciliation
    practice: Practice
    invoices: Sequence[Invoice]
    shares: Mapping[UUID, list[InvoiceShare]]
    former: Mapping[UUID, Payment]

    @classmethod
    def of(cls, reconciliation: Reconciliation, practice_id: UUID, asked: Mapping[UUID, Asked]) -> Scene:
        """Lock the invoices in the order of their keys, and read their shares in a constant number of queries."""
        held = Invoice.objects.select_for_update(of=("self",)).filter(
            practice=practice_id, pk__in=list(asked)
        )
        locked = list(held.select_related("patient").order_by("pk"))
        known = NetworkSettlement.objects.filter(reconciliation=reconciliation, invoice__in=locked)
        done = set(known.values_list("invoice", flat=True))
        invoices = [invoice for invoice in locked if invoice.pk not in done]
        shares: dict[UUID, list[InvoiceShare]] = defaultdict(list)
        for share in InvoiceShare.objects.filter(invoice__in=invoices).with_balance().order_by("position"):
            shares[share.invoice_id].append(share)
        # Somebody at the practice may have typed the same transfer in before.
        typed = Payment.objects.filter(
            practice=practice_id,
            insurer=reconciliation.insurer_id,
            reference=reconciliation.payment_reference,
            amount__gt=0,
            allocations__share__invoice__in=invoices,
        )
        former = {row.of_invoice: row for row in typed.annotate(of_invoice=F("allocations__share__invoice"))}
        practice = Practice.objects.get(pk=practice_id)
        return cls(reconciliation, practice, invoices, shares, former)

    def settling(self, invoice: Invoice, asked: Asked, *, at: datetime) -> Settling:
        """Say what is paid of an invoice: at most what the insurer still owes."""
        former = self.former.get(invoice.pk)
        if former is not None:
            return Settling(invoice, asked, former=former, code=shortfall(former.amount, asked))
        if asked.amount == 0:
            return Settling(invoice, asked)
        if invoice.currency != asked.currency:
            return Settling(invoice, asked, code="CURRENCY_MISMATCH")
        if invoice.status == Invoice.Status.CREDITED:
            return Settling(invoice, asked, code="INVOICE_CREDITED")
        owed = self.owed(invoice)
        if not owed:
            return Settling(invoice, asked, code="NO_SUCH_SHARE")
        due = sum(balance(share) for share in owed)
        if due < asked.amount and any(share.basis == BY_THE_NETWORK for share in owed):
            # A dispute the provider won: the insurer pays more than its share was, the patient less.
            give_back(invoice, self.reconciliation.insurer_id, at=at)
            again = InvoiceShare.objects.filter(invoice=invoice).with_balance().order_by("position")
            self.shares[invoice.pk][:] = list(again)
            due = sum(balance(share) for share in self.owed(invoice))
        amount = min(due, asked.amount)
        line = Paid(invoice, self.shares[invoice.pk], amount) if amount else None
        return Settling(invoice, asked, line, code=shortfall(amount, asked))

    def owed(self, invoice: Invoice) -> list[InvoiceShare]:
        """Return the insurer's shares of an invoice."""
        insurer = self.reconciliation.insurer_id
        return [share for share in self.shares[invoice.pk] if share.insurer_id == insurer]

    def payment(self, line: Paid, *, at: datetime) -> Payment:
        """Return the payment of one invoice."""
        today = at.astimezone(self.practice.zone).date()
        return Payment(
            practice_id=self.practice.pk,
            patient=line.invoice.patient,
            payer=Payer.INSURER,
            insurer_id=self.reconciliation.insurer_id,
            method=Payment.Method.TRANSFER,
            amount=line.amount,
            currency=line.invoice.currency,
            received_on=min(self.reconciliation.payment_date or today, today),
            recorded_at=at,
            reference=str(self.reconciliation.payment_reference),
            is_training=line.invoice.is_training,
        )

    def took_back(self, invoice: Invoice, asked: Asked, *, at: datetime) -> NetworkSettlement:
        """Refund what the insurer takes back, the latest payment first; its share is due again."""
        left, refund = -asked.amount, None
        received = Payment.objects.filter(
            insurer=self.reconciliation.insurer_id,
            amount__gt=0,
            currency=asked.currency,
            allocations__share__invoice=invoice,
        )
        for payment in received.distinct().order_by("-pk"):
            kept = payment.amount + sum(payment.refunded_by.values_list("amount", flat=True))
            if part := min(left, kept):
                refund = refund_payment(
                    actor=NETWORK,
                    payment=payment,
                    amount=part,
                    reason=str(self.reconciliation.payment_reference),
                    at=at,
                )
                left -= part
        settled = asked.amount + left
        return self.row(invoice, asked, refund, settled, "NOTHING_TO_REFUND" if left else "", at=at)

    def row(
        self,
        invoice: Invoice,
        asked: Asked,
        payment: Payment | None,
        settled: int | None = None,
        code: str = "",
        *,
        at: datetime,
    ) -> NetworkSettlement:
        """Return the row of one invoice."""
        if settled is None:
            settled = min(asked.amount, payment.amount) if payment is not None else 0
        return NetworkSettlement(
            practice_id=self.practice.pk,
            reconciliation=self.reconciliation,
            invoice=invoice,
            payment=payment,
            asked=asked.amount,
            settled=settled,
            code=code,
            settled_at=at,
        )


def shortfall(amount: int, asked: Asked) -> str:
    """Return why an invoice takes less than was paid for it; nothing when it takes all of it."""
    return "OVERPAYMENT" if amount < asked.amount else ""


def record(scene: Scene, paid: Sequence[Settling], *, at: datetime) -> list[NetworkSettlement]:
    """Write the payments, what they settle and their records, in a constant number of queries; return their rows."""
    lines = [one.line for one in paid if one.line is not None]
    payments = Payment.objects.bulk_create([scene.payment(line, at=at) for line in lines])
    parts = [allocated(payment, line, at=at) for payment, line in zip(payments, lines, strict=True)]
    PaymentAllocation.objects.bulk_create([row for part in parts for row in part])
    settle_all(lines)
    linked = [(payment, {"allocations": part}) for payment, part in zip(payments, parts, strict=True)]
    append_all(kind=LedgerRecord.Kind.PAYMENT, rows=linked, at=at)
    return [
        scene.row(one.invoice, one.asked, payment, code=one.code, at=at)
        for one, payment in zip(paid, payments, strict=True)
    ]


def tell(row: NetworkSettlement) -> None:
    """Log what was not settled, or not in full."""
    logger.warning(
        "network_payment_not_settled",
        extra={"object_type": SOURCE, "object_id": str(row.invoice_id), "code": row.code},
    )
