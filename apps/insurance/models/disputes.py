"""What is kept back of a provider, and what is disputed of a line."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.fields import EncryptedTextField
from apps.core.models import BaseModel
from apps.directory.models import Insurer, Practice
from apps.insurance.models.reconciliations import (
    Reconciliation,
    ReconciliationLine,
    ReconciliationProvider,
)
from apps.insurance.querysets import ProviderSideQuerySet


class Retention(BaseModel):
    """What is kept back of one provider under one code, computed once per reconciliation, half up."""

    class Kind(models.TextChoices):
        WITHHOLDING_TAX = "withholding_tax", _("withholding tax")
        GUARANTEE = "guarantee", _("guarantee")
        PENALTY = "penalty", _("penalty")
        RECOVERY = "recovery", _("recovery")

    class Base(models.TextChoices):
        COVERED = "covered", _("what is covered")
        NET = "net", _("what is left")

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+"
    )
    reconciliation = models.ForeignKey(
        Reconciliation, verbose_name=_("reconciliation"), on_delete=models.PROTECT, related_name="retentions"
    )
    provider_row = models.ForeignKey(
        ReconciliationProvider,
        verbose_name=_("provider's total"),
        on_delete=models.PROTECT,
        related_name="retention_rows",
    )
    provider = models.ForeignKey(
        Practice, verbose_name=_("provider"), on_delete=models.PROTECT, related_name="+"
    )
    code = models.CharField(_("code"), max_length=40)
    kind = models.CharField(_("kind"), max_length=15, choices=Kind)
    base = models.CharField(_("computed on"), max_length=7, choices=Base)
    base_amount = models.BigIntegerField(_("base"))
    rate_bp = models.PositiveIntegerField(
        _("rate (basis points)"), null=True, blank=True, validators=[MaxValueValidator(10_000)]
    )
    amount = models.BigIntegerField(_("kept back"))
    certificate_number = models.CharField(_("certificate"), max_length=60, blank=True)
    releasable_on = models.DateField(_("may be released on"), null=True, blank=True)
    released_in = models.ForeignKey(
        Reconciliation,
        verbose_name=_("released in"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="released",
    )

    audited = False
    objects = ProviderSideQuerySet.as_manager()

    class Meta:
        verbose_name = _("retention")
        verbose_name_plural = _("retentions")
        default_permissions = ("view",)
        indexes = [
            models.Index(
                "insurer",
                "releasable_on",
                name="insurance_retention_releasable",
                condition=Q(releasable_on__isnull=False, released_in__isnull=True),
            )
        ]
        constraints = [
            models.UniqueConstraint("provider_row", "code", name="insurance_retention_once"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="insurance_retention_amount"),
            models.CheckConstraint(
                condition=Q(rate_bp__isnull=True) | Q(rate_bp__lte=10_000), name="insurance_retention_rate"
            ),
        ]


class Dispute(BaseModel):
    """Somebody disagrees with a line: either side, while it is sent or up to sixty days after it was paid."""

    class Side(models.TextChoices):
        INSURER = "insurer", _("insurer")
        PROVIDER = "provider", _("provider")

    class Status(models.TextChoices):
        OPEN = "open", _("open")
        ACCEPTED = "accepted", _("accepted")
        REJECTED = "rejected", _("rejected")

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+"
    )
    provider = models.ForeignKey(
        Practice, verbose_name=_("provider"), on_delete=models.PROTECT, related_name="+"
    )
    line = models.ForeignKey(
        ReconciliationLine, verbose_name=_("line"), on_delete=models.PROTECT, related_name="disputes"
    )
    side = models.CharField(_("opened by the"), max_length=8, choices=Side)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("who"), on_delete=models.PROTECT, related_name="+"
    )
    opened_at = models.DateTimeField(_("opened"))
    reason = EncryptedTextField(_("reason"), context="insurance.dispute.reason", max_length=1000)
    document = models.CharField(_("document"), max_length=120, blank=True)
    amount = models.BigIntegerField(_("disputed"))
    withheld_amount = models.BigIntegerField(
        _("withheld"), default=0, help_text=_("Left out of the payment that was made while it was open.")
    )
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.OPEN)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("decided by"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)
    decision = EncryptedTextField(
        _("answer"), context="insurance.dispute.decision", max_length=1000, blank=True, default=""
    )
    outcome_amount = models.BigIntegerField(_("outcome"), null=True, blank=True)
    carried_to = models.ForeignKey(
        ReconciliationLine,
        verbose_name=_("carried over to"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="settles_disputes",
    )

    audit_clear = frozenset("side opened_at amount withheld_amount status decided_at outcome_amount".split())
    objects = ProviderSideQuerySet.as_manager()

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        default_permissions = ("add", "view")
        permissions = [("decide_dispute", _("Can decide a dispute"))]
        constraints = [
            models.UniqueConstraint("line", name="insurance_dispute_one_open", condition=Q(status="open")),
            models.CheckConstraint(
                condition=Q(
                    status="open",
                    decided_at__isnull=True,
                    decided_by__isnull=True,
                    outcome_amount__isnull=True,
                )
                | Q(~Q(status="open"), decided_at__isnull=False, decided_by__isnull=False),
                name="insurance_dispute_decided_is_known",
            ),
        ]
