"""Generating a reconciliation: one set-based statement per step, the header last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError, InvalidInput
from apps.core.models import new_id
from apps.core.scope import SystemActor, Viewer
from apps.core.service import service
from apps.directory.models import Currency, Insurer
from apps.directory.selectors import accounts_paid
from apps.insurance.bordereau import content_of, line_hashes, sha256_of
from apps.insurance.models import (
    Claim,
    Dispute,
    Reconciliation,
    ReconciliationJob,
    ReconciliationLine,
    ReconciliationProvider,
    Retention,
)
from apps.insurance.services.guards import own_insurer
from apps.insurance.services.reconciling_sql import LINES, TAKE
from apps.insurance.services.totalling import Account, accounts_from, add_the_rest, carried_amount, totals_of

Progress = Callable[[str, int], None]
Step = ReconciliationJob.Step
# Sorting a million lines fits into this; the setting ends with the transaction.
WORK_MEMORY: Final = "128MB"


class PeriodTaken(DomainError):
    """Another reconciliation that stands covers a part of the period."""

    code = "PERIOD_OVERLAPS"
    message = _("Another reconciliation covers a part of this period.")


class NothingToReconcile(DomainError):
    """No approved claim waits, and nothing is to be released or carried over."""

    code = "NOTHING_TO_RECONCILE"
    message = _("No approved claim waits to be paid in this period.")


class MixedCurrencies(DomainError):
    """Claims in several currencies wait; each is reconciled apart."""

    code = "CURRENCY_MISMATCH"
    message = _("Claims in several currencies wait: name the one to reconcile.")


def silent(step: str, percent: int) -> None:
    """Tell nobody."""


@service("insurance.reconciliation.generate")
def generate_reconciliation(
    *,
    actor: Viewer,
    insurer: Insurer,
    period_start: date,
    period_end: date,
    currency: str | None = None,
    at: datetime,
    progress: Progress = silent,
) -> Reconciliation:
    """Freeze what an insurer owes its providers for a period, its last day included.

    Taken are approved claims of the currency that no reconciliation has and that were approved by the end of the
    period, late ones of before among them. Generations of one insurer take turns on its row; asked twice for the same
    period, the one that stands is returned. Refuses VALIDATION_ERROR (dates), PERIOD_OVERLAPS, CURRENCY_MISMATCH
    (several currencies wait and none is named) and NOTHING_TO_RECONCILE.
    """
    if not isinstance(actor, SystemActor):
        own_insurer(actor, insurer)
    # Others may still write claims that refer to the insurer: their key share lock does not conflict with this one.
    insurer = Insurer.objects.select_for_update(no_key=True).get(pk=insurer.pk)
    cutoff = cutoff_of(insurer, period_start, period_end, at)
    currency = currency or waiting_currency(insurer, cutoff)
    standing = standing_one(insurer, currency, period_start, period_end)
    if standing is not None:
        return standing
    header = new_header(
        insurer=insurer,
        period_start=period_start,
        period_end=period_end,
        cutoff=cutoff,
        currency=currency,
        at=at,
    )
    header.generated_by_id = None if isinstance(actor, SystemActor) else actor.id
    progress(Step.TAKING, 5)
    accounts = take_claims(header, at)
    progress(Step.TOTALS, 45)
    released = add_the_rest(header, accounts)
    if not accounts:
        raise NothingToReconcile(insurer=str(insurer.pk), currency=currency)
    providers, retentions = totals_of(header, accounts)
    freeze_accounts(providers)
    ReconciliationProvider.objects.bulk_create(providers)
    Retention.objects.bulk_create(retentions)
    Retention.objects.filter(pk__in=released).update(released_in=header)
    progress(Step.LINES, 50)
    write_lines(header, accounts, providers, at)
    progress(Step.HASHING, 90)
    # Written last, whole: its one audit entry holds the totals and the hash of all that was written before it.
    header.content_sha256 = sha256_of(content_of(header, providers, retentions, line_hashes(header.pk)))
    header.full_clean(exclude=["insurer", "generated_by", "sent_by", "paid_by"], validate_constraints=False)
    header.save(force_insert=True)
    return header


def freeze_accounts(providers: Sequence[ReconciliationProvider]) -> None:
    """Note on each provider's row where it is paid as of now; empty where nobody has said."""
    known = accounts_paid(practices=[row.provider_id for row in providers])
    for row in providers:
        row.account = known.get(row.provider_id, "")


