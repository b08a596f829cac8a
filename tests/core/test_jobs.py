"""Leased jobs: claiming, marks, retries, sweeping."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from apps.core import jobs
from apps.core.jobs import JobNotSettled, LeaseLost, State
from tests.core.lab.models import LabJob

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def make(**values):
    values = {"kind": "letter", "unique_key": uuid4().hex, "due_at": NOON, **values}
    return jobs.enqueue(LabJob, **values)


def claim(at=NOON, **options):
    return jobs.claim_due(LabJob, at=at, **{"limit": 10, "lease_seconds": 60, **options})


def claimed(**values):
    job = make(**values)
    return next(found for found in claim() if found.pk == job.pk)


def sending(**values):
    job = claimed(**values)
    jobs.mark_sending(job, at=NOON, lease_seconds=60)
    return job


def fresh(job):
    return LabJob.objects.get(pk=job.pk)


class TestEnqueue:
    def test_writes_one_row_per_cause(self):
        first = make(unique_key="visit:1:reminder", subject_id=uuid4())
        second = make(unique_key="visit:1:reminder", due_at=NOON + MINUTE)
        assert second.pk == first.pk
        assert second.due_at == NOON
        assert LabJob.objects.count() == 1

    def test_goes_with_the_transaction_of_its_cause(self):
        with transaction.atomic():
            make()
            transaction.set_rollback(True)
        assert not LabJob.objects.exists()


class TestClaimDue:
    def test_takes_what_is_due_oldest_first(self):
        late = make(due_at=NOON)
        early = make(due_at=NOON - MINUTE)
        make(due_at=NOON + MINUTE)
        assert [job.pk for job in claim()] == [early.pk, late.pk]

    def test_takes_no_more_than_asked(self):
        for _ in range(3):
            make()
        assert len(claim(limit=2)) == 2
        assert len(claim(limit=2)) == 1

    def test_takes_only_the_kinds_asked_for(self):
        make(kind="letter")
        document = make(kind="document")
        assert [job.pk for job in claim(kinds=["document"])] == [document.pk]
        assert claim(kinds=[]) == []

    def test_holds_what_it_took(self):
        job = make()
        (held,) = claim(lease_seconds=90)
        stored = fresh(job)
        assert (stored.state, stored.attempts, stored.lease_until) == (
            "claimed",
            1,
            NOON + timedelta(seconds=90),
        )
        assert (held.state, held.attempts, held.lease_owner) == ("claimed", 1, stored.lease_owner)
        assert claim(at=NOON + timedelta(hours=1)) == []

    @pytest.mark.django_db(transaction=True)
    def test_refuses_to_run_inside_a_transaction(self):
        make()
        with pytest.raises(RuntimeError), transaction.atomic():
            claim()


class TestMarks:
    def test_done_closes_the_job(self):
        job = claimed()
        jobs.mark_done(job, at=NOON + MINUTE)
        stored = fresh(job)
        assert (stored.state, stored.finished_at, stored.lease_owner) == ("done", NOON + MINUTE, None)
        assert job.state == "done"

    def test_sending_lengthens_the_lease(self):
        job = claimed()
        jobs.mark_sending(job, at=NOON + MINUTE, lease_seconds=30)
        assert fresh(job).state == "sending"
        assert fresh(job).lease_until == NOON + timedelta(seconds=90)

    @pytest.mark.django_db(transaction=True)
    def test_sending_refuses_to_run_inside_a_transaction(self):
        job = claimed()
        with pytest.raises(RuntimeError), transaction.atomic():
            jobs.mark_sending(job, at=NOON)
        assert fresh(job).state == "claimed"

    def test_renew_lengthens_the_lease(self):
        job = claimed()
        jobs.renew(job, at=NOON + MINUTE, lease_seconds=60)
        assert fresh(job).lease_until == NOON + 2 * MINUTE

    def test_postpone_does_not_count_the_attempt(self):
        job = claimed()
        jobs.postpone(job, due_at=NOON + timedelta(hours=9))
        stored = fresh(job)
        assert (stored.state, stored.attempts, stored.due_at) == ("pending", 0, NOON + timedelta(hours=9))

    def test_unknown_keeps_the_job_out_of_reach(self):
        job = sending()
        jobs.mark_unknown(job, error="timeout")
        assert (fresh(job).state, fresh(job).last_error) == ("unknown", "timeout")
        assert claim(at=NOON + timedelta(days=9)) == []

    @pytest.mark.parametrize(
        "mark",
        [
            lambda job: jobs.mark_sending(job, at=NOON),
            lambda job: jobs.mark_done(job, at=NOON),
            lambda job: jobs.mark_failed(job, at=NOON, error="x"),
            lambda job: jobs.mark_unknown(job, error="x"),
            lambda job: jobs.renew(job, at=NOON),
            lambda job: jobs.postpone(job, due_at=NOON),
        ],
        ids=["sending", "done", "failed", "unknown", "renew", "postpone"],
    )
    def test_a_worker_that_lost_its_lease_marks_nothing(self, mark):
        job = claimed()
        jobs.sweep_expired(LabJob, at=NOON + timedelta(hours=1))
        (other,) = claim(at=NOON + timedelta(hours=1))
        with pytest.raises(LeaseLost):
            mark(job)
        assert fresh(job).lease_owner == other.lease_owner
        assert fresh(job).state == "claimed"

    def test_a_mark_that_was_rolled_back_leaves_the_lease(self):
        job = claimed()
        with transaction.atomic():
            jobs.mark_done(job, at=NOON)
            transaction.set_rollback(True)
        jobs.mark_failed(job, at=NOON, error="the document could not be sent")
        assert fresh(job).state == "pending"

    def test_a_closed_job_cannot_be_marked_again(self):
        job = claimed()
        jobs.mark_done(job, at=NOON)
        with pytest.raises(LeaseLost):
            jobs.mark_failed(job, at=NOON, error="x")
        assert fresh(job).state == "done"

    def test_a_job_nobody_claimed_cannot_be_marked(self):
        job = make()
        with pytest.raises(LeaseLost):
            jobs.mark_done(job, at=NOON)
        assert fresh(job).state == "pending"

    def test_unknown_is_only_for_what_was_being_sent(self):
        job = claimed()
        with pytest.raises(LeaseLost):
            jobs.mark_unknown(job, error="x")


class TestMarkFailed:
    def test_waits_longer_each_time_and_gives_up_after_five(self):
        job, at, waits = make(), NOON, []
        for _ in range(5):
            (held,) = claim(at=at)
            jobs.mark_failed(held, at=at, error="busy")
            waits.append(round((fresh(job).due_at - at).total_seconds() / 60))
            at = fresh(job).due_at
        assert waits[:4] == [1, 5, 30, 30]
        assert (fresh(job).state, fresh(job).attempts, fresh(job).last_error) == ("dead", 5, "busy")
        assert claim(at=NOON + timedelta(days=9)) == []

    def test_is_final_when_no_retry_would_help(self):
        job = sending()
        jobs.mark_failed(job, at=NOON, error="no such number", retry=False)
        assert (fresh(job).state, fresh(job).finished_at) == ("failed", NOON)

    def test_cuts_a_long_error(self):
        job = claimed()
        jobs.mark_failed(job, at=NOON, error="x" * 900)
        assert fresh(job).last_error == "x" * 500


class TestSweepExpired:
    def test_gives_a_claimed_job_back_with_its_attempt_counted(self):
        job = claimed()
        swept = jobs.sweep_expired(LabJob, at=NOON + MINUTE)
        assert (swept.requeued, swept.dead, swept.unknown) == (1, 0, 0)
        assert (fresh(job).state, fresh(job).attempts, fresh(job).due_at) == ("pending", 1, NOON + MINUTE)

    def test_never_sends_again_what_may_have_left(self):
        job = sending()
        swept = jobs.sweep_expired(LabJob, at=NOON + MINUTE)
        assert (swept.requeued, swept.dead, swept.unknown) == (0, 0, 1)
        assert fresh(job).state == "unknown"

    def test_gives_up_a_job_that_killed_every_worker(self):
        job = make(max_attempts=2)
        for hour in (0, 1):
            claim(at=NOON + timedelta(hours=hour))
            jobs.sweep_expired(LabJob, at=NOON + timedelta(hours=hour, minutes=30))
        assert (fresh(job).state, fresh(job).attempts) == ("dead", 2)

    def test_leaves_running_leases_alone(self):
        job = claimed()
        jobs.sweep_expired(LabJob, at=NOON + timedelta(seconds=59))
        assert fresh(job).state == "claimed"


class TestSettle:
    @pytest.mark.parametrize("state", [State.DONE, State.FAILED])
    def test_believes_the_provider_while_sending(self, state):
        job = sending()
        jobs.settle(LabJob, job.pk, state=state, at=NOON)
        assert fresh(job).state == state
        with pytest.raises(LeaseLost):
            jobs.mark_failed(job, at=NOON, error="late")

    def test_ends_doubt(self):
        job = sending()
        jobs.mark_unknown(job, error="timeout")
        assert jobs.settle(LabJob, job.pk, state=State.DONE, at=NOON + MINUTE).state == "done"
        assert fresh(job).finished_at == NOON + MINUTE

    def test_sends_again_what_never_arrived(self):
        job = sending()
        jobs.mark_unknown(job, error="timeout")
        jobs.settle(LabJob, job.pk, state=State.PENDING, at=NOON)
        assert (fresh(job).state, fresh(job).due_at) == ("pending", NOON + MINUTE)

    def test_does_not_send_again_beyond_the_last_attempt(self):
        job = sending(max_attempts=1)
        jobs.mark_unknown(job, error="timeout")
        jobs.settle(LabJob, job.pk, state=State.PENDING, at=NOON)
        assert fresh(job).state == "dead"

    def test_takes_the_same_callback_twice(self):
        job = sending()
        jobs.settle(LabJob, job.pk, state=State.DONE, at=NOON)
        jobs.settle(LabJob, job.pk, state=State.DONE, at=NOON + MINUTE)
        assert fresh(job).finished_at == NOON

    def test_goes_forward_only(self):
        job = sending()
        jobs.settle(LabJob, job.pk, state=State.DONE, at=NOON)
        with pytest.raises(JobNotSettled):
            jobs.settle(LabJob, job.pk, state=State.FAILED, at=NOON)

    def test_never_sends_again_while_sending(self):
        job = sending()
        with pytest.raises(JobNotSettled):
            jobs.settle(LabJob, job.pk, state=State.PENDING, at=NOON)


class TestCancel:
    def test_stops_what_has_not_begun_to_leave(self):
        waiting, held, leaving = make(), claimed(), sending()
        LabJob.objects.filter(pk=waiting.pk).update(state="pending", lease_owner=None, lease_until=None)
        assert jobs.cancel(LabJob.objects.all(), at=NOON) == 2
        assert [fresh(job).state for job in (waiting, held, leaving)] == ["cancelled", "cancelled", "sending"]

    def test_keeps_the_worker_from_sending(self):
        job = claimed()
        jobs.cancel(LabJob.objects.filter(pk=job.pk), at=NOON)
        with pytest.raises(LeaseLost):
            jobs.mark_sending(job, at=NOON)


class TestRequeue:
    def test_starts_over(self):
        job = claimed()
        jobs.mark_failed(job, at=NOON, error="x", retry=False)
        assert jobs.requeue(LabJob.objects.all(), at=NOON + MINUTE) == 1
        stored = fresh(job)
        assert (stored.state, stored.attempts, stored.due_at, stored.finished_at) == (
            "pending", 0, NOON + MINUTE, None,
        )  # fmt: skip

    def test_leaves_doubt_alone(self):
        job = sending()
        jobs.mark_unknown(job, error="x")
        assert jobs.requeue(LabJob.objects.all(), at=NOON) == 0


class TestFigures:
    def test_tell_how_much_waits_and_since_when(self):
        make(due_at=NOON - timedelta(seconds=90))
        make(due_at=NOON)
        make(due_at=NOON + MINUTE)
        assert jobs.due_stats(LabJob, at=NOON) == jobs.DueStats(depth=2, oldest_seconds=90.0)

    def test_are_zero_when_nothing_waits(self):
        assert jobs.due_stats(LabJob, at=NOON) == jobs.DueStats(depth=0, oldest_seconds=0.0)

    def test_count_what_is_not_closed(self):
        jobs.mark_done(claimed(), at=NOON)
        sending()
        make(kind="document")
        assert jobs.open_counts(LabJob) == {("document", "pending"): 1, ("letter", "sending"): 1}

    def test_know_every_job_model(self):
        assert LabJob in jobs.job_models()


class TestConstraints:
    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ({"state": "asleep"}, "lab_labjob_state_known"),
            ({"state": "claimed"}, "lab_labjob_lease_while_held"),
            ({"lease_until": NOON, "lease_owner": uuid4()}, "lab_labjob_lease_while_held"),
            ({"attempts": 6}, "lab_labjob_attempts_within_max"),
        ],
    )
    def test_refuse_a_row_that_contradicts_itself(self, values, constraint):
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            LabJob.objects.create(kind="k", unique_key="u", due_at=NOON, **values)
