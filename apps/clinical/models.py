"""What is done to a patient's teeth: treatments, from plan to chair."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.agenda.models import Appointment
from apps.catalog.models import Act
from apps.clinical.querysets import TreatmentQuerySet
from apps.core.fields import EncryptedTextField
from apps.core.models import PracticeModel
from apps.directory.models import Currency, Practitioner
from apps.patients.models import Patient


class Treatment(PracticeModel):
    """One act for one patient: planned, carried out or given up; whether it is billed, the invoices tell."""

    class Status(models.TextChoices):
        PLANNED = "planned", _("planned")
        DONE = "done", _("done")
        CANCELLED = "cancelled", _("cancelled")

    patient = models.ForeignKey(
        Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="treatments"
    )
    act = models.ForeignKey(Act, verbose_name=_("act"), on_delete=models.PROTECT, related_name="+")
    practitioner = models.ForeignKey(
        Practitioner, verbose_name=_("practitioner"), on_delete=models.PROTECT, related_name="treatments"
    )
    appointment = models.ForeignKey(
        Appointment,
        verbose_name=_("appointment"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="treatments",
    )
    tooth = models.CharField(_("tooth or area"), max_length=2, blank=True)
    surfaces = models.CharField(_("surfaces"), max_length=5, blank=True)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.PLANNED)
    price = models.BigIntegerField(_("price"))
    currency = models.CharField(_("currency"), max_length=3, choices=Currency)
    planned_at = models.DateTimeField(_("planned at"))
    performed_at = models.DateTimeField(_("carried out at"), null=True, blank=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    cancel_reason = EncryptedTextField(
        _("reason of the cancellation"),
        context="clinical.treatment.cancel_reason",
        max_length=500,
        blank=True,
        default="",
    )

    audit_clear = frozenset("status price currency planned_at performed_at cancelled_at".split())
    objects = TreatmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("treatment")
        verbose_name_plural = _("treatments")
        permissions = [
            ("complete_treatment", _("Can mark a treatment as carried out")),
            ("cancel_treatment", _("Can cancel a treatment")),
        ]
        indexes = [
            models.Index(fields=["practice", "patient", "-performed_at"], name="clinical_treatment_patient"),
            models.Index(fields=["practice", "status", "performed_at"], name="clinical_treatment_status"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(price__gte=0), name="clinical_treatment_price_not_negative"),
            models.CheckConstraint(
                condition=~Q(status="done") | Q(performed_at__isnull=False),
                name="clinical_treatment_done_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="cancelled") | Q(cancelled_at__isnull=False),
                name="clinical_treatment_cancelled_has_time",
            ),
        ]
