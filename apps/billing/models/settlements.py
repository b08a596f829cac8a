"""What a paid reconciliation of the payer network came to here, invoice by invoice, and the work of recording it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.billing.models.invoices import Invoice
from apps.billing.models.payments import Payment
from apps.billing.querysets import NetworkSettlementQuerySet
from apps.core.jobs import LeasedJob
from apps.core.models import PracticeModel
from apps.directory.models import Practice
from apps.insurance.models import Reconciliation


class NetworkSettlement(PracticeModel):
    """What one reconciliation says of one invoice and what was recorded of it, written with the payment or refund.

    Append-only (trigger). There is one per reconciliation and invoice: that is what makes settling happen once.
    Amounts are in the invoice's currency; negative ones take back what was paid before.
    """

    reconciliation = models.ForeignKey(
        Reconciliation,
        verbose_name=_("reconciliation"),
        on_delete=models.PROTECT,
        related_name="settlements",
    )
    invoice = models.ForeignKey(
        Invoice, verbose_name=_("invoice"), on_delete=models.PROTECT, related_name="settlements"
    )
    # Of several refunds the last one.
    payment = models.ForeignKey(
        Payment,
        verbose_name=_("payment"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="settlements",
    )
    asked = models.BigIntegerField(_("paid by the insurer"))
    settled = models.BigIntegerField(_("recorded on the invoice"))
    code = models.CharField(_("why not in full"), max_length=40, blank=True)
    settled_at = models.DateTimeField(_("recorded at"))

    audited = False
    objects = NetworkSettlementQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment through the network")
        verbose_name_plural = _("payments through the network")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["reconciliation", "invoice"], name="billing_settlement_once"),
            models.CheckConstraint(
                condition=Q(settled=0, payment__isnull=True) | Q(~Q(settled=0), payment__isnull=False),
                name="billing_settlement_by_a_payment",
            ),
            models.CheckConstraint(
                condition=Q(asked__gte=0, settled__gte=0, settled__lte=F("asked"))
                | Q(asked__lt=0, settled__lte=0, settled__gte=F("asked")),
                name="billing_settlement_within_what_was_paid",
            ),
            models.CheckConstraint(
                condition=Q(settled=F("asked")) | ~Q(code=""), name="billing_settlement_says_why_not"
            ),
        ]


class SettlementJob(LeasedJob):
    """The invoices of one practice that a paid reconciliation settles, left to a worker because they are many."""

    reconciliation = models.ForeignKey(
        Reconciliation, verbose_name=_("reconciliation"), on_delete=models.PROTECT, related_name="+"
    )
    practice = models.ForeignKey(
        Practice, verbose_name=_("practice"), on_delete=models.PROTECT, related_name="+"
    )

    class Meta(LeasedJob.Meta):
        abstract = False
        verbose_name = _("settlement under way")
        verbose_name_plural = _("settlements under way")
        default_permissions = ()
        constraints = [
            *LeasedJob.Meta.constraints,
            models.UniqueConstraint(fields=["reconciliation", "practice"], name="billing_settlementjob_once"),
        ]
