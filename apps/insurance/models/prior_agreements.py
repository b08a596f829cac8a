"""What an insurer agreed to before the care."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import BaseModel
from apps.directory.models import Insurer, Practice
from apps.insurance.models.claims import Claim
from apps.insurance.querysets import TwoSidedQuerySet


class PriorAgreement(BaseModel):
    """One act of a question that a person of the insurer agreed to; its first and last day both count.

    Append-only (trigger). What is used of it is counted from the claims that name the question.
    """

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    provider = models.ForeignKey(
        Practice, verbose_name=_("provider"), on_delete=models.PROTECT, related_name="+", db_index=False
    )
    claim = models.ForeignKey(
        Claim, verbose_name=_("question"), on_delete=models.PROTECT, related_name="prior_agreements"
    )
    code = models.CharField(_("code"), max_length=32)
    tooth = models.CharField(_("tooth or area"), max_length=2, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"))
    valid_from = models.DateField(_("first day"))
    valid_until = models.DateField(_("last day"))

    audit_clear = frozenset("code tooth quantity valid_from valid_until".split())
    objects = TwoSidedQuerySet.as_manager()

    class Meta:
        verbose_name = _("prior agreement")
        verbose_name_plural = _("prior agreements")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=Q(quantity__gte=1, valid_from__lte=F("valid_until")),
                name="insurance_prioragreement_range",
            ),
        ]
