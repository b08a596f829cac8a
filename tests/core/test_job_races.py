"""Sixteen workers, one queue: on connections of their own."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from django.db import OperationalError, connection, models

from apps.core import jobs
from apps.core.jobs import LeaseLost
from tests.core.lab.models import LabJob

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.concurrency]

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WORKERS = 16


def race(work):
    """Run `work(n)` in sixteen threads that start together; return the answers."""
    barrier = threading.Barrier(WORKERS)

    def run(number):
        try:
            connection.ensure_connection()
            barrier.wait(timeout=30)
            return work(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(run, range(WORKERS)))


def fill(count):
    LabJob.objects.bulk_create(
        LabJob(kind="letter", unique_key=str(number), due_at=NOON, max_attempts=1000)
        for number in range(count)
    )


def drain(_number):
    taken = []
    while batch := jobs.claim_due(LabJob, at=NOON, limit=5):
        taken += [job.pk for job in batch]
    return taken


class TestClaimDue:
    def test_gives_each_job_to_one_worker(self):
        fill(400)
        taken = Counter(pk for answer in race(drain) for pk in answer)
        assert len(taken) == 400
        assert set(taken.values()) == {1}

    def test_gives_a_job_to_several_workers_without_the_lock(self):
        # The proof that the lock is what keeps them apart: without it the same race hands jobs out twice.
        fill(400)
        unlocked = mock.patch.object(models.QuerySet, "select_for_update", lambda rows, **_: rows)
        stuck = []

        def drain_or_get_stuck(number):
            # Without the lock the same rows are updated in several orders: PostgreSQL may see a deadlock as well.
            try:
                return drain(number)
            except OperationalError as error:
                stuck.append(error)
                return []

        with unlocked:
            taken = Counter(pk for answer in race(drain_or_get_stuck) for pk in answer)
        assert stuck or max(taken.values()) > 1

    def test_writes_one_row_for_one_cause(self):
        keys = race(lambda _: jobs.enqueue(LabJob, kind="letter", unique_key="same", due_at=NOON).pk)
        assert len(set(keys)) == 1
        assert LabJob.objects.count() == 1


class TestSendingAgainstCancelAndSweep:
    def test_one_side_wins(self):
        fill(1)
        for round_number in range(10):
            LabJob.objects.update(
                due_at=NOON, state="pending", lease_owner=None, lease_until=None, attempts=0, finished_at=None
            )
            (job,) = jobs.claim_due(LabJob, at=NOON, limit=1, lease_seconds=1)

            def act(number, job=job):
                if number == 0:
                    try:
                        jobs.mark_sending(job, at=NOON)
                    except LeaseLost:
                        return "lost"
                    return "sending"
                if number % 2:
                    return jobs.cancel(LabJob.objects.filter(pk=job.pk), at=NOON)
                return jobs.sweep_expired(LabJob, at=NOON + timedelta(seconds=2)).requeued

            answers = race(act)
            state = LabJob.objects.get().state
            assert (answers[0] == "sending") == (state == "sending"), (round_number, answers, state)
