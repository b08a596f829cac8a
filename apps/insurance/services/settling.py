"""Sending, paying and cancelling a reconciliation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F, QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Insurer, Practice
from apps.insurance.hooks import reconciliation_paid
from apps.insurance.models import (
    ClaimReview,
    Dispute,
    Reconciliation,
    ReconciliationLine,
    ReconciliationProvider,
    Retention,
)
from apps.insurance.services.reconciling_sql import FREE_CLAIMS, KILL_LINES, SETTLE, SETTLE_CARRIED
from apps.insurance.states import RECONCILIATION


class PaymentReferenceUsed(DomainError):
    """Another reconciliation was paid under this reference."""

    code = "PAYMENT_REFERENCE_USED"
    message = _("Another reconciliation was paid under this reference.")


class ReviewerMayNotPay(DomainError):
    """Whoever decided on a claim does not mark it as paid."""

    code = "SEPARATION_OF_DUTIES"
    message = _("You decided on a claim of this reconciliation: somebody else marks it as paid.")


class AlreadyCarried(DomainError):
    """A later reconciliation took over what this one carried forward."""

    code = "RECONCILIATION_FOLLOWED"
    message = _("A later reconciliation builds on this one: cancel that one first.")


def locked(reconciliation: Reconciliation) -> Reconciliation:
    """Re-read a reconciliation under its row lock, behind its insurer's: the order in which all who change it lock."""
    Insurer.objects.select_for_update(no_key=True).get(pk=reconciliation.insurer_id)
    rows = Reconciliation.objects.select_for_update(of=("self",)).select_related("insurer")
    return rows.get(pk=reconciliation.pk)  # type: ignore[no-any-return]  # a reconciliation


@service("insurance.reconciliation.send")
def send_reconciliation(*, actor: Viewer, reconciliation: Reconciliation, at: datetime) -> Reconciliation:
    """Hand a reconciliation over to its providers; nothing of it changes from now on. Refuses ILLEGAL_TRANSITION."""
    row = locked(reconciliation)
    row.status = RECONCILIATION.next_state(row.status, "send", row)
    row.sent_at, row.sent_by_id = at, actor.id
    row.save(update_fields=["status", "sent_at", "sent_by", "updated_at"])
    return row


@service("insurance.reconciliation.pay")
def pay_reconciliation(
    *, actor: Viewer, reconciliation: Reconciliation, payment_date: date, reference: str, at: datetime
) -> Reconciliation:
    """Record that a sent reconciliation was paid, and settle its claims and what was made of them.

    What is disputed at that moment is left out of the payment and carried over. The same reference and day again
    changes nothing. Refuses ILLEGAL_TRANSITION, SEPARATION_OF_DUTIES, PAYMENT_REFERENCE_USED and VALIDATION_ERROR
    (a day to come or before it was generated).
    """
    row, reference = locked(reconciliation), reference.strip()
    if row.status == row.Status.PAID and (row.payment_date, row.payment_reference) == (
        payment_date,
        reference,
    ):
        return row
    target = RECONCILIATION.next_state(row.status, "pay", row)
    check_payment(actor, row, payment_date, reference, at)
    withheld = withhold(row)
    row.status = target
    row.paid_at, row.paid_by_id = at, actor.id
    row.payment_date, row.payment_reference = payment_date, reference
    row.disputed_amount = sum(dispute.withheld_amount for dispute in withheld)
    row.paid_amount = row.total_net_payable - row.disputed_amount
    row.save(
        update_fields=(
            "status paid_at paid_by payment_date payment_reference disputed_amount paid_amount updated_at"
        ).split()
    )
    settle_claims(row, [dispute.line.claim_id for dispute in withheld if dispute.line.claim_id], at)
    reconciliation_paid.send(row, at)
    return row


def check_payment(
    actor: Viewer, row: Reconciliation, payment_date: date, reference: str, at: datetime
) -> None:
    """Refuse a payment that cannot be, or that this person may not record."""
    zone = row.insurer.zone
    if not reference:
        raise InvalidInput(reference=[str(_("A payment has a reference."))])
    if payment_date > at.astimezone(zone).date():
        raise InvalidInput(payment_date=[str(_("Money is not paid in the future."))])
    if payment_date < row.generated_at.astimezone(zone).date():
        raise InvalidInput(payment_date=[str(_("This day is before the reconciliation was made."))])
    if ClaimReview.objects.filter(insurer=row.insurer_id, by_id=actor.id, claim__reconciliation=row).exists():
        raise ReviewerMayNotPay
    if Reconciliation.objects.filter(insurer=row.insurer_id, payment_reference=reference).exists():
        raise PaymentReferenceUsed(reference=reference)


def withhold(row: Reconciliation) -> list[Dispute]:
    """Note on each open dispute what is left out of the payment; a provider is never left with less than nothing."""
    withheld = []
    for dispute, amount in to_withhold(row, locked=True):
        if amount:
            dispute.withheld_amount = amount
            withheld.append(dispute)
    Dispute.objects.bulk_update(withheld, ["withheld_amount"])
    return withheld


