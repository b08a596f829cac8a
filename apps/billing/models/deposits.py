"""Deposits: the cheques that were taken to the bank together."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.billing.models.salts import new_salt
from apps.core.models import PracticeModel
from apps.core.querysets import BaseQuerySet
from apps.directory.models import Currency


class Deposit(PracticeModel):
    """One slip of cheques. Append-only (trigger); its payments name it, once and for all."""

    number = models.CharField(_("number"), max_length=24)
    deposited_on = models.DateField(_("deposited on"))
    currency = models.CharField(_("currency"), max_length=3, choices=Currency)
    amount = models.BigIntegerField(_("amount"))
    cheques = models.PositiveIntegerField(_("number of cheques"))
    reference = models.CharField(_("reference"), max_length=80, blank=True)
    recorded_at = models.DateTimeField(_("recorded at"))
    salt = models.CharField(max_length=32, default=new_salt, editable=False)

    audit_clear = frozenset("number deposited_on currency amount cheques recorded_at".split())
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("cheque deposit")
        verbose_name_plural = _("cheque deposits")
        default_permissions = ("add", "view")
        constraints = [
            models.UniqueConstraint(fields=["practice", "number"], name="billing_deposit_number_unique"),
            models.CheckConstraint(
                condition=Q(amount__gt=0, cheques__gte=1), name="billing_deposit_of_something"
            ),
        ]
