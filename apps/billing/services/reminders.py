"""Reminders of what patients owe: queued at the practice's days, never for what an insurer owes."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Final
from uuid import UUID

from django.db.models import Sum
from django.utils.translation import gettext_lazy as _

from apps.billing.dunning import level_due
from apps.billing.instalments import owed_since
from apps.billing.models import (
    BillingDocument,
    DunningPolicy,
    InstalmentPlan,
    Invoice,
    InvoiceReminder,
    InvoiceShare,
    Payment,
)
from apps.billing.models.invoices import Payer
from apps.billing.models.reminders import HOUSE_DAYS
from apps.billing.plans import left_of
from apps.billing.rendering import short
from apps.billing.services.settlement import REMINDER_CAUSE, locked
from apps.core.errors import DomainError, InvalidInput
from apps.core.money import format_money
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice
from apps.notifications.errors import InvalidRecipient, NoTemplate
from apps.notifications.models import NotificationJob
from apps.notifications.services import enqueue

logger = logging.getLogger(__name__)

TEMPLATE: Final = "billing.reminder"
LAST_TEMPLATE: Final = "billing.last_reminder"
MOST_LEVELS: Final = 6
LONGEST: Final = 730
OPEN: Final = (Invoice.Status.ISSUED, Invoice.Status.PARTIALLY_PAID)
# Nobody is asked for money at night or at the weekend: the practice's own hours of the day, its own days.
HOURS: Final = range(9, 18)
WORKING_DAYS: Final = range(5)


class NothingOverdue(DomainError):
    """There is nothing to remind of."""

    code = "NOTHING_OVERDUE"
    message = _("The patient owes nothing of this invoice at present.")


class PatientNotReachable(DomainError):
    """The patient wants no contact, or there is no address."""

    code = "PATIENT_NOT_REACHABLE"
    message = _("This patient wants no reminders, or there is no address for one.")


class AlreadyReminded(DomainError):
    """One reminder a day is enough."""

    code = "ALREADY_REMINDED"
    message = _("A reminder of this invoice was sent today already.")


@dataclass(frozen=True, slots=True)
class Debt:
    """What a patient is to be reminded of: so much, due since a day, under a plan or not."""

    amount: int
    since: date
    plan: InstalmentPlan | None


@dataclass(frozen=True, slots=True)
class Reminder:
    """One reminder of a debt: its level among the practice's, and the text that goes with it."""

    debt: Debt
    level: int
    template: str

    @classmethod
    def of(cls, debt: Debt, level: int, days: Sequence[int]) -> Reminder:
        """Take the last text for the last level of several."""
        return cls(debt, level, LAST_TEMPLATE if level >= len(days) > 1 else TEMPLATE)


@service("billing.dunning.set")
def set_dunning(*, actor: Viewer, practice: Practice, days: Sequence[int], is_active: bool) -> DunningPolicy:
    """Choose after how many days a practice reminds, or that it does not. Refuses days that do not rise."""
    rising = all(sooner < later for sooner, later in pairwise(days))
    if not 1 <= len(days) <= MOST_LEVELS or not rising or days[0] < 1 or days[-1] > LONGEST:
        sentence = _(
            "Name one to %(most)s numbers of days, each larger than the one before, %(days)s at most."
        )
        raise InvalidInput(days=[str(sentence % {"most": MOST_LEVELS, "days": LONGEST})])
    Practice.objects.select_for_update(of=("self",)).get(pk=practice.pk)
    policy = DunningPolicy.objects.filter(practice=practice).first() or DunningPolicy(practice=practice)
    policy.days, policy.is_active = list(days), is_active
    policy.save()
    return policy


@service("billing.reminder.send")
def remind(*, actor: Viewer, invoice: Invoice, at: datetime) -> InvoiceReminder:
    """Remind a patient now, a level further than the last time, whatever the practice's days say.

    Refuses NOTHING_OVERDUE, PATIENT_NOT_REACHABLE and ALREADY_REMINDED.
    """
    invoice = locked(invoice)
    today = at.astimezone(invoice.practice.zone).date()
    debt = debt_of(invoice, today)
    if debt is None:
        raise NothingOverdue(status=invoice.status)
    sent = sent_on(invoice, debt)
    if sent and sent[-1] >= today:
        raise AlreadyReminded
    reminder = Reminder.of(debt, len(sent) + 1, days_of(invoice.practice_id))
    return queue(actor, invoice, reminder, is_manual=True, at=at)


def send_reminders(*, actor: Viewer, at: datetime) -> int:
    """Queue the reminders that are due in all practices at work now, one transaction each; return how many."""
    done = 0
    silent = set(DunningPolicy.objects.filter(is_active=False).values_list("practice", flat=True))
    for practice in Practice.objects.filter(is_active=True).order_by("pk"):
        local = at.astimezone(practice.zone)
        if practice.pk in silent or local.hour not in HOURS or local.weekday() not in WORKING_DAYS:
            continue
        days = days_of(practice.pk)
        for invoice in candidates(practice, days, local.date()):
            try:
                done += send_if_due(actor=actor, invoice=invoice, days=days, at=at)
            except DomainError as refusal:
                logger.info("reminder_not_sent", extra={"invoice_id": str(invoice.pk), "code": refusal.code})
    return done


