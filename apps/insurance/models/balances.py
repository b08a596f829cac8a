"""What is left of a contract's limits: one locked row per limit and period, and its append-only ledger."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import BaseModel
from apps.directory.models import Insurer
from apps.insurance.models.claims import Claim
from apps.insurance.models.contracts import Contract
from apps.insurance.querysets import ContractBalanceQuerySet, InsurerSideQuerySet

WHOLE = "*"


class ContractBalance(BaseModel):
    """How much of one limit is used in one period; `scope` is `*` for the whole contract, else a kind of care.

    A deductible of the year is such a limit too, with a scope like `deductible:dental`.
    """

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+"
    )
    contract = models.ForeignKey(
        Contract, verbose_name=_("contract"), on_delete=models.PROTECT, related_name="balances"
    )
    scope = models.CharField(_("limit"), max_length=32)
    period_start = models.DateField(_("from"))
    period_end = models.DateField(_("to"))
    limit_amount = models.BigIntegerField(_("limit"), null=True, blank=True)
    used = models.BigIntegerField(_("used"), default=0)

    audited = False
    objects = ContractBalanceQuerySet.as_manager()

    class Meta:
        verbose_name = _("balance")
        verbose_name_plural = _("balances")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint("contract", "scope", "period_start", name="insurance_balance_once"),
            models.CheckConstraint(
                condition=Q(used__gte=0) & (Q(limit_amount__isnull=True) | Q(used__lte=F("limit_amount"))),
                name="insurance_balance_within_limit",
            ),
            models.CheckConstraint(
                condition=Q(period_start__lte=F("period_end")), name="insurance_balance_period"
            ),
        ]


class BalanceEntry(BaseModel):
    """One change of a balance by one claim. Append-only (trigger); a balance is the sum of its entries."""

    class Kind(models.TextChoices):
        RESERVE = "reserve", _("reserve")
        RELEASE = "release", _("release")
        REVERSAL = "reversal", _("reversal")

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+"
    )
    balance = models.ForeignKey(
        ContractBalance, verbose_name=_("balance"), on_delete=models.PROTECT, related_name="entries"
    )
    claim = models.ForeignKey(
        Claim, verbose_name=_("claim"), on_delete=models.PROTECT, related_name="balance_entries"
    )
    seq = models.PositiveSmallIntegerField(_("number"), validators=[MinValueValidator(1)])
    delta = models.BigIntegerField(_("change"))
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    made_at = models.DateTimeField(_("when"))

    audited = False
    objects = InsurerSideQuerySet.as_manager()

    class Meta:
        verbose_name = _("balance entry")
        verbose_name_plural = _("balance entries")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint("claim", "balance", "seq", name="insurance_entry_once"),
            models.CheckConstraint(condition=~Q(delta=0), name="insurance_entry_of_something"),
            models.CheckConstraint(
                condition=Q(kind="reserve", delta__gt=0) | Q(~Q(kind="reserve"), delta__lt=0),
                name="insurance_entry_sign",
            ),
        ]
