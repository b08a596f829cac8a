"""Reconciliations to be made by a worker, and what the nightly proof found."""

from __future__ import annotations

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core.jobs import LeasedJob
from apps.core.models import BaseModel
from apps.directory.models import Currency, Insurer
from apps.insurance.models.reconciliations import Reconciliation
from apps.insurance.querysets import NetworkProofQuerySet, ReconciliationJobQuerySet


class ReconciliationJob(LeasedJob):
    """One reconciliation a worker generates; `percent` and `step` move while it is at it."""

    class Step(models.TextChoices):
        WAITING = "waiting", _("waiting")
        TAKING = "taking", _("taking the claims")
        TOTALS = "totals", _("adding up")
        LINES = "lines", _("writing the lines")
        HASHING = "hashing", _("hashing")
        FINISHED = "finished", _("finished")

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+"
    )
    period_start = models.DateField(_("first day"))
    period_end = models.DateField(_("last day"))
    currency = models.CharField(_("currency"), max_length=3, choices=Currency)
    # Whoever asked, or the clock: people leave, the row stays.
    requested_by = models.UUIDField(_("requested by"), null=True, blank=True)
    percent = models.PositiveSmallIntegerField(
        _("progress (%)"), default=0, validators=[MaxValueValidator(100)]
    )
    step = models.CharField(_("step"), max_length=8, choices=Step, default=Step.WAITING)
    reconciliation = models.ForeignKey(
        Reconciliation,
        verbose_name=_("reconciliation"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="jobs",
    )

    objects = ReconciliationJobQuerySet.as_manager()

    class Meta(LeasedJob.Meta):
        verbose_name = _("reconciliation under way")
        verbose_name_plural = _("reconciliations under way")
        default_permissions = ("view",)
        indexes = [
            *LeasedJob.Meta.indexes,
            models.Index(fields=["insurer", "-id"], name="insurance_recjob_list"),
        ]
        constraints = [
            *LeasedJob.Meta.constraints,
            models.CheckConstraint(condition=Q(percent__lte=100), name="insurance_recjob_percent"),
            models.CheckConstraint(
                condition=Q(period_start__lte=F("period_end")), name="insurance_recjob_period"
            ),
        ]


class NetworkProof(BaseModel):
    """What one proof of an insurer's books found: ledger, balances, claims and reconciliations held together."""

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+"
    )
    ran_at = models.DateTimeField(_("when"))
    seconds = models.FloatField(_("seconds"))
    is_sound = models.BooleanField(_("sound"))
    checked = models.JSONField(_("checked"), default=dict)
    findings = models.JSONField(_("discrepancies"), default=list)

    audited = False
    objects = NetworkProofQuerySet.as_manager()

    class Meta:
        verbose_name = _("proof of the network")
        verbose_name_plural = _("proofs of the network")
        default_permissions = ("view",)
        indexes = [models.Index(fields=["insurer", "-ran_at"], name="insurance_proof_latest")]