def new_header(
    *, insurer: Insurer, period_start: date, period_end: date, cutoff: datetime, currency: str, at: datetime
) -> Reconciliation:
    """Return the next reconciliation of a period, numbered and unsaved."""
    sequence = next_sequence(insurer, period_end)
    return Reconciliation(
        insurer=insurer,
        number=f"BRD-{insurer.code}-{period_end:%Y%m}-{sequence:04d}",
        sequence=sequence,
        period_start=period_start,
        period_end=period_end,
        cutoff_at=cutoff,
        currency=currency,
        generated_at=at,
    )


def cutoff_of(insurer: Insurer, period_start: date, period_end: date, at: datetime) -> datetime:
    """Return the moment until which approvals count: the end of the last day there, or now if that is to come."""
    zone = insurer.zone
    if period_end < period_start:
        raise InvalidInput(period_end=[str(_("The last day must not come before the first."))])
    if period_start > at.astimezone(zone).date():
        raise InvalidInput(period_start=[str(_("A period that has not begun is not reconciled."))])
    midnight = datetime.combine(period_end + timedelta(days=1), time(), tzinfo=zone)
    return min(midnight - timedelta(microseconds=1), at)


def waiting(insurer: Insurer, cutoff: datetime) -> Any:
    """Return what waits until a moment, in any currency."""
    return Claim.objects.filter(
        insurer=insurer, status=Claim.Status.APPROVED, reconciliation__isnull=True, validated_at__lte=cutoff
    )


def waiting_currency(insurer: Insurer, cutoff: datetime) -> str:
    """Return the one currency claims wait in, else the insurer's; refuses CURRENCY_MISMATCH."""
    rows = waiting(insurer, cutoff)
    found = [value for value in Currency.values if rows.filter(currency=value).exists()]
    if len(found) > 1:
        raise MixedCurrencies(currencies=found)
    return str(found[0] if found else insurer.currency)


def standing_one(insurer: Insurer, currency: str, first: date, last: date) -> Reconciliation | None:
    """Return the reconciliation of exactly this period; refuses PERIOD_OVERLAPS for one of another."""
    rows = Reconciliation.objects.filter(
        insurer=insurer, currency=currency, period_start__lte=last, period_end__gte=first
    ).exclude(status=Reconciliation.Status.CANCELLED)
    for row in rows.order_by("pk"):
        if (row.period_start, row.period_end) != (first, last):
            raise PeriodTaken(number=row.number)
        return row  # type: ignore[no-any-return]  # a reconciliation
    return None


def next_sequence(insurer: Insurer, period_end: date) -> int:
    """Return the number within the month, cancelled ones counted: numbers are never given twice."""
    month = Reconciliation.objects.filter(
        insurer=insurer, period_end__year=period_end.year, period_end__month=period_end.month
    )
    return int(month.count()) + 1


def take_claims(header: Reconciliation, at: datetime) -> dict[UUID, Account]:
    """Give the claims to the reconciliation and return what they come to, by provider."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', %s, true)", [WORK_MEMORY])
        cursor.execute(
            TAKE,
            {
                "reconciliation": header.pk,
                "insurer": header.insurer_id,
                "currency": header.currency,
                "cutoff": header.cutoff_at,
                "at": at,
            },
        )
        return accounts_from(cursor.fetchall())


def write_lines(
    header: Reconciliation,
    accounts: dict[UUID, Account],
    providers: Sequence[ReconciliationProvider],
    at: datetime,
) -> None:
    """Freeze a line per claim, and one per dispute that is settled now."""
    with connection.cursor() as cursor:
        cursor.execute(
            LINES,
            {
                "reconciliation": header.pk,
                "insurer": header.insurer_id,
                "stamp": new_id().hex[:12],
                "at": at,
            },
        )
    rows = {row.provider_id: row for row in providers}
    settled = []
    for dispute in (dispute for account in accounts.values() for dispute in account.disputes):
        dispute.carried_to = carried_line(header, rows[dispute.provider_id], dispute)
        settled.append(dispute)
    ReconciliationLine.objects.bulk_create([dispute.carried_to for dispute in settled])
    Dispute.objects.bulk_update(settled, ["carried_to"])


def carried_line(header: Reconciliation, row: ReconciliationProvider, dispute: Dispute) -> ReconciliationLine:
    """Return the line by which a dispute is settled: what was withheld, more or less its outcome."""
    kinds = ReconciliationLine.Kind
    return ReconciliationLine(
        insurer_id=header.insurer_id,
        reconciliation=header,
        provider_row=row,
        provider_id=row.provider_id,
        claim_id=dispute.line.claim_id,
        kind=kinds.DISPUTE_OUTCOME if dispute.outcome_amount else kinds.CARRY,
        covered=carried_amount(dispute),
        net=carried_amount(dispute),
        carried_from=dispute.line,
    )
