"""Visits that were booked together."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.agenda.querysets import PatientRowQuerySet
from apps.core.models import PracticeModel


class Series(PracticeModel):
    """Visits of one patient that were booked together: by a rule of recurrence, or as the steps of a plan.

    The visits are the truth, each a row like any other; the rule is what they were once made from.
    """

    patient = models.ForeignKey(
        "patients.Patient", verbose_name=_("patient"), on_delete=models.PROTECT, related_name="series"
    )
    rrule = models.CharField(_("rule (RFC 5545)"), max_length=200, blank=True)
    booked_at = models.DateTimeField(_("booked"), editable=False)

    audit_clear = frozenset({"rrule", "booked_at"})
    objects = PatientRowQuerySet.as_manager()

    class Meta:
        verbose_name = _("series of appointments")
        verbose_name_plural = _("series of appointments")
        default_permissions = ()
