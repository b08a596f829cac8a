"""Warnings shown wherever the patient is."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.fields import EncryptedTextField
from apps.core.models import PracticeModel
from apps.patients.models.people import Patient
from apps.patients.querysets import AlertQuerySet


class Alert(PracticeModel):
    """A warning shown wherever the patient is: an allergy, a condition, a medication."""

    class Kind(models.TextChoices):
        ALLERGY = "allergy", _("allergy")
        CONDITION = "condition", _("condition")
        MEDICATION = "medication", _("medication")

    class Severity(models.IntegerChoices):
        LOW = 1, _("low")
        MODERATE = 2, _("moderate")
        HIGH = 3, _("high")

    class SubstanceClass(models.TextChoices):
        PENICILLIN = "penicillin", _("penicillins")
        CEPHALOSPORIN = "cephalosporin", _("cephalosporins")
        MACROLIDE = "macrolide", _("macrolides")
        OTHER_ANTIBIOTIC = "other_antibiotic", _("another antibiotic")
        NSAID = "nsaid", _("anti-inflammatory drugs (NSAID)")
        ASPIRIN = "aspirin", _("aspirin")
        OPIOID = "opioid", _("opioids")
        LOCAL_ANAESTHETIC = "local_anaesthetic", _("local anaesthetics")
        SULPHITE = "sulphite", _("sulphites")
        LATEX = "latex", _("latex")
        METAL = "metal", _("metals")
        RESIN = "resin", _("resins and acrylates")
        IODINE = "iodine", _("iodine")
        CHLORHEXIDINE = "chlorhexidine", _("chlorhexidine")
        ANTICOAGULANT = "anticoagulant", _("anticoagulants")
        ANTIPLATELET = "antiplatelet", _("antiplatelet drugs")
        BISPHOSPHONATE = "bisphosphonate", _("bisphosphonates")
        OTHER = "other", _("other")

    patient = models.ForeignKey(
        Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="alerts"
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    label = EncryptedTextField(_("what to know"), context="patients.alert.label", max_length=160)
    substance = EncryptedTextField(
        _("substance"), context="patients.alert.substance", max_length=120, null=True, blank=True
    )
    substance_class = models.CharField(
        _("class of substance"), max_length=18, choices=SubstanceClass, blank=True
    )
    severity = models.PositiveSmallIntegerField(_("severity"), choices=Severity, default=Severity.MODERATE)
    note = EncryptedTextField(
        _("note"), context="patients.alert.note", max_length=2000, null=True, blank=True
    )
    noted_on = models.DateField(_("known since"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True, editable=False)

    audit_clear = frozenset({"patient", "ended_at"})
    objects = AlertQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        indexes = [models.Index(fields=["patient", "-severity", "id"], name="patients_alert_of_patient")]

    def __str__(self) -> str:
        return f"alert:{self.pk}"
