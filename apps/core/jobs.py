"""Work that must happen, as rows: one leased job for messages, documents and webhooks alike.

    pending -> claimed -> done                    work of our own (a PDF): safe to do twice
    pending -> claimed -> sending -> done         a provider is called: never blindly a second time
                        \\-> failed               a final refusal, no retry would help
    claimed, sending -> pending                   a failure that may pass, after 1, 5, then 30 minutes
    claimed -> pending | dead                     the lease ran out before anything left the house (sweep)
    sending -> unknown -> done | failed | pending the lease ran out while sending: asked, never guessed
    pending, claimed -> cancelled                 too late once `sending` is committed
    -> dead                                       every attempt is spent
    failed, dead -> pending                       somebody looked and starts it over

An attempt is counted when it is claimed, so a job that kills its worker ends as well. Whoever claims holds a
token; each later mark is one UPDATE on that token, so a worker that lost its lease marks nothing and raises
`LeaseLost`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar
from uuid import UUID, uuid4

from django.apps import apps
from django.db import models, transaction
from django.db.models import Count, F, Min, Q
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from apps.core.errors import DomainError

RETRY_AFTER: Final = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30))
MAX_ATTEMPTS: Final = 5
LEASE_SECONDS: Final = 120
_ERROR_LENGTH: Final = 500


class LeaseLost(DomainError):
    """The worker's lease on the job ended meanwhile: it was swept, cancelled or settled by a callback."""

    code = "LEASE_LOST"
    message = _("This job is no longer held by this worker.")


class JobNotSettled(DomainError):
    """The job is neither being sent nor of unknown outcome, so there is nothing to settle."""

    code = "JOB_NOT_SETTLED"
    message = _("This job is not waiting for an outcome.")


class State(models.TextChoices):
    """Where a job stands."""

    PENDING = "pending", _("pending")
    CLAIMED = "claimed", _("claimed")
    SENDING = "sending", _("sending")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    UNKNOWN = "unknown", _("outcome unknown")
    CANCELLED = "cancelled", _("cancelled")
    DEAD = "dead", _("given up")


HELD: Final = (State.CLAIMED, State.SENDING)
CLOSED: Final = (State.DONE, State.CANCELLED)


def _new_id() -> UUID:
    return UUID(int=uuid7().int)