def to_withhold(row: Reconciliation, *, locked: bool = False) -> list[tuple[Dispute, int]]:
    """Return each open dispute with what a payment now would leave out for it, in minor units."""
    rows = Dispute.objects.filter(line__reconciliation=row, status=Dispute.Status.OPEN)
    rows = rows.select_for_update(of=("self",)) if locked else rows
    disputes = list(rows.select_related("line").order_by("pk"))
    totals = ReconciliationProvider.objects.filter(reconciliation=row)
    left = dict(totals.filter(provider__in={d.provider_id for d in disputes}).values_list("provider", "net"))
    found = []
    for dispute in disputes:
        amount = max(0, min(dispute.amount, dispute.line.net, left[dispute.provider_id]))
        left[dispute.provider_id] -= amount
        found.append((dispute, amount))
    return found


def settle_claims(row: Reconciliation, withheld: Sequence[UUID], at: datetime) -> None:
    """Mark the claims as paid, but those whose money was left out, and those an earlier payment had left out."""
    values: dict[str, Any] = {
        "insurer": row.insurer_id,
        "reconciliation": row.pk,
        "withheld": list(withheld),
        "at": at,
    }
    with connection.cursor() as cursor:
        cursor.execute(SETTLE, values)
        cursor.execute(SETTLE_CARRIED, values)


@service("insurance.reconciliation.cancel")
def cancel_reconciliation(
    *, actor: Viewer, reconciliation: Reconciliation, reason: str, at: datetime
) -> Reconciliation:
    """Take back a reconciliation that was not sent: its claims, releases and disputes wait for the next one.

    Refuses ILLEGAL_TRANSITION, VALIDATION_ERROR without a reason, and RECONCILIATION_FOLLOWED when a later one already
    took over a debt this one carries forward.
    """
    row = locked(reconciliation)
    row.status = RECONCILIATION.next_state(row.status, "cancel", row)
    if not reason.strip():
        raise InvalidInput(reason=[str(_("A cancellation has a reason."))])
    if row.total_carried_out and debts_taken_over(row):
        raise AlreadyCarried
    row.cancelled_at, row.cancel_reason = at, reason.strip()
    row.full_clean(
        exclude=["insurer", "generated_by", "sent_by", "paid_by"],
        validate_unique=False,
        validate_constraints=False,
    )
    row.save(update_fields=["status", "cancelled_at", "cancel_reason", "updated_at"])
    with connection.cursor() as cursor:
        for statement in (FREE_CLAIMS, KILL_LINES):
            cursor.execute(statement, {"insurer": row.insurer_id, "reconciliation": row.pk, "at": at})
    Retention.objects.filter(released_in=row).update(released_in=None)
    Dispute.objects.filter(carried_to__reconciliation=row).update(carried_to=None)
    return row


def debts_taken_over(row: Reconciliation) -> bool:
    """Whether any provider's later reconciliation has taken what this one carried forward."""
    carrying = ReconciliationProvider.objects.filter(reconciliation=row, carried_out__gt=0)
    others = (
        ReconciliationProvider.objects.filter(
            insurer=row.insurer_id,
            provider__in=carrying.values("provider"),
            reconciliation__currency=row.currency,
        )
        .exclude(reconciliation=row)
        .exclude(reconciliation__status=Reconciliation.Status.CANCELLED)
    )
    left = {
        found["provider"]: found["left"]
        for found in others.values("provider").annotate(left=Sum(F("carried_out") - F("carried_in")))
    }
    # Without this one more would have been taken over than was carried; what it took itself is owed again.
    return any(left.get(mine.provider_id, 0) < 0 for mine in carrying)


@dataclass(frozen=True, slots=True)
class Settled:
    """One claim an insurer has paid for, or has corrected or taken back the payment of: then `amount` is negative."""

    claim_id: UUID
    provider_id: UUID
    source_id: UUID
    currency: str
    amount: int


def lines_of_sources(reconciliation: Reconciliation, *, source_type: str) -> QuerySet[ReconciliationLine]:
    """Return the lines of the claims made from one kind of object, what takes them back included."""
    return ReconciliationLine.objects.filter(
        reconciliation=reconciliation, claim__source_type=source_type, claim__source_id__isnull=False
    )


def settled_sources(
    reconciliation: Reconciliation, *, source_type: str, provider: Practice | None = None
) -> list[Settled]:
    """Return what a paid reconciliation settles of the claims made from one kind of object, before retentions.

    A line whose money was left out settles nothing; the line that carries it later settles all of it, with the outcome
    of its dispute. An outcome alone settles itself, as does what takes a paid claim back. Three queries, whatever the
    number of lines; of one provider where it is named.
    """
    lines = lines_of_sources(reconciliation, source_type=source_type)
    if provider is not None:
        lines = lines.filter(provider=provider)
    left_out = set(
        Dispute.objects.filter(line__reconciliation=reconciliation, withheld_amount__gt=0).values_list(
            "line", flat=True
        )
    )
    carried = {
        line: (withheld, outcome or 0)
        for line, withheld, outcome in Dispute.objects.filter(
            carried_to__reconciliation=reconciliation
        ).values_list("carried_to", "withheld_amount", "outcome_amount")
    }
    rows = lines.order_by("pk").values_list(
        "pk", "claim", "provider", "claim__source_id", "claim__currency", "covered", "carried_from__covered"
    )
    found = []
    for pk, claim, practice, source, currency, covered, before in rows:
        if source is None or pk in left_out:
            continue
        withheld, outcome = carried.get(pk, (0, covered))
        amount = before + outcome if withheld else outcome
        found.append(Settled(claim, practice, source, currency, int(amount)))
    return found
