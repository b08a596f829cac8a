"""The decisions taken on a claim, by the engine and by people."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import EncryptedTextField
from apps.core.models import BaseModel
from apps.directory.models import Insurer
from apps.insurance.models.claims import Claim
from apps.insurance.models.conventions import Bareme
from apps.insurance.querysets import InsurerSideQuerySet


class ClaimAdjudication(BaseModel):
    """One decision on a claim: what went into it, what came out, by which engine. Append-only (trigger).

    The inputs hold no name and no national identifier in clear, and suffice to decide again.
    """

    class Kind(models.TextChoices):
        INITIAL = "initial", _("first decision")
        CONFIRM = "confirm", _("confirmation")
        REVIEW = "review", _("review")
        RESUME = "resume", _("taken up again")
        REVERSAL = "reversal", _("reversal")
        REPLAY = "replay", _("replay")

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+"
    )
    claim = models.ForeignKey(
        Claim, verbose_name=_("claim"), on_delete=models.PROTECT, related_name="adjudications"
    )
    version = models.PositiveSmallIntegerField(_("version"), validators=[MinValueValidator(1)])
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.INITIAL)
    made_at = models.DateTimeField(_("decided at"))
    decided_by = models.UUIDField(_("decided by"), null=True, blank=True)
    engine_version = models.CharField(_("version of the engine"), max_length=20)
    bareme = models.ForeignKey(
        Bareme,
        verbose_name=_("price list"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    inputs = models.JSONField(_("inputs"))
    inputs_sha256 = models.CharField(_("SHA-256 of the inputs"), max_length=64)
    result = models.JSONField(_("result"))

    audited = False
    objects = InsurerSideQuerySet.as_manager()

    class Meta:
        verbose_name = _("decision")
        verbose_name_plural = _("decisions")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint("claim", "version", name="insurance_adjudication_version_unique")
        ]


class ClaimReview(BaseModel):
    """What a person of the insurer decided, and whether a second one must agree. Append-only (trigger)."""

    class Verb(models.TextChoices):
        APPROVE = "approve", _("approve")
        REJECT = "reject", _("reject")
        BLOCK = "block", _("block")
        REVIEW = "review", _("review")

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+"
    )
    claim = models.ForeignKey(
        Claim, verbose_name=_("claim"), on_delete=models.PROTECT, related_name="reviews"
    )
    verb = models.CharField(_("decision"), max_length=7, choices=Verb)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("who"), on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(_("when"))
    reason = EncryptedTextField(
        _("reason"), context="insurance.claim_review.reason", max_length=500, blank=True, default=""
    )
    amounts = models.JSONField(_("amounts set per line"), default=dict, blank=True)
    seconds = models.OneToOneField(
        "self",
        verbose_name=_("agrees with"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="seconded_by",
    )
    is_final = models.BooleanField(_("takes effect"), default=True)

    audit_clear = frozenset("verb decided_at amounts is_final".split())
    objects = InsurerSideQuerySet.as_manager()

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        default_permissions = ("view",)
        indexes = [models.Index(fields=["claim", "-id"], name="insurance_review_claim")]
