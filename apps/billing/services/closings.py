"""Closing a day, a month or a year."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from apps.billing.models import Closing, Invoice, LedgerRecord, Payment
from apps.billing.services.ledger import CHAIN_SERIES, append
from apps.billing.services.numbering import hold_series
from apps.core.clock import start_of_day
from apps.core.errors import DomainError
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice

P = Closing.Period


class PeriodNotOver(DomainError):
    """Money may still come in."""

    code = "PERIOD_NOT_OVER"
    message = _("This period is not over yet.")


class PeriodClosed(DomainError):
    """A period is closed once, and none before it afterwards."""

    code = "PERIOD_CLOSED"
    message = _("This period, or a later one, is closed already.")


@service("billing.closing.close")
def close_period(
    *,
    actor: Viewer,
    practice: Practice,
    period: str,
    day: date,
    cash_counted: int | None = None,
    at: datetime,
) -> Closing:
    """Close the day, month or year that `day` falls in, by the practice's calendar.

    It covers every ledger record that was recorded before the period's end and is not covered by the previous closing of
    its kind, so that none is left out and none counted twice, in whatever order they came.
    Refuses PERIOD_NOT_OVER and PERIOD_CLOSED.
    """
    ends_on = bounds(period, day)[1]
    if at < start_of_day(ends_on, practice.zone):
        raise PeriodNotOver(ends_on=ends_on.isoformat())
    # The chain's counter: nobody appends while the records are added up.
    hold_series(practice.pk, CHAIN_SERIES)
    closing = drafted(practice=practice, period=period, day=day, at=at)
    closing.cash_counted = cash_counted
    closing.save(force_insert=True)
    append(kind=LedgerRecord.Kind.CLOSING, row=closing, at=at)
    return closing


def drafted(*, practice: Practice, period: str, day: date, at: datetime) -> Closing:
    """Return the unsaved closing of a period as it would be now, over or not; refuses PERIOD_CLOSED."""
    starts_on, ends_on = bounds(period, day)
    closings = Closing.objects.filter(practice=practice, period=period)
    before = closings.order_by("-starts_on").first()
    if before is not None and before.starts_on >= starts_on:
        raise PeriodClosed(starts_on=starts_on.isoformat())
    chain = LedgerRecord.objects.filter(practice=practice).order_by("-sequence")
    closing = Closing(
        practice=practice,
        period=period,
        starts_on=starts_on,
        ends_on=ends_on,
        ends_at=start_of_day(ends_on, practice.zone),
        currency=practice.currency,
        last_sequence=chain.values_list("sequence", flat=True).first() or 0,
        closed_at=at,
    )
    for name, value in totals_of(closing, before).items():
        setattr(closing, name, value)
    return closing


def totals_of(closing: Closing, before: Closing | None) -> dict[str, Any]:
    """Add up what a closing covers, given the previous one of its kind."""
    covered = LedgerRecord.objects.filter(
        practice_id=closing.practice_id, sequence__lte=closing.last_sequence, recorded_at__lt=closing.ends_at
    )
    if before is not None:
        covered = covered.exclude(sequence__lte=before.last_sequence, recorded_at__lt=before.ends_at)
    invoiced, credited = documents(covered, "invoice"), documents(covered, "credit_note")
    money = covered.filter(kind__in=(LedgerRecord.Kind.PAYMENT, LedgerRecord.Kind.REFUND))
    received = Payment.objects.filter(pk__in=money.values("object_id"))
    by_method = {
        row["method"]: row["total"]
        for row in received.order_by().values("method").annotate(total=Sum("amount")).order_by("method")
    }
    first = covered.order_by("sequence").values_list("sequence", flat=True).first()
    return {
        "invoiced": invoiced,
        "credited": credited,
        "received": sum(by_method.values()),
        "received_by_method": by_method,
        "perpetual_total": (before.perpetual_total if before is not None else 0) + invoiced - credited,
        "first_sequence": first or closing.last_sequence + 1,
    }


def bounds(period: str, day: date) -> tuple[date, date]:
    """Return the first day of a period and the first one after it."""
    if period == P.DAY:
        return day, day + timedelta(days=1)
    if period == P.MONTH:
        first = day.replace(day=1)
        return first, (first + timedelta(days=31)).replace(day=1)
    return date(day.year, 1, 1), date(day.year + 1, 1, 1)


def documents(covered: QuerySet[LedgerRecord], kind: str) -> int:
    """Add up the totals of the invoices or credit notes among the records."""
    rows = Invoice.objects.filter(pk__in=covered.filter(kind=kind).values("object_id"))
    return rows.aggregate(total=Sum("total_amount"))["total"] or 0
