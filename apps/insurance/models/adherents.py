"""Insured people, each known to one insurer."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.core.crypto import INDEX_LENGTH
from apps.core.fields import EncryptedTextField
from apps.core.models import BaseModel, SoftDeleteModel
from apps.directory.models import Insurer
from apps.insurance.querysets import AdherentQuerySet


class Gender(models.TextChoices):
    """How identity papers of the network say it."""

    M = "M", _("male")
    F = "F", _("female")


class Adherent(BaseModel, SoftDeleteModel):
    """A person an insurer covers; the same person at two insurers is two rows, joined by the keyed hash alone."""

    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, related_name="+", editable=False
    )
    national_id = EncryptedTextField(
        _("national identifier"), context="insurance.adherent.national_id", max_length=20
    )
    national_id_hash = models.CharField(max_length=INDEX_LENGTH, editable=False)
    first_name = models.CharField(_("first name"), max_length=80)
    last_name = models.CharField(_("last name"), max_length=80)
    date_of_birth = models.DateField(_("birth date"))
    gender = models.CharField(_("sex"), max_length=1, choices=Gender)
    phone = EncryptedTextField(
        _("phone"), context="insurance.adherent.phone", max_length=16, blank=True, default=""
    )
    email = models.EmailField(_("email"), blank=True)
    address = models.CharField(_("address"), max_length=200, blank=True)
    city = models.CharField(_("city"), max_length=80, blank=True)
    lat = models.DecimalField(
        _("latitude"),
        max_digits=9,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(-90), MaxValueValidator(90)],
    )
    lng = models.DecimalField(
        _("longitude"),
        max_digits=9,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(-180), MaxValueValidator(180)],
    )

    audit_clear = frozenset({"deleted_at"})
    objects = AdherentQuerySet.as_manager()

    class Meta:
        verbose_name = _("insured person")
        verbose_name_plural = _("insured people")
        default_permissions = ("add", "change", "view")
        indexes = [
            models.Index("insurer", "last_name", "first_name", "id", name="insurance_adherent_list"),
            # A provider asks by national identifier at every insurer at once; so does the screening.
            models.Index("national_id_hash", name="insurance_adherent_identity"),
        ]
        constraints = [
            models.UniqueConstraint(
                "insurer",
                "national_id_hash",
                name="insurance_adherent_once",
                condition=Q(deleted_at__isnull=True),
            ),
            models.CheckConstraint(
                condition=Q(lat__isnull=True, lng__isnull=True)
                | Q(lat__range=(-90, 90), lng__range=(-180, 180)),
                name="insurance_adherent_place",
                violation_error_message=_("A place has both a latitude and a longitude."),
            ),
        ]

    def __str__(self) -> str:
        return f"adherent:{self.pk}"

    @property
    def display_name(self) -> str:
        """First name and last name, as `Salma TRABELSI`."""
        return f"{self.first_name} {self.last_name.upper()}".strip()
