"""Closing a day, a month or a year."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.db.models import QuerySet, Sum
from django.utils.translation import gettext_lazy as _

from apps.billing.models import Closing, Invoice, LedgerRecord, Payment
from apps.billing.services.ledger import CHAIN_SERIES, append, closing_payload
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
def close_period(*, actor: Viewer, practice: Practice, period: str, day: date, at: datetime) -> Closing:
    """Close the day, month or year that `day` falls in, by the practice's calendar.

    It covers every ledger record after the previous closing of its kind that was recorded before the period's end, so
    that none is left out and none counted twice. Refuses PERIOD_NOT_OVER and PERIOD_CLOSED.
    """
    starts_on, ends_on = bounds(period, day)
    end = start_of_day(ends_on, practice.zone)
    if at < end:
        raise PeriodNotOver(ends_on=ends_on.isoformat())
    # The chain's counter: nobody appends while the records are added up.
    hold_series(practice.pk, CHAIN_SERIES)
    closings = Closing.objects.filter(practice=practice, period=period)
    last = closings.order_by("-starts_on").first()
    if last is not None and last.starts_on >= starts_on:
        raise PeriodClosed(starts_on=starts_on.isoformat())
    after = last.last_sequence if last is not None else 0
    covered = LedgerRecord.objects.filter(practice=practice, sequence__gt=after, recorded_at__lt=end)
    sequences = sorted(covered.values_list("sequence", flat=True))
    invoiced, credited = documents(covered, "invoice"), documents(covered, "credit_note")
    received = Payment.objects.filter(pk__in=covered.values("object_id"))
    by_method = {
        row["method"]: row["total"]
        for row in received.order_by().values("method").annotate(total=Sum("amount")).order_by("method")
    }
    before = last.perpetual_total if last is not None else 0
    closing = Closing.objects.create(
        practice=practice,
        period=period,
        starts_on=starts_on,
        ends_on=ends_on,
        currency=practice.currency,
        invoiced=invoiced,
        credited=credited,
        received=sum(by_method.values()),
        received_by_method=by_method,
        perpetual_total=before + invoiced - credited,
        first_sequence=sequences[0] if sequences else after + 1,
        last_sequence=sequences[-1] if sequences else after,
        closed_at=at,
    )
    append(
        practice_id=practice.pk,
        kind=LedgerRecord.Kind.CLOSING,
        object_id=closing.pk,
        payload=closing_payload(closing),
        at=at,
    )
    return closing


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
    rows = Invoice.objects.filter(kind=kind, pk__in=covered.values("object_id"))
    return rows.aggregate(total=Sum("total_amount"))["total"] or 0
