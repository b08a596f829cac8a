"""Who speaks for a patient, or is called for them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.models import PracticeModel
from apps.patients.identifiers import validate_phone
from apps.patients.models.people import Patient
from apps.patients.querysets import ContactQuerySet


class PatientContact(PracticeModel):
    """Somebody who speaks for the patient or is called for them."""

    class Relation(models.TextChoices):
        GUARDIAN = "guardian", _("legal guardian")
        PARENT = "parent", _("parent")
        SPOUSE = "spouse", _("spouse or partner")
        CHILD = "child", _("child")
        EMERGENCY = "emergency", _("emergency contact")
        EMPLOYER = "employer", _("employer")
        DOCTOR = "doctor", _("doctor")
        OTHER = "other", _("other")

    patient = models.ForeignKey(
        Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="contacts"
    )
    relation = models.CharField(_("relation"), max_length=10, choices=Relation)
    name = models.CharField(_("name"), max_length=160)
    phone = models.CharField(_("phone"), max_length=16, blank=True, validators=[validate_phone])
    email = models.EmailField(_("email"), blank=True)
    address = models.CharField(_("address"), max_length=200, blank=True)
    is_legal_representative = models.BooleanField(_("may decide for the patient"), default=False)
    ended_at = models.DateTimeField(_("no longer holds since"), null=True, blank=True, editable=False)

    audit_clear = frozenset({"patient", "relation", "is_legal_representative", "ended_at"})
    objects = ContactQuerySet.as_manager()

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        indexes = [
            models.Index("patient", "id", name="patients_contact_of_patient"),
            models.Index("practice", "phone", name="patients_contact_phone", condition=~Q(phone="")),
        ]

    def __str__(self) -> str:
        return f"contact:{self.pk}"
