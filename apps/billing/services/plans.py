"""Instalment plans: agreed for what the patient still owes of an invoice, kept or cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Final

from django.utils.translation import gettext_lazy as _

from apps.billing.instalments import Due
from apps.billing.models import Instalment, InstalmentPlan, Invoice, InvoiceShare
from apps.billing.models.invoices import Payer
from apps.billing.services.settlement import locked, shares_of
from apps.core.clock import day_in_calendar
from apps.core.errors import DomainError, InvalidInput
from apps.core.scope import Viewer
from apps.core.service import service

MOST_INSTALMENTS: Final = 60
S = Invoice.Status
PLANNABLE: Final = (S.DRAFT, S.ISSUED, S.PARTIALLY_PAID)


class NothingToPlan(DomainError):
    """The patient owes nothing of it, or nobody does."""

    code = "NOTHING_DUE"
    message = _("There is nothing the patient still owes of this invoice.")


class PlanExists(DomainError):
    """An invoice has one plan at a time."""

    code = "PLAN_EXISTS"
    message = _("There is a plan for this invoice already. Cancel it first.")


class PlanDoesNotAddUp(DomainError):
    """The instalments do not make what is due."""

    code = "PLAN_MISMATCH"
    message = _("The instalments do not add up to what the patient owes.")


class PlanClosed(DomainError):
    """It was cancelled, or everything is paid."""

    code = "PLAN_CLOSED"
    message = _("This plan is cancelled or paid.")


@service("billing.plan.agree")
def agree_plan(
    *, actor: Viewer, invoice: Invoice, instalments: Sequence[Due], at: datetime
) -> InstalmentPlan:
    """Agree with the patient on instalments that add up to what they still owe, on a draft or an issued invoice.

    Refuses NOTHING_DUE, PLAN_EXISTS, PLAN_MISMATCH, days in the past or out of order, and amounts below one.
    """
    invoice = locked(invoice)
    shares = [share for share in shares_of(invoice) if share.payer == Payer.PATIENT]
    due = sum(share.balance for share in shares)  # type: ignore[attr-defined]  # annotated
    if invoice.is_credit_note or invoice.status not in PLANNABLE or not due:
        raise NothingToPlan(status=invoice.status)
    if invoice.plans.open().exists():
        raise PlanExists
    check_days(instalments, at.astimezone(invoice.practice.zone).date())
    total = sum(one.amount for one in instalments)
    if total != due:
        raise PlanDoesNotAddUp(due=due, total=total, currency=invoice.currency)
    plan = InstalmentPlan.objects.create(
        practice_id=invoice.practice_id,
        invoice=invoice,
        amount=due,
        paid_before=sum(share.paid for share in shares),  # type: ignore[attr-defined]  # annotated
        credited_before=sum(share.credited for share in shares),  # type: ignore[attr-defined]  # annotated
        agreed_at=at,
    )
    Instalment.objects.bulk_create(
        [
            Instalment(
                practice_id=invoice.practice_id,
                plan=plan,
                position=position,
                due_on=one.due_on,
                amount=one.amount,
            )
            for position, one in enumerate(instalments, start=1)
        ]
    )
    return plan


@service("billing.plan.cancel")
def cancel_plan(*, actor: Viewer, plan: InstalmentPlan, reason: str, at: datetime) -> InstalmentPlan:
    """End a plan: what is left is due at once. Refuses PLAN_CLOSED and a missing reason."""
    if not reason.strip():
        raise InvalidInput(reason=[str(_("Say why the plan ends."))])
    locked(plan.invoice)
    found: InstalmentPlan = (
        InstalmentPlan.objects.select_for_update(of=("self",)).with_settled().get(pk=plan.pk)
    )
    if found.cancelled_at is not None or found.amount <= found.paid + found.credited:  # type: ignore[attr-defined]  # annotated
        raise PlanClosed
    found.cancelled_at, found.reason = at, reason.strip()
    found.clean_fields(exclude=["practice", "invoice"])
    found.save(update_fields=["cancelled_at", "reason", "updated_at"])
    return found


def check_days(instalments: Sequence[Due], today: date) -> None:
    """Refuse a schedule that is empty, too long, in the past or out of order."""
    days = [day_in_calendar(one.due_on) for one in instalments]
    if not 1 <= len(days) <= MOST_INSTALMENTS:
        sentence = _("A plan has between one and %(most)s instalments.") % {"most": MOST_INSTALMENTS}
        raise InvalidInput(instalments=[str(sentence)])
    if days[0] < today or any(later <= sooner for sooner, later in pairwise(days)):
        raise InvalidInput(instalments=[str(_("Instalments fall on days to come, one after the other."))])
    if any(one.amount < 1 for one in instalments):
        raise InvalidInput(instalments=[str(_("An instalment is at least one cent."))])


def check_plan(invoice: Invoice, shares: Sequence[InvoiceShare]) -> None:
    """Refuse to issue a draft whose lines changed since its plan was agreed."""
    plan = invoice.plans.open().first()
    due = sum(share.amount for share in shares if share.payer == Payer.PATIENT)
    if plan is not None and plan.amount != due:
        raise PlanDoesNotAddUp(due=due, total=plan.amount, currency=invoice.currency)
