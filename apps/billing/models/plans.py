"""Instalment plans: the days on which a patient pays an invoice's share bit by bit."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.billing.models.invoices import Invoice
from apps.billing.querysets import InstalmentPlanQuerySet, OfInvoiceQuerySet
from apps.core.models import PracticeModel
from apps.patients.models import Patient


class InstalmentPlan(PracticeModel):
    """What was agreed for the patient's share of one invoice; never changed, only cancelled.

    What is settled of it is not stored: it follows from the share's allocations since the agreement.
    """

    class Status(models.TextChoices):
        CURRENT = "current", _("kept so far")
        LATE = "late", _("late")
        PAID = "paid", _("paid")
        CANCELLED = "cancelled", _("cancelled")

    invoice = models.ForeignKey(
        Invoice, verbose_name=_("invoice"), on_delete=models.CASCADE, related_name="plans"
    )
    amount = models.BigIntegerField(_("amount"), validators=[MinValueValidator(1)])
    # What was settled of the share before: the plan counts from there.
    paid_before = models.BigIntegerField(_("paid before"), default=0)
    credited_before = models.BigIntegerField(_("credited before"), default=0)
    agreed_at = models.DateTimeField(_("agreed at"))
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    audit_clear = frozenset("amount paid_before credited_before agreed_at cancelled_at".split())
    objects = InstalmentPlanQuerySet.as_manager()

    class Meta:
        verbose_name = _("instalment plan")
        verbose_name_plural = _("instalment plans")
        default_permissions = ("add", "change", "view")
        constraints = [
            models.UniqueConstraint(
                fields=["invoice"], name="billing_plan_one_open", condition=Q(cancelled_at__isnull=True)
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="billing_plan_of_something"),
        ]

    @property
    def patient(self) -> Patient:
        """Whom it was agreed with."""
        return self.invoice.patient


class Instalment(PracticeModel):
    """One dated part of a plan."""

    class State(models.TextChoices):
        PAID = "paid", _("paid")
        PARTLY_PAID = "partly_paid", _("partly paid")
        DUE = "due", _("to come")
        LATE = "late", _("late")

    plan = models.ForeignKey(
        InstalmentPlan, verbose_name=_("plan"), on_delete=models.CASCADE, related_name="instalments"
    )
    position = models.PositiveSmallIntegerField(_("order"))
    due_on = models.DateField(_("due on"))
    amount = models.BigIntegerField(_("amount"), validators=[MinValueValidator(1)])

    audit_clear = frozenset("position due_on amount".split())
    objects = OfInvoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("instalment")
        verbose_name_plural = _("instalments")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["plan", "position"], name="billing_instalment_position_unique"),
            models.UniqueConstraint(fields=["plan", "due_on"], name="billing_instalment_day_unique"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="billing_instalment_of_something"),
        ]
