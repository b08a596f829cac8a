"""Reconciliations too large to wait for: a row with its progress, a worker, and the insurers' cycles."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Final

from celery import current_app
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.utils.translation import gettext as _

from apps.core.errors import DomainError
from apps.core.jobs import State, claim_due, enqueue, mark_done, mark_failed, requeue
from apps.core.scope import SystemActor, Viewer
from apps.core.service import service
from apps.directory.models import Currency, Insurer
from apps.insurance.models import Claim, ReconciliationJob
from apps.insurance.services.guards import own_insurer
from apps.insurance.services.reconciling import (
    MixedCurrencies,
    NothingToReconcile,
    PeriodTaken,
    Progress,
    cutoff_of,
    generate_reconciliation,
    next_sequence,
    standing_one,
    waiting,
    waiting_currency,
)

logger = logging.getLogger(__name__)

TASK: Final = "insurance.generate_due"
# Up to here somebody who asks over HTTP gets the answer at once.
LARGE: Final = 20_000
# A month of a million claims takes minutes; who holds it that long has crashed.
LEASE_SECONDS: Final = 3600
WORKER: Final = SystemActor("reconciler")


def is_large(*, insurer: Insurer, at: datetime) -> bool:
    """Whether so many claims wait that a worker should reconcile them."""
    rows = Claim.objects.filter(
        insurer=insurer, status=Claim.Status.APPROVED, reconciliation__isnull=True, validated_at__lte=at
    )
    return int(rows[: LARGE + 1].count()) > LARGE


@service("insurance.reconciliation.request")
def request_reconciliation(
    *,
    actor: Viewer,
    insurer: Insurer,
    period_start: date,
    period_end: date,
    currency: str | None = None,
    at: datetime,
) -> ReconciliationJob:
    """Ask a worker for a reconciliation; asked again for the same one, the job there is, started over if it failed.

    Refuses what `generate_reconciliation` refuses of dates and currencies.
    """
    if not isinstance(actor, SystemActor):
        own_insurer(actor, insurer)
    cutoff = cutoff_of(insurer, period_start, period_end, at)
    currency = currency or waiting_currency(insurer, cutoff)
    standing_one(insurer, currency, period_start, period_end)
    key = f"{insurer.pk}:{currency}:{period_start}:{period_end}:{next_sequence(insurer, period_end)}"
    job = enqueue(
        ReconciliationJob,
        kind="generate",
        unique_key=key,
        due_at=at,
        insurer=insurer,
        period_start=period_start,
        period_end=period_end,
        currency=currency,
        requested_by=None if isinstance(actor, SystemActor) else actor.id,
    )
    requeue(ReconciliationJob.objects.filter(pk=job.pk), at=at)
    transaction.on_commit(wake_worker, robust=True)
    return job


def wake_worker() -> None:
    """Tell a worker that there is something to reconcile; the beat finds it otherwise."""
    current_app.send_task(TASK, queue="reconciliation", retry=False, ignore_result=True)


def generate_due(*, at: datetime) -> int:
    """Make what was asked for, one after the other; return how many. A crash leaves nothing but the job."""
    done = 0
    while jobs := claim_due(ReconciliationJob, at=at, limit=1, lease_seconds=LEASE_SECONDS):
        run_job(jobs[0], at=at)
        done += 1
    return done


def run_job(job: ReconciliationJob, *, at: datetime) -> None:
    """Generate one claimed job's reconciliation; a refusal ends it, another failure is tried again later."""
    try:
        with telling(job) as progress:
            made = generate_reconciliation(
                actor=WORKER,
                insurer=job.insurer,
                period_start=job.period_start,
                period_end=job.period_end,
                currency=job.currency,
                at=at,
                progress=progress,
            )
        rows = ReconciliationJob.objects.filter(pk=job.pk)
        rows.update(reconciliation=made, percent=100, step=ReconciliationJob.Step.FINISHED)
        mark_done(job, at=at)
    except DomainError as refusal:
        mark_failed(job, at=at, error=refusal.code, retry=False)
    except Exception as error:
        logger.exception("reconciliation_failed", extra={"job_id": str(job.pk)})
        mark_failed(job, at=at, error=type(error).__name__)


def failure_of(job: ReconciliationJob) -> str:
    """Say in words why a job failed, or has not succeeded yet; nothing while all is well."""
    if not job.last_error or job.state == State.DONE:
        return ""
    known = {refusal.code: refusal.message for refusal in (PeriodTaken, NothingToReconcile, MixedCurrencies)}
    if job.last_error in known:
        return str(known[job.last_error])
    if job.state in {State.FAILED, State.DEAD}:
        return str(_("It could not be made, and is not tried again on its own. Nothing was changed."))
    return str(_("Something went wrong; it is tried again on its own. Nothing was changed."))


@contextmanager
def telling(job: ReconciliationJob) -> Iterator[Progress]:
    """Yield a function that writes the progress on a connection of its own: the work itself is one transaction."""
    own = connections.create_connection(DEFAULT_DB_ALIAS)

    def tell(step: str, percent: int) -> None:
        with own.cursor() as cursor:
            cursor.execute(
                "UPDATE insurance_reconciliationjob SET step = %s, percent = %s WHERE id = %s",
                [step, percent, job.pk],
            )

    try:
        yield tell
    finally:
        own.close()


def last_period(cycle: str, today: date) -> tuple[date, date] | None:
    """Return the last period of a cycle that is over: weeks begin on Monday, fortnights on the 1st and the 16th."""
    month = today.replace(day=1)
    match cycle:
        case "weekly":
            monday = today - timedelta(days=today.weekday())
            return monday - timedelta(days=7), monday - timedelta(days=1)
        case "fortnightly" if today.day > 15:
            return month, month.replace(day=15)
        case "fortnightly":
            return (month - timedelta(days=1)).replace(day=16), month - timedelta(days=1)
        case "monthly":
            return (month - timedelta(days=1)).replace(day=1), month - timedelta(days=1)
        case "quarterly":
            first = month.replace(month=3 * ((today.month - 1) // 3) + 1)
            last = first - timedelta(days=1)
            return last.replace(month=last.month - 2, day=1), last
    return None


def request_cycles(*, actor: Viewer, at: datetime) -> int:
    """Ask for the last period of every insurer whose cycle is over, once; return how many were asked for."""
    asked = 0
    for insurer in Insurer.objects.active().order_by("pk"):
        cycle = insurer.config.get("reconciliation", {}).get("cycle", "none")
        period = last_period(cycle, at.astimezone(insurer.zone).date())
        if period is not None:
            asked += sum(request_cycle(actor, insurer, period, currency, at) for currency in Currency.values)
    return asked


def request_cycle(
    actor: Viewer, insurer: Insurer, period: tuple[date, date], currency: str, at: datetime
) -> bool:
    """Ask for one period and currency unless nothing waits or somebody reconciled it already."""
    first, last = period
    try:
        if standing_one(insurer, currency, first, last) is not None:
            return False
        if not waiting(insurer, cutoff_of(insurer, first, last, at)).filter(currency=currency).exists():
            return False
        job = request_reconciliation(
            actor=actor, insurer=insurer, period_start=first, period_end=last, currency=currency, at=at
        )
    except (PeriodTaken, NothingToReconcile):
        return False
    return bool(job.state == State.PENDING)
