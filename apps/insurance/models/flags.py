"""What the screening noticed. Providers never see any of it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import BaseModel
from apps.directory.models import Insurer
from apps.insurance.models.claims import Claim
from apps.insurance.querysets import ClaimFlagQuerySet


class ClaimFlag(BaseModel):
    """One rule that fired on one claim, with what it saw and what a reviewer thought of it."""

    class Family(models.TextChoices):
        DUPLICATE = "duplicate", _("duplicate")
        PRICE = "price", _("price")
        VOLUME = "volume", _("volume")
        CLINICAL = "clinical", _("clinical")
        GEO_TIME = "geo_time", _("place and time")
        NETWORK = "network", _("network")

    class Outcome(models.TextChoices):
        CONFIRMED = "confirmed", _("confirmed")
        FALSE_POSITIVE = "false_positive", _("false alarm")

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+"
    )
    claim = models.ForeignKey(Claim, verbose_name=_("claim"), on_delete=models.PROTECT, related_name="flags")
    rule = models.CharField(_("rule"), max_length=24)
    family = models.CharField(_("family"), max_length=10, choices=Family)
    weight = models.PositiveSmallIntegerField(_("weight"))
    points = models.PositiveSmallIntegerField(_("points that count"))
    observed = models.DecimalField(_("observed"), max_digits=18, decimal_places=3)
    threshold = models.DecimalField(_("threshold"), max_digits=18, decimal_places=3)
    evidence = models.JSONField(_("evidence (keys)"), default=dict, blank=True)
    rules_version = models.CharField(_("version of the rules"), max_length=40)
    shadow = models.BooleanField(_("on trial"), default=False)
    raised_at = models.DateTimeField(_("raised"))
    outcome = models.CharField(_("outcome"), max_length=14, choices=Outcome, null=True, blank=True)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("reviewed by"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    reviewed_at = models.DateTimeField(_("reviewed"), null=True, blank=True)

    audit_clear = frozenset(
        "rule family weight points observed threshold rules_version raised_at outcome reviewed_at".split()
    )
    objects = ClaimFlagQuerySet.as_manager()

    class Meta:
        verbose_name = _("flag")
        verbose_name_plural = _("flags")
        default_permissions = ("change", "view")
        indexes = [models.Index("insurer", "rule", "raised_at", name="insurance_flag_precision")]
        constraints = [
            models.UniqueConstraint("claim", "rule", "rules_version", name="insurance_flag_once"),
            models.CheckConstraint(
                condition=Q(points__lte=100, weight__lte=100), name="insurance_flag_points"
            ),
            models.CheckConstraint(
                condition=Q(shadow=False) | Q(points=0), name="insurance_flag_on_trial_counts_nothing"
            ),
            models.CheckConstraint(
                condition=Q(outcome__isnull=True, reviewed_at__isnull=True, reviewed_by__isnull=True)
                | Q(outcome__isnull=False, reviewed_at__isnull=False, reviewed_by__isnull=False),
                name="insurance_flag_outcome_has_author",
            ),
        ]