class LeasedJob(models.Model):
    """A row some worker will see to; concrete classes add what the work is about, as ids.

    `unique_key` names the cause: the same cause enqueued twice is one row. State churn is not audited.
    """

    State = State

    id = models.UUIDField(_("identifier"), primary_key=True, default=_new_id, editable=False)
    kind = models.CharField(_("kind"), max_length=64)
    unique_key = models.CharField(_("unique key"), max_length=200, unique=True)
    due_at = models.DateTimeField(_("due"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PENDING)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True, editable=False)
    lease_owner = models.UUIDField(_("lease owner"), null=True, blank=True, editable=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    max_attempts = models.PositiveSmallIntegerField(_("attempts at most"), default=MAX_ATTEMPTS)
    last_error = models.CharField(_("last error"), max_length=_ERROR_LENGTH, blank=True, default="")
    created_at = models.DateTimeField(_("created"), auto_now_add=True, editable=False)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="%(app_label)s_%(class)s_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state__in=HELD, lease_until__isnull=False, lease_owner__isnull=False)
                | Q(~Q(state__in=HELD), lease_until__isnull=True, lease_owner__isnull=True),
                name="%(app_label)s_%(class)s_lease_while_held",
            ),
            models.CheckConstraint(
                condition=Q(attempts__lte=F("max_attempts"), max_attempts__gte=1),
                name="%(app_label)s_%(class)s_attempts_within_max",
            ),
        ]
        # Django keeps index names within 30 characters: no room for the app label.
        indexes = [
            models.Index(fields=["due_at", "id"], condition=Q(state=State.PENDING), name="%(class)s_due"),
            models.Index(fields=["lease_until"], condition=Q(state__in=HELD), name="%(class)s_held"),
            models.Index(fields=["kind", "state"], condition=~Q(state__in=CLOSED), name="%(class)s_open"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.pk}"


J = TypeVar("J", bound=LeasedJob)


def enqueue(model: type[J], *, kind: str, unique_key: str, due_at: datetime, **values: Any) -> J:
    """Write a job in the caller's transaction, or return the one its cause has, whatever its state."""
    row = model(kind=kind, unique_key=unique_key, due_at=due_at, **values)
    model._base_manager.bulk_create([row], ignore_conflicts=True)
    return model._base_manager.get(unique_key=unique_key)


def claim_due(
    model: type[J],
    *,
    at: datetime,
    limit: int,
    lease_seconds: int = LEASE_SECONDS,
    kinds: Collection[str] | None = None,
) -> list[J]:
    """Take up to `limit` due jobs, oldest first, in a short transaction of its own.

    Rows another worker is just claiming are skipped. Raises RuntimeError inside a transaction: the claim must
    be committed before the work starts.
    """
    due = model._base_manager.filter(state=State.PENDING, due_at__lte=at)
    if kinds is not None:
        due = due.filter(kind__in=kinds)
    with transaction.atomic(durable=True):
        jobs = list(due.order_by("due_at", "id").select_for_update(skip_locked=True, of=("self",))[:limit])
        lease: dict[str, Any] = {
            "state": State.CLAIMED,
            "lease_owner": uuid4(),
            "lease_until": at + timedelta(seconds=lease_seconds),
        }
        model._base_manager.filter(pk__in=[job.pk for job in jobs]).update(
            attempts=F("attempts") + 1, **lease
        )
    for job in jobs:
        _set(job, attempts=job.attempts + 1, **lease)
    return jobs


def renew(job: LeasedJob, *, at: datetime, lease_seconds: int = LEASE_SECONDS) -> None:
    """Lengthen the lease of long work; raise `LeaseLost`."""
    _mark(job, HELD, lease_until=at + timedelta(seconds=lease_seconds))


def mark_sending(job: LeasedJob, *, at: datetime, lease_seconds: int = LEASE_SECONDS) -> None:
    """Commit that the provider is about to be called; only after this may anything leave the house.

    Raises `LeaseLost`, and RuntimeError inside a transaction, where nothing would be committed yet.
    """
    with transaction.atomic(durable=True):
        _mark(job, [State.CLAIMED], state=State.SENDING, lease_until=at + timedelta(seconds=lease_seconds))


def mark_done(job: LeasedJob, *, at: datetime) -> None:
    """Close a job that succeeded; raise `LeaseLost`."""
    _mark(job, HELD, **_closed(State.DONE, at), last_error="")


def mark_failed(job: LeasedJob, *, at: datetime, error: str, retry: bool = True) -> None:
    """Note a failure: again later, `dead` when the attempts are spent, `failed` when no retry would help.

    `error` is a code or a sentence without personal data. Raises `LeaseLost`.
    """
    error = error[:_ERROR_LENGTH]
    if not retry:
        _mark(job, HELD, **_closed(State.FAILED, at), last_error=error)
    elif job.attempts >= job.max_attempts:
        _mark(job, HELD, **_closed(State.DEAD, at), last_error=error)
    else:
        _mark(job, HELD, **_free(State.PENDING), due_at=at + backoff(job.attempts), last_error=error)


def mark_unknown(job: LeasedJob, *, error: str) -> None:
    """Note that the provider may or may not have acted (a time-out, a reset); raise `LeaseLost`."""
    _mark(job, [State.SENDING], **_free(State.UNKNOWN), last_error=error[:_ERROR_LENGTH])


def postpone(job: LeasedJob, *, due_at: datetime) -> None:
    """Give a claimed job back for later without counting the attempt (quiet hours); raise `LeaseLost`."""
    _mark(job, [State.CLAIMED], **_free(State.PENDING), due_at=due_at, attempts=job.attempts - 1)


def settle(model: type[J], job_id: UUID, *, state: State, at: datetime, error: str = "") -> J:
    """Record what the provider itself says of a job that is being sent or whose outcome is unknown.

    `state` is done, failed, or pending (it never arrived: send again unless the attempts are spent), the last
    only for an unknown outcome. A repeated callback is no error. Raises `JobNotSettled`.
    """
    if state not in {State.DONE, State.FAILED, State.PENDING}:
        raise ValueError(f"a job does not settle as {state}")
    with transaction.atomic():
        job = model._base_manager.select_for_update(of=("self",)).get(pk=job_id)
        if job.state == state and state != State.PENDING:
            return job
        if job.state != State.UNKNOWN and (job.state != State.SENDING or state == State.PENDING):
            raise JobNotSettled(state=job.state)
        if state == State.PENDING and job.attempts < job.max_attempts:
            changes = {**_free(State.PENDING), "due_at": at + backoff(job.attempts)}
        else:
            changes = _closed(State.DEAD if state == State.PENDING else state, at)
        changes["last_error"] = error[:_ERROR_LENGTH]
        model._base_manager.filter(pk=job_id).update(**changes)
    _set(job, **changes)
    return job


def cancel(jobs: models.QuerySet[J], *, at: datetime) -> int:
    """Cancel those of `jobs` that have not begun to leave, in the caller's transaction; return how many.

    A claimed job can still be cancelled: its worker then fails to mark it as sending and lets go.
    """
    model = jobs.model
    chosen = model._base_manager.filter(pk__in=jobs.values("pk"), state__in=[State.PENDING, State.CLAIMED])
    return chosen.update(**_closed(State.CANCELLED, at))


def requeue(jobs: models.QuerySet[J], *, at: datetime) -> int:
    """Start those of `jobs` that failed or were given up over again, attempts at zero; return how many."""
    model = jobs.model
    chosen = model._base_manager.filter(pk__in=jobs.values("pk"), state__in=[State.FAILED, State.DEAD])
    return chosen.update(**_free(State.PENDING), due_at=at, attempts=0, finished_at=None)


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep found behind crashed workers."""

    requeued: int
    dead: int
    unknown: int


def sweep_expired(model: type[LeasedJob], *, at: datetime) -> Swept:
    """Take back jobs whose lease ran out; safe to run at any time and in several places at once."""
    spent = Q(attempts__gte=F("max_attempts"))
    expired = model._base_manager.filter(lease_until__lte=at)
    with transaction.atomic():
        unknown = expired.filter(state=State.SENDING).update(
            **_free(State.UNKNOWN), last_error="lease expired while sending"
        )
        dead = expired.filter(spent, state=State.CLAIMED).update(
            **_closed(State.DEAD, at), last_error="lease expired"
        )
        requeued = expired.filter(~spent, state=State.CLAIMED).update(
            **_free(State.PENDING), due_at=at, last_error="lease expired"
        )
    return Swept(requeued=requeued, dead=dead, unknown=unknown)


def backoff(attempts: int) -> timedelta:
    """Return the wait after the given number of attempts."""
    return RETRY_AFTER[min(max(attempts, 1), len(RETRY_AFTER)) - 1]


@dataclass(frozen=True, slots=True)
class DueStats:
    """How much is waiting: `depth` jobs are due, the oldest for `oldest_seconds`."""

    depth: int
    oldest_seconds: float


def due_stats(model: type[LeasedJob], *, at: datetime) -> DueStats:
    """Count the jobs that are due and not taken."""
    due = model._base_manager.filter(state=State.PENDING, due_at__lte=at)
    found = due.aggregate(depth=Count("pk"), oldest=Min("due_at"))
    oldest = found["oldest"]
    return DueStats(found["depth"], (at - oldest).total_seconds() if oldest else 0.0)


def open_counts(model: type[LeasedJob]) -> dict[tuple[str, str], int]:
    """Count jobs by (kind, state); done and cancelled ones, which pile up for years, are left out."""
    rows = model._base_manager.exclude(state__in=CLOSED).values_list("kind", "state")
    return {
        (kind, state): count for kind, state, count in rows.annotate(n=Count("pk")).order_by("kind", "state")
    }


def job_models() -> list[type[LeasedJob]]:
    """Return every concrete job model, for the sweep and the metrics."""
    found = (model for model in apps.get_models() if issubclass(model, LeasedJob))
    return sorted(found, key=lambda model: model._meta.label_lower)


def _free(state: State) -> dict[str, Any]:
    return {"state": state, "lease_owner": None, "lease_until": None}


def _closed(state: State, at: datetime) -> dict[str, Any]:
    return {**_free(state), "finished_at": at}


def _mark(job: LeasedJob, states: Collection[State], **changes: Any) -> None:
    held = type(job)._base_manager.filter(pk=job.pk, lease_owner=job.lease_owner, state__in=states)
    # Without an owner the filter would read `lease_owner IS NULL` and match a job nobody holds.
    if job.lease_owner is None or not held.update(**changes):
        raise LeaseLost(job=str(job.pk))
    # The instance keeps its token: if the caller's transaction rolls this back, the next mark still counts.
    _set(job, **{name: value for name, value in changes.items() if name != "lease_owner"})


def _set(job: LeasedJob, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(job, name, value)
