"""Reads of instalment plans: what is settled of each instalment, and how the plan stands on a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Q

from apps.billing.instalments import Due, settled_of
from apps.billing.models import Instalment, InstalmentPlan, Invoice
from apps.billing.querysets import InstalmentPlanQuerySet
from apps.core.scope import Viewer

Status, State = InstalmentPlan.Status, Instalment.State


@dataclass(frozen=True, slots=True)
class InstalmentView:
    """One instalment with what is settled of it."""

    instalment: Instalment
    settled: int
    state: str

    @property
    def left(self) -> int:
        """What is still to be paid of it."""
        return self.instalment.amount - self.settled


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan on a day."""

    plan: InstalmentPlan
    status: str
    instalments: Sequence[InstalmentView]

    @property
    def settled(self) -> int:
        """What is settled of all of them."""
        return sum(view.settled for view in self.instalments)

    @property
    def overdue(self) -> int:
        """What should have been paid by now."""
        return sum(view.left for view in self.instalments if view.state == State.LATE)

    @property
    def next_due_on(self) -> date | None:
        """The day of the first instalment that is not settled."""
        return next((view.instalment.due_on for view in self.instalments if view.left), None)


def plans_for(*, viewer: Viewer) -> InstalmentPlanQuerySet:
    """Return the plans the viewer sees, newest first."""
    rows: InstalmentPlanQuerySet = InstalmentPlan.objects.visible_to(viewer).with_details().newest_first()
    return rows


def plan_on(plan: InstalmentPlan, today: date) -> PlanView:
    """Arrange a plan loaded `with_details()`; runs no query."""
    rows = sorted(plan.instalments.all(), key=lambda one: one.position)
    settled = settled_of([one.amount for one in rows], plan.paid, plan.credited)  # type: ignore[attr-defined]  # annotated
    views = [
        InstalmentView(one, done, state_of(one, done, today)) for one, done in zip(rows, settled, strict=True)
    ]
    if plan.cancelled_at is not None:
        return PlanView(plan, Status.CANCELLED, views)
    if all(view.left == 0 for view in views):
        return PlanView(plan, Status.PAID, views)
    # A draft is owed by nobody yet.
    late = not plan.invoice.is_draft and any(view.state == State.LATE for view in views)
    return PlanView(plan, Status.LATE if late else Status.CURRENT, views)


def left_of(plan: InstalmentPlan | None, today: date) -> list[Due]:
    """Return what is left of the instalments of a plan loaded `with_details()`; nothing without a plan."""
    if plan is None:
        return []
    return [Due(view.instalment.due_on, view.left) for view in plan_on(plan, today).instalments]


def agreed_before_issue(invoice: Invoice) -> list[Instalment]:
    """Return the instalments that stood when the invoice was issued: later agreements are not in its document."""
    rows = Instalment.objects.filter(plan__invoice=invoice, plan__agreed_at__lte=invoice.issued_at)
    ended = Q(plan__cancelled_at__isnull=True) | Q(plan__cancelled_at__gt=invoice.issued_at)
    return list(rows.filter(ended).order_by("plan_id", "position"))


def state_of(instalment: Instalment, settled: int, today: date) -> str:
    """Return how one instalment stands; its own day is still in time."""
    if settled >= instalment.amount:
        return State.PAID
    if instalment.due_on < today:
        return State.LATE
    return State.PARTLY_PAID if settled else State.DUE
