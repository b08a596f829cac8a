"""Payments and what they settle: both append-only."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.billing.models.bank_transfers import InsurerTransfer
from apps.billing.models.deposits import Deposit
from apps.billing.models.invoices import Invoice, InvoiceShare, Payer
from apps.billing.models.salts import new_salt
from apps.billing.querysets import PaymentQuerySet
from apps.core.models import PracticeModel
from apps.core.querysets import BaseQuerySet
from apps.directory.models import Currency, Insurer
from apps.patients.models import Patient


class Payment(PracticeModel):
    """Money received; a refund is a row of its own with a negative amount that names what it gives back."""

    class Method(models.TextChoices):
        CASH = "cash", _("cash")
        CARD = "card", _("card")
        CHEQUE = "cheque", _("cheque")
        TRANSFER = "transfer", _("transfer")
        DIRECT_DEBIT = "direct_debit", _("direct debit")

    patient = models.ForeignKey(
        Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="payments"
    )
    payer = models.CharField(_("payer"), max_length=8, choices=Payer)
    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    method = models.CharField(_("method"), max_length=12, choices=Method)
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3, choices=Currency)
    received_on = models.DateField(_("received on"))
    recorded_at = models.DateTimeField(_("recorded at"))
    reference = models.CharField(_("reference"), max_length=80, blank=True)
    refunds = models.ForeignKey(
        "self",
        verbose_name=_("refunds"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="refunded_by",
    )
    deposit = models.ForeignKey(
        Deposit,
        verbose_name=_("cheque deposit"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="payments",
        editable=False,
    )
    salt = models.CharField(max_length=32, default=new_salt, editable=False)
    is_training = models.BooleanField(_("specimen"), default=False, editable=False)

    transfer = models.ForeignKey(
        InsurerTransfer,
        verbose_name=_("insurer's transfer"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="payments",
        editable=False,
    )

    audit_clear = frozenset("payer method amount currency received_on recorded_at is_training".split())
    objects = PaymentQuerySet.as_manager()

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        permissions = [("refund_payment", _("Can refund a payment"))]
        indexes = [
            models.Index(fields=["practice", "received_on"], name="billing_payment_day"),
            models.Index(fields=["patient", "-id"], name="billing_payment_patient"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0, refunds__isnull=True) | Q(amount__lt=0, refunds__isnull=False),
                name="billing_payment_refund_is_negative",
            ),
            models.CheckConstraint(
                condition=Q(payer="patient", insurer__isnull=True)
                | Q(payer="insurer", insurer__isnull=False),
                name="billing_payment_insurer_named",
            ),
            models.CheckConstraint(
                condition=Q(deposit__isnull=True) | Q(method="cheque"),
                name="billing_payment_deposit_of_cheques",
            ),
            models.CheckConstraint(
                condition=Q(transfer__isnull=True) | Q(payer="insurer", method="transfer"),
                name="billing_payment_transfer_of_insurers",
            ),
        ]


class AccountUse(PracticeModel):
    """Money on account that was used for invoices later than it was received: what its ledger record is about.

    Append-only (trigger); its allocations stand in the record.
    """

    payment = models.ForeignKey(
        Payment, verbose_name=_("payment"), on_delete=models.PROTECT, related_name="account_uses"
    )
    amount = models.BigIntegerField(_("amount"))
    used_at = models.DateTimeField(_("used at"))

    audit_clear = frozenset("amount used_at".split())
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("use of money on account")
        verbose_name_plural = _("uses of money on account")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="billing_accountuse_of_something"),
        ]

    @property
    def is_training(self) -> bool:
        """Whether it was practised with."""
        return self.payment.is_training


class PaymentAllocation(PracticeModel):
    """What a payment, or a credit note, settles of a share; a negative amount takes an earlier one back.

    The database refuses (trigger, migrations/0002) a share that would be settled beyond its amount.
    """

    share = models.ForeignKey(
        InvoiceShare, verbose_name=_("share"), on_delete=models.PROTECT, related_name="allocations"
    )
    payment = models.ForeignKey(
        Payment,
        verbose_name=_("payment"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="allocations",
    )
    credit_note = models.ForeignKey(
        Invoice,
        verbose_name=_("credit note"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="allocations",
    )
    amount = models.BigIntegerField(_("amount"))
    allocated_at = models.DateTimeField(_("allocated at"))

    audit_clear = frozenset("amount allocated_at".split())
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("allocation")
        verbose_name_plural = _("allocations")
        constraints = [
            models.CheckConstraint(condition=~Q(amount=0), name="billing_allocation_not_zero"),
            models.CheckConstraint(
                condition=Q(payment__isnull=False, credit_note__isnull=True)
                | Q(payment__isnull=True, credit_note__isnull=False, amount__gt=0),
                name="billing_allocation_one_source",
            ),
        ]
