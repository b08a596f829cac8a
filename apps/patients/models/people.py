"""Patients and households."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, GistIndex, OpClass
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from apps.core.crypto import INDEX_LENGTH
from apps.core.fields import EncryptedTextField
from apps.core.models import PracticeModel
from apps.core.querysets import BaseQuerySet
from apps.directory.models import Practitioner
from apps.patients.identifiers import mask_national_id, validate_phone
from apps.patients.querysets import PatientQuerySet


class Language(models.TextChoices):
    """Languages messages are written in."""

    FR = "fr", _("French")
    EN = "en", _("English")


def name_in_use(first_name: str, last_name: str) -> str:
    """Return a name as a practice says it: `Jeanne MARTIN`."""
    return f"{first_name} {last_name.upper()}".strip()


def name_words() -> Func:
    """Return the expression of the words in a patient's name, as the index holds it."""
    bare = Func("search_text", function="btrim")
    return Func(bare, Value(" "), function="string_to_array", output_field=ArrayField(models.TextField()))


class Household(PracticeModel):
    """People who live together and settle each other's bills."""

    name = models.CharField(_("name"), max_length=120)
    guarantor = models.ForeignKey(
        "patients.Patient",
        verbose_name=_("who pays"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="guaranteed_households",
    )

    audit_clear = frozenset({"guarantor"})
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("household")
        verbose_name_plural = _("households")
        indexes = [models.Index("practice", "name", name="patients_household_list")]

    def __str__(self) -> str:
        return f"household:{self.pk}"


class Patient(PracticeModel):
    """A person in the practice's files: civil identity, how to reach them, what they want."""

    class Sex(models.TextChoices):
        FEMALE = "female", _("female")
        MALE = "male", _("male")
        UNKNOWN = "unknown", _("not known")

    class Status(models.TextChoices):
        ACTIVE = "active", _("active")
        INACTIVE = "inactive", _("inactive")
        ARCHIVED = "archived", _("archived")
        DECEASED = "deceased", _("deceased")
        PROSPECTIVE = "prospective", _("prospective")

    class IdentityStatus(models.TextChoices):
        PROVISIONAL = "provisional", _("provisional")
        VALIDATED = "validated", _("validated against an identity document")
        RETRIEVED = "retrieved", _("retrieved from the national service")
        QUALIFIED = "qualified", _("qualified")

    file_number = models.PositiveIntegerField(_("file number"), editable=False)
    first_name = models.CharField(_("first name"), max_length=80)
    last_name = models.CharField(_("name in use"), max_length=80)
    birth_name = models.CharField(_("birth name"), max_length=80, blank=True)
    birth_date = models.DateField(_("birth date"), null=True, blank=True)
    sex = models.CharField(_("sex"), max_length=8, choices=Sex, default=Sex.UNKNOWN)
    national_id = EncryptedTextField(
        _("national health identifier (NIR or INS)"),
        context="patients.patient.national_id",
        null=True,
        blank=True,
        max_length=20,
    )
    national_id_hash = models.CharField(max_length=INDEX_LENGTH, null=True, blank=True, editable=False)
    identity_status = models.CharField(
        _("identity"), max_length=12, choices=IdentityStatus, default=IdentityStatus.PROVISIONAL
    )

    email = models.EmailField(_("email"), blank=True)
    phone = models.CharField(_("phone"), max_length=16, blank=True, validators=[validate_phone])
    phone_secondary = models.CharField(
        _("second phone"), max_length=16, blank=True, validators=[validate_phone]
    )
    address = models.CharField(_("address"), max_length=200, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=12, blank=True)
    city = models.CharField(_("city"), max_length=80, blank=True)
    country = models.CharField(_("country"), max_length=2, blank=True)
    language = models.CharField(_("language"), max_length=2, choices=Language, default=Language.FR)
    profession = models.CharField(_("profession"), max_length=80, blank=True)
    household = models.ForeignKey(
        Household,
        verbose_name=_("household"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="members",
    )
    practitioner = models.ForeignKey(
        Practitioner,
        verbose_name=_("treating practitioner"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    referred_by = models.CharField(_("referred by"), max_length=120, blank=True)

    status = models.CharField(_("status"), max_length=12, choices=Status, default=Status.ACTIVE)
    do_not_contact = models.BooleanField(_("do not contact"), default=False)
    reminder_sms = models.BooleanField(_("reminders by SMS"), default=True)
    reminder_email = models.BooleanField(_("reminders by email"), default=True)
    tags = ArrayField(
        models.CharField(max_length=40), verbose_name=_("tags"), default=list, blank=True, size=20
    )
    comment = models.CharField(
        _("front desk note"),
        max_length=500,
        blank=True,
        help_text=_("Nothing clinical: everybody at the practice reads this."),
    )
    restricted_at = models.DateTimeField(
        _("restricted since"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("Only the practice's administrator still sees the file."),
    )
    merged_into = models.ForeignKey(
        "self",
        verbose_name=_("merged into"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="merged_records",
    )

    # Made in Python (`search.py`), so that what is stored and what is typed are normalised by one function.
    search_text = models.TextField(editable=False, default="")
    # Code-point order on every server: beginnings are then ranges of the index.
    sort_name = models.CharField(max_length=260, editable=False, default="", db_collation="C")

    audit_clear = frozenset(
        "file_number identity_status language household practitioner status do_not_contact reminder_sms reminder_email "
        "restricted_at merged_into".split()
    )
    objects = PatientQuerySet.as_manager()

    class Meta:
        verbose_name = _("patient")
        verbose_name_plural = _("patients")
        permissions = [
            ("merge_patient", "Can merge two records of one patient"),
            ("export_patient", "Can export the patient list"),
            ("import_patient", "Can import a list of patients"),
            ("view_restricted_patient", "Can view restricted patients"),
        ]
        indexes = [
            models.Index("practice", "sort_name", "id", name="patients_patient_list"),
            models.Index("practice", "status", "sort_name", "id", name="patients_patient_status"),
            models.Index("practice", "birth_date", "sort_name", name="patients_patient_birth"),
            # Few files are restricted; lists of messages leave out what is about them.
            models.Index("practice", name="patients_restricted", condition=Q(restricted_at__isnull=False)),
            models.Index("practice", "phone", name="patients_patient_phone", condition=~Q(phone="")),
            models.Index(
                "practice",
                "phone_secondary",
                name="patients_patient_phone2",
                condition=~Q(phone_secondary=""),
            ),
            models.Index("practice", "email", name="patients_patient_email", condition=~Q(email="")),
            models.Index(
                "practice",
                "national_id_hash",
                name="patients_patient_national_id",
                condition=Q(national_id_hash__isnull=False),
            ),
            # Whole words answer almost every question; beginnings of one or two letters take the other.
            GinIndex(name_words(), name="patients_patient_words"),
            GinIndex(OpClass(F("search_text"), name="gin_trgm_ops"), name="patients_patient_search"),
        ]
        constraints = [
            models.UniqueConstraint("practice", "file_number", name="patients_patient_file_number"),
            models.CheckConstraint(
                condition=Q(merged_into__isnull=True) | ~Q(merged_into=F("id")),
                name="patients_patient_not_merged_into_self",
            ),
        ]

    def __str__(self) -> str:
        return f"patient:{self.pk}"

    @property
    def display_name(self) -> str:
        """First name and name in use, as `Jeanne MARTIN`."""
        return name_in_use(self.first_name, self.last_name)

    @property
    def national_id_masked(self) -> str:
        """The national identifier with only sex and year showing, empty when there is none."""
        return mask_national_id(self.national_id) if self.national_id else ""

    @property
    def reminder_channels(self) -> tuple[str, ...]:
        """Channels on which a reminder may reach this person, the cheaper last."""
        if self.do_not_contact or self.status in {self.Status.DECEASED, self.Status.ARCHIVED}:
            return ()
        sms = ("sms",) if self.reminder_sms and self.phone else ()
        return sms + (("email",) if self.reminder_email and self.email else ())


class NameWord(models.Model):
    """A word that stands in a patient's name at one practice: what a misspelt word is compared with.

    A trigger on patients keeps it, whichever way they are written; words are never taken away, which costs a comparison
    and nothing else.
    """

    id = models.BigAutoField(primary_key=True)
    practice = models.ForeignKey(
        "directory.Practice", on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    word = models.CharField(max_length=80, db_collation="C")

    audited = False
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("word of a name")
        verbose_name_plural = _("words of names")
        default_permissions = ()
        indexes = [
            GistIndex(
                F("practice"),
                OpClass(F("word"), name="gist_trgm_ops(siglen=64)"),
                name="patients_nameword_near",
            ),
        ]
        constraints = [models.UniqueConstraint("practice", "word", name="patients_nameword_once")]

    def __str__(self) -> str:
        return f"name-word:{self.pk}"
