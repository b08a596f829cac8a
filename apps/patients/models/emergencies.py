"""Breaking the glass: a restricted file opened for a while, with a reason."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.core.fields import EncryptedTextField
from apps.core.models import PracticeModel
from apps.core.querysets import BaseQuerySet
from apps.patients.models.people import Patient


class EmergencyAccess(PracticeModel):
    """One practitioner's access to one restricted file, for an hour; it follows the file when two are merged."""

    patient = models.ForeignKey(
        Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="emergency_accesses"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("who"), on_delete=models.PROTECT, related_name="+"
    )
    reason = EncryptedTextField(_("reason"), context="patients.emergency_access.reason", max_length=500)
    opened_at = models.DateTimeField(_("opened at"))
    expires_at = models.DateTimeField(_("ends at"))

    audit_clear = frozenset({"patient", "user", "opened_at", "expires_at"})
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("emergency access")
        verbose_name_plural = _("emergency accesses")
        default_permissions = ("add", "view")
        indexes = [
            models.Index("user", "patient", "expires_at", name="patients_emergency_current"),
            models.Index("practice", F("opened_at").desc(), name="patients_emergency_list"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(opened_at__lt=F("expires_at")), name="patients_emergency_ends_later"
            ),
        ]

    def __str__(self) -> str:
        return f"emergency-access:{self.pk}"
