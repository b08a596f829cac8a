"""Transfers of insurers: one amount on the bank's statement that pays shares of many invoices."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from apps.core.models import PracticeModel
from apps.core.querysets import BaseQuerySet
from apps.directory.models import Currency, Insurer


class InsurerTransfer(PracticeModel):
    """One received transfer. Append-only (trigger); its payments name it, one for each invoice it pays."""

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+"
    )
    reference = models.CharField(_("bank reference"), max_length=80)
    received_on = models.DateField(_("received on"))
    amount = models.BigIntegerField(_("amount"))
    currency = models.CharField(_("currency"), max_length=3, choices=Currency)
    recorded_at = models.DateTimeField(_("recorded at"))

    audit_clear = frozenset("reference received_on amount currency recorded_at".split())
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("insurer's transfer")
        verbose_name_plural = _("insurers' transfers")
        default_permissions = ("add", "view")
        indexes = [models.Index(fields=["practice", "-received_on", "-id"], name="billing_transfer_list")]
        constraints = [
            models.UniqueConstraint(
                "practice", "insurer", Upper("reference"), name="billing_transfer_reference_once"
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0) & ~Q(reference=""), name="billing_transfer_of_something"
            ),
        ]
