"""When a paid reconciliation is recorded on invoices: few at once with the payment, many by a worker."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from celery import current_app
from django.db import transaction
from django.db.models import Count

from apps.billing.models import NetworkSettlement, SettlementJob
from apps.billing.services.network import SOURCE
from apps.billing.services.network_credits import reverse_credited
from apps.billing.services.network_settlement import CHUNK, NETWORK, Asked, asked_of, settle_invoices
from apps.core.jobs import LeaseLost, State, claim_due, enqueue, mark_done, mark_failed, postpone, renew
from apps.core.scope import Viewer
from apps.core.service import service
from apps.insurance.models import Reconciliation
from apps.insurance.services.settling import lines_of_sources

logger = logging.getLogger(__name__)

TASK: Final = "billing.settle_network"
# Up to here the payment waits for the invoices: about a second.
AT_ONCE: Final = 200
LEASE_SECONDS: Final = 600
# A round ends long before its lease does; the job then goes back to the end of the queue.
ROUND: Final = 20
# Each crash costs an attempt, each whole round gives it back: a worker that keeps dying ends after so many.
MAX_ATTEMPTS: Final = 20
OPEN: Final = (State.PENDING, State.CLAIMED)


def settle_network_invoices(reconciliation: Reconciliation, at: datetime) -> None:
    """Settle the invoices of a reconciliation that was just paid, in the caller's transaction or by a job written in it."""
    lines = lines_of_sources(reconciliation, source_type=SOURCE).order_by()
    counted = lines.values("provider").annotate(n=Count("claim__source_id", distinct=True))
    counts = dict(counted.order_by("provider").values_list("provider", "n"))
    if sum(counts.values()) > AT_ONCE:
        for practice in counts:
            enqueue(
                SettlementJob,
                kind="settle",
                unique_key=f"{reconciliation.pk}:{practice}",
                due_at=at,
                max_attempts=MAX_ATTEMPTS,
                reconciliation=reconciliation,
                practice_id=practice,
            )
        transaction.on_commit(wake_settler, robust=True)
        return
    if not counts:
        return
    # In one order, so that two reconciliations paid at once never wait for each other.
    for practice_id, asked in sorted(asked_of(reconciliation).items()):
        settle_invoices(
            actor=NETWORK, reconciliation=reconciliation, practice_id=practice_id, asked=asked, at=at
        )
    reverse_credited(reconciliation, at)


def wake_settler() -> None:
    """Tell a worker that there are invoices to settle; the beat finds them otherwise."""
    current_app.send_task(TASK, queue="reconciliation", retry=False, ignore_result=True)


def settle_round(*, at: datetime) -> int:
    """Take the next job and settle at most some thousand of its invoices; return how many jobs were taken.

    A crash leaves what was recorded so far; the sweep gives the job to the next worker, which goes on from there.
    """
    jobs = claim_due(SettlementJob, at=at, limit=1, lease_seconds=LEASE_SECONDS)
    for job in jobs:
        run_job(job, at=at)
    return len(jobs)


def run_job(job: SettlementJob, *, at: datetime) -> None:
    """Settle a part of one claimed job's invoices; a failure is tried again later."""
    try:
        for number, chunk in enumerate(waiting(job)):
            if number == ROUND:
                postpone(job, due_at=at)
                return
            settle_chunk(actor=NETWORK, job=job, asked=chunk, at=at)
        while take_back(actor=NETWORK, job=job, at=at):
            pass
        mark_done(job, at=at)
    except LeaseLost:
        logger.info("settlement_lease_lost", extra={"job_id": str(job.pk)})
    except Exception as error:
        # Its message may hold personal data, its type does not.
        logger.exception("settlement_failed", extra={"job_id": str(job.pk)})
        mark_failed(job, at=at, error=type(error).__name__)


def waiting(job: SettlementJob) -> Iterator[Mapping[UUID, Asked]]:
    """Yield what is asked of the invoices that have no row yet, some hundred at a time, in the order of their keys."""
    asked = asked_of(job.reconciliation, job.practice).get(job.practice_id, {})
    rows = NetworkSettlement.objects.filter(reconciliation=job.reconciliation, practice=job.practice)
    done = set(rows.values_list("invoice", flat=True))
    left = sorted(asked.keys() - done)
    for start in range(0, len(left), CHUNK):
        yield {key: asked[key] for key in left[start : start + CHUNK]}


@service("billing.network.settle_chunk")
def settle_chunk(*, actor: Viewer, job: SettlementJob, asked: Mapping[UUID, Asked], at: datetime) -> int:
    """Settle some invoices of a job whose lease is held, all of them or none. Refuses LEASE_LOST."""
    renew(job, at=at, lease_seconds=LEASE_SECONDS)
    return settle_invoices(
        actor=actor, reconciliation=job.reconciliation, practice_id=job.practice_id, asked=asked, at=at
    )


@service("billing.network.take_back")
def take_back(*, actor: Viewer, job: SettlementJob, at: datetime) -> int:
    """Reverse some claims paid for invoices that were credited meanwhile; return how many. Refuses LEASE_LOST."""
    renew(job, at=at, lease_seconds=LEASE_SECONDS)
    return reverse_credited(job.reconciliation, at, practice=job.practice, most=CHUNK)


def still_open(reconciliation: Reconciliation) -> int:
    """Return how many invoices of a reconciliation a worker has still to settle."""
    jobs = SettlementJob.objects.filter(reconciliation=reconciliation, state__in=OPEN).values("practice")
    lines = lines_of_sources(reconciliation, source_type=SOURCE).filter(provider__in=jobs)
    done = NetworkSettlement.objects.filter(reconciliation=reconciliation).values("invoice")
    left = lines.exclude(claim__source_id__in=done).order_by().values("claim__source_id").distinct()
    return int(left.count())