def candidates(practice: Practice, days: Sequence[int], today: date) -> Iterator[Invoice]:
    """Yield open invoices old enough for a first reminder of which the patient owes something."""
    owing = InvoiceShare.objects.owed().filter(practice=practice, payer=Payer.PATIENT).with_balance()
    rows = Invoice.objects.filter(
        practice=practice,
        status__in=OPEN,
        patient__do_not_contact=False,
        pk__in=owing.filter(balance__gt=0).values("invoice"),
    )
    yield from (
        row
        for row in rows.order_by("issued_on", "pk").iterator(chunk_size=500)
        if (today - row.issued_on).days >= days[0]
    )


@service("billing.reminder.send_due")
def send_if_due(*, actor: Viewer, invoice: Invoice, days: Sequence[int], at: datetime) -> bool:
    """Queue one invoice's reminder if its time has come; the invoice is locked and read anew."""
    invoice = locked(invoice)
    today = at.astimezone(invoice.practice.zone).date()
    debt = debt_of(invoice, today)
    if debt is None:
        return False
    level = level_due(days, sent_on(invoice, debt), debt.since, today)
    if level is None:
        return False
    queue(actor, invoice, Reminder.of(debt, level, days), is_manual=False, at=at)
    return True


def debt_of(invoice: Invoice, today: date) -> Debt | None:
    """Return what the patient owes of a locked invoice and should have paid; None when there is nothing.

    Only the patient's own share counts, less what stands on their account. Of a plan only what is late counts, from the day
    it fell due: what is asked for is what the statement shows as due before today.
    """
    if (
        invoice.status not in OPEN
        or invoice.is_credit_note
        or invoice.is_training
        or invoice.issued_on is None
    ):
        return None
    shares = invoice.shares.filter(payer=Payer.PATIENT).with_balance()
    balance = shares.aggregate(due=Sum("balance"))["due"] or 0
    plan = invoice.plans.open().with_details().first()
    parts = owed_since(balance, invoice.issued_on, left_of(plan, today))
    if plan is not None:
        parts = [part for part in parts if part.due_on < today]
    if not parts:
        return None
    amount, since = sum(part.amount for part in parts), min(part.due_on for part in parts)
    payments = Payment.objects.real().filter(patient=invoice.patient_id, payer=Payer.PATIENT)
    amount -= sum(payments.with_unallocated().values_list("unallocated", flat=True))
    return Debt(amount, since, plan) if amount > 0 else None


def sent_on(invoice: Invoice, debt: Debt) -> list[date]:
    """Return the practice's days on which this debt was reminded of."""
    rows = InvoiceReminder.objects.filter(invoice=invoice, plan=debt.plan).order_by("level")
    zone = invoice.practice.zone
    return [moment.astimezone(zone).date() for moment in rows.values_list("queued_at", flat=True)]


def days_of(practice_id: UUID) -> list[int]:
    """Return the days of a practice, or the house's."""
    own = DunningPolicy.objects.filter(practice=practice_id).values_list("days", flat=True).first()
    return list(own or HOUSE_DAYS)


def queue(
    actor: Viewer, invoice: Invoice, reminder: Reminder, *, is_manual: bool, at: datetime
) -> InvoiceReminder:
    """Queue the message on the first channel that takes it, and log it. Refuses PATIENT_NOT_REACHABLE."""
    # The cheaper channel comes last in the patient's preferences, and carries the invoice.
    for channel in reversed(invoice.patient.reminder_channels):
        try:
            job = queue_message(actor, invoice, reminder, channel, at=at)
        except (InvalidRecipient, NoTemplate):
            continue
        return InvoiceReminder.objects.create(
            practice_id=invoice.practice_id,
            invoice=invoice,
            plan=reminder.debt.plan,
            level=reminder.level,
            channel=channel,
            amount=reminder.debt.amount,
            is_manual=is_manual,
            queued_at=at,
            message=job.pk,
        )
    raise PatientNotReachable


def queue_message(
    actor: Viewer, invoice: Invoice, reminder: Reminder, channel: str, *, at: datetime
) -> NotificationJob:
    """Queue the message itself; the unique key makes a repeated round a no-op."""
    patient, debt = invoice.patient, reminder.debt
    context = {
        "number": str(invoice.number),
        "amount": format_money(debt.amount, invoice.currency, patient.language),
    }
    if channel == "email":
        context |= {"date": short(invoice.issued_on), "first_name": patient.first_name}
    return enqueue(
        actor=actor,
        practice=invoice.practice,
        template=reminder.template,
        channel=channel,
        recipient=str(patient.phone) if channel == "sms" else patient.email,
        language=patient.language,
        context=context,
        due_at=at,
        unique_key=f"{REMINDER_CAUSE}:{invoice.pk}:{debt.plan.pk if debt.plan else ''}:{reminder.level}",
        cause_type=REMINDER_CAUSE,
        cause_id=invoice.pk,
        at=at,
        attachments=attached(invoice) if channel == "email" else [],
    )


def attached(invoice: Invoice) -> list[dict[str, str]]:
    """Return the invoice's file, once it is made."""
    files = BillingDocument.objects.filter(invoice=invoice, kind=invoice.kind, rendered_at__isnull=False)
    return [
        {"key": row.storage_key, "filename": row.file_name, "content_type": row.content_type}
        for row in files.select_related("invoice")
    ]
