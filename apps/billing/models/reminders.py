"""Reminders of unpaid invoices: when a practice sends them, and which were sent."""

from __future__ import annotations

from typing import Final

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.billing.models.invoices import Invoice
from apps.billing.models.plans import InstalmentPlan
from apps.billing.querysets import InvoiceReminderQuerySet
from apps.core.models import PracticeModel
from apps.core.querysets import BaseQuerySet
from apps.notifications.models import Channel
from apps.patients.models import Patient

# Days since issue, or since an instalment fell due, of a practice that has not chosen its own.
HOUSE_DAYS: Final = (15, 30, 60)


def house_days() -> list[int]:
    """Return the house's days."""
    return list(HOUSE_DAYS)


class DunningPolicy(PracticeModel):
    """After how many days a practice reminds its patients of what they owe, or that it does not."""

    days = ArrayField(models.PositiveSmallIntegerField(), verbose_name=_("days"), default=house_days)
    is_active = models.BooleanField(_("send reminders"), default=True)

    audit_clear = frozenset("days is_active".split())
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("rule of payment reminders")
        verbose_name_plural = _("rules of payment reminders")
        default_permissions = ("change", "view")
        constraints = [models.UniqueConstraint(fields=["practice"], name="billing_dunning_one_rule")]


class InvoiceReminder(PracticeModel):
    """One reminder that was queued: the log of an invoice. Append-only (trigger).

    A plan starts the levels anew: what is late of it is another debt than the whole invoice.
    """

    invoice = models.ForeignKey(
        Invoice, verbose_name=_("invoice"), on_delete=models.PROTECT, related_name="reminders"
    )
    plan = models.ForeignKey(
        InstalmentPlan,
        verbose_name=_("plan"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="reminders",
    )
    level = models.PositiveSmallIntegerField(_("level"))
    channel = models.CharField(_("channel"), max_length=5, choices=Channel)
    amount = models.BigIntegerField(_("amount"))
    is_manual = models.BooleanField(_("asked for by hand"), default=False)
    queued_at = models.DateTimeField(_("queued at"))
    message = models.UUIDField(_("message"), editable=False)

    audit_clear = frozenset("level channel amount is_manual queued_at message".split())
    objects = InvoiceReminderQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment reminder")
        verbose_name_plural = _("payment reminders")
        default_permissions = ("add", "view")
        indexes = [models.Index(fields=["practice", "-id"], name="billing_reminder_list")]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "plan", "level"], name="billing_reminder_level_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(level__gte=1, amount__gt=0), name="billing_reminder_of_something"
            ),
        ]

    @property
    def patient(self) -> Patient:
        """Whom it was sent to."""
        return self.invoice.patient
