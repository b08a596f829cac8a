"""Closings: what a day, a month or a year came to, chained like the documents it sums up."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import PracticeModel
from apps.core.querysets import BaseQuerySet
from apps.directory.models import Currency


class Closing(PracticeModel):
    """The totals of one period of a practice, and the perpetual total since its first document, never reset.

    It covers the ledger's records up to `last_sequence`, the end of the chain when it was made, that were recorded before
    `ends_at` and are not covered by the previous closing of its kind. Append-only (trigger).
    """

    class Period(models.TextChoices):
        DAY = "day", _("day")
        MONTH = "month", _("month")
        YEAR = "year", _("year")

    period = models.CharField(_("period"), max_length=5, choices=Period)
    starts_on = models.DateField(_("from"))
    ends_on = models.DateField(_("to (excluded)"))
    ends_at = models.DateTimeField(_("ends at"))
    currency = models.CharField(_("currency"), max_length=3, choices=Currency)
    invoiced = models.BigIntegerField(_("invoiced"))
    credited = models.BigIntegerField(_("credited"))
    received = models.BigIntegerField(_("received"))
    received_by_method = models.JSONField(_("received by method"), default=dict)
    cash_counted = models.BigIntegerField(_("cash counted"), null=True, blank=True)
    perpetual_total = models.BigIntegerField(_("perpetual total"))
    first_sequence = models.PositiveBigIntegerField(_("first record"))
    last_sequence = models.PositiveBigIntegerField(_("last record"))
    closed_at = models.DateTimeField(_("closed at"))

    audit_clear = frozenset(
        "period starts_on ends_on ends_at currency invoiced credited received received_by_method cash_counted "
        "perpetual_total first_sequence last_sequence closed_at".split()
    )
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("closing")
        verbose_name_plural = _("closings")
        default_permissions = ("add", "view")
        constraints = [
            models.UniqueConstraint(fields=["practice", "period", "starts_on"], name="billing_closing_once"),
            models.CheckConstraint(condition=Q(starts_on__lt=F("ends_on")), name="billing_closing_range"),
        ]

    @property
    def cash_difference(self) -> int | None:
        """What was counted beyond what should be there; nothing when nobody counted."""
        if self.cash_counted is None:
            return None
        return self.cash_counted - int(self.received_by_method.get("cash", 0))
