"""Gap-free numbers, and the chain in which every issued document and payment is linked to the one before."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import PracticeModel
from apps.core.querysets import BaseQuerySet


class NumberSeries(PracticeModel):
    """The last number given in a practice's series and year; its lock keeps numbers without gaps.

    Not audited by itself: every number it gives stands in an audited document or in the ledger.
    """

    series = models.CharField(_("series"), max_length=8)
    year = models.PositiveSmallIntegerField(_("year"))
    last_number = models.PositiveBigIntegerField(_("last number"), default=0)

    audited = False
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("number series")
        verbose_name_plural = _("number series")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["practice", "series", "year"], name="billing_numberseries_unique"
            ),
        ]


class LedgerRecord(PracticeModel):
    """One link of a practice's chain: SHA-256 over the previous hash and this record's canonical payload.

    The payload is the exact text that was hashed; it holds every column of the row it speaks of, personal values as
    salted digests. The hash is signed with the key named. The table is append-only (trigger) and is its own trail,
    therefore not audited.
    """

    class Kind(models.TextChoices):
        INVOICE = "invoice", _("invoice")
        CREDIT_NOTE = "credit_note", _("credit note")
        PAYMENT = "payment", _("payment")
        REFUND = "refund", _("refund")
        CLOSING = "closing", _("closing")
        DEPOSIT = "deposit", _("cheque deposit")
        TRANSFER = "transfer", _("transfer between shares")
        TRAINING = "training", _("training mode")
        ACCOUNT_USE = "account_use", _("use of money on account")

    sequence = models.PositiveBigIntegerField(_("sequence"))
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    object_id = models.UUIDField(_("object"))
    payload = models.TextField(_("payload"))
    previous_hash = models.CharField(_("previous hash"), max_length=64)
    hash = models.CharField(_("hash"), max_length=64)
    recorded_at = models.DateTimeField(_("recorded at"))
    key_id = models.CharField(_("signed with"), max_length=32, blank=True, default="")
    signature = models.CharField(_("signature"), max_length=64, blank=True, default="")

    audited = False
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("ledger record")
        verbose_name_plural = _("ledger")
        default_permissions = ("view",)
        permissions = [("export_ledger", _("Can export the accounts"))]
        constraints = [
            models.UniqueConstraint(fields=["practice", "sequence"], name="billing_ledger_sequence_unique"),
            models.UniqueConstraint(fields=["kind", "object_id"], name="billing_ledger_object_once"),
            models.CheckConstraint(condition=Q(sequence__gte=1), name="billing_ledger_sequence_from_one"),
        ]
