"""Training mode: when it was switched, by whom, and what was practised with."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.models import PracticeModel
from apps.core.querysets import BaseQuerySet


class TrainingSwitch(PracticeModel):
    """One switch of a practice's training mode, on or off; the latest says how it is. Append-only (trigger) and chained.

    Switching off tells how many specimens were issued meanwhile and what they came to, so that a takings' day with the
    mode on stands in the ledger for whoever checks it.
    """

    turned_on = models.BooleanField(_("training mode on"))
    reason = models.CharField(_("reason"), max_length=200)
    switched_at = models.DateTimeField(_("switched at"))
    switched_by = models.UUIDField(_("switched by"), null=True, blank=True, editable=False)
    documents = models.PositiveIntegerField(_("specimens issued"), default=0, editable=False)
    amount = models.BigIntegerField(_("total of the specimens"), default=0, editable=False)
    payments = models.BigIntegerField(_("payments practised"), default=0, editable=False)

    audit_clear = frozenset("turned_on reason switched_at switched_by documents amount payments".split())
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("switch of the training mode")
        verbose_name_plural = _("training mode")
        default_permissions = ("add", "view")
        indexes = [models.Index(fields=["practice", "-id"], name="billing_training_latest")]
