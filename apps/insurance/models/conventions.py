"""Conventions between insurers and providers, and their dated price lists."""

from __future__ import annotations

from datetime import date

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from apps.core.models import BaseModel
from apps.directory.models import Insurer, Practice
from apps.insurance.querysets import BaremeQuerySet, ConventionQuerySet


class Convention(BaseModel):
    """What an insurer and a provider agreed; the first and the last day both count."""

    class Liability(models.TextChoices):
        PATIENT = "patient", _("the patient")
        PROVIDER = "provider", _("the provider")

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+", editable=False
    )
    practice = models.ForeignKey(
        Practice, verbose_name=_("provider"), on_delete=models.PROTECT, related_name="conventions"
    )
    start_date = models.DateField(_("first day"))
    end_date = models.DateField(_("last day"), null=True, blank=True)
    excess_liability = models.CharField(
        _("who bears what exceeds the agreed price"),
        max_length=8,
        choices=Liability,
        default=Liability.PATIENT,
    )
    is_active = models.BooleanField(_("in force"), default=True)

    audit_clear = frozenset("start_date end_date excess_liability is_active".split())
    objects = ConventionQuerySet.as_manager()

    class Meta:
        verbose_name = _("convention")
        verbose_name_plural = _("conventions")
        default_permissions = ("add", "change", "view")
        indexes = [
            models.Index(fields=["insurer", "-id"], name="insurance_convention_list"),
            models.Index("practice", "insurer", name="insurance_convention_provider"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(end_date__isnull=True) | Q(start_date__lte=F("end_date")),
                name="insurance_convention_range",
                violation_error_message=_("The last day must not come before the first."),
            ),
            ExclusionConstraint(
                name="insurance_convention_no_overlap",
                expressions=[
                    (F("insurer"), RangeOperators.EQUAL),
                    (F("practice"), RangeOperators.EQUAL),
                    (
                        Func("start_date", "end_date", Value("[]"), function="daterange"),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=Q(is_active=True),
                violation_error_message=_(
                    "Another convention with this provider is in force in this period."
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"convention:{self.pk}"

    def in_force(self, day: date) -> bool:
        """Whether the convention holds on a day."""
        return self.is_active and self.start_date <= day and (self.end_date is None or day <= self.end_date)


class Bareme(BaseModel):
    """The prices of a convention from one day on; immutable but for the day a successor takes over (trigger).

    `effective_to` is excluded: it is the successor's first day.
    """

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+", editable=False
    )
    convention = models.ForeignKey(
        Convention, verbose_name=_("convention"), on_delete=models.PROTECT, related_name="baremes"
    )
    version = models.CharField(_("version"), max_length=40)
    effective_from = models.DateField(_("from"))
    effective_to = models.DateField(_("to (excluded)"), null=True, blank=True)
    content = models.JSONField(_("prices"))
    sha256 = models.CharField("SHA-256", max_length=64, editable=False)

    audit_clear = frozenset("version effective_from effective_to sha256".split())
    objects = BaremeQuerySet.as_manager()

    class Meta:
        verbose_name = _("price list")
        verbose_name_plural = _("price lists")
        default_permissions = ("add", "view")
        constraints = [
            models.UniqueConstraint("convention", "version", name="insurance_bareme_version_unique"),
            models.CheckConstraint(
                condition=Q(effective_to__isnull=True) | Q(effective_from__lt=F("effective_to")),
                name="insurance_bareme_range",
                violation_error_message=_("The end must come after the start."),
            ),
            ExclusionConstraint(
                name="insurance_bareme_no_overlap",
                expressions=[
                    (F("convention"), RangeOperators.EQUAL),
                    (
                        Func("effective_from", "effective_to", Value("[)"), function="daterange"),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                violation_error_message=_("Another price list is in force in this period."),
            ),
        ]

    def __str__(self) -> str:
        return f"bareme:{self.pk}"

    def in_force(self, day: date) -> bool:
        """Whether these prices hold on a day."""
        return self.effective_from <= day and (self.effective_to is None or day < self.effective_to)
