"""Practices, their people, rooms and hours, and the insurers of the network."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from phonenumber_field.modelfields import PhoneNumberField

from apps.core.fields import EncryptedTextField
from apps.core.models import BaseModel, PracticeModel, SoftDeleteModel
from apps.core.querysets import BaseQuerySet
from apps.directory.identifiers import masked_account, validate_rpps, validate_siret, validate_timezone
from apps.directory.querysets import (
    InsurerQuerySet,
    OpeningHoursQuerySet,
    PracticeQuerySet,
    RoomQuerySet,
    SettingsQuerySet,
)

hex_color = RegexValidator(r"^#[0-9a-fA-F]{6}$", _("A colour is written as #rrggbb."))


class Currency(models.TextChoices):
    """Currencies a practice or an insurer keeps its books in (ISO 4217)."""

    EUR = "EUR", _("euro")
    TND = "TND", _("Tunisian dinar")


HOME_ZONES = {Currency.EUR.value: "Europe/Paris", Currency.TND.value: "Africa/Tunis"}


class Practice(BaseModel):
    """A place of care: a dental practice, or another provider of the network."""

    class Kind(models.TextChoices):
        DENTAL = "dental", _("dental practice")
        MEDICAL = "medical", _("medical practice")
        PHARMACY = "pharmacy", _("pharmacy")
        LABORATORY = "laboratory", _("laboratory")
        CLINIC = "clinic", _("clinic")

    class VatStatus(models.TextChoices):
        EXEMPT = "exempt", _("exempt acts only")
        FRANCHISE = "franchise", _("below the small-business threshold (art. 293 B CGI)")
        LIABLE = "liable", _("liable for VAT on taxed acts")

    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.DENTAL)
    license_no = models.CharField(_("licence number"), max_length=40, blank=True)
    speciality = models.CharField(_("speciality"), max_length=80, blank=True)
    legal_form = models.CharField(_("legal form"), max_length=60, blank=True)
    tax_id = models.CharField(_("tax number"), max_length=32, blank=True)
    siret = models.CharField("SIRET", max_length=14, blank=True, validators=[validate_siret])
    vat_status = models.CharField(_("VAT status"), max_length=10, choices=VatStatus, default=VatStatus.LIABLE)
    address = models.CharField(_("address"), max_length=200, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=12, blank=True)
    city = models.CharField(_("city"), max_length=80, blank=True)
    country = models.CharField(_("country"), max_length=2, default="FR")
    lat = models.DecimalField(_("latitude"), max_digits=9, decimal_places=6, null=True, blank=True)
    lng = models.DecimalField(_("longitude"), max_digits=9, decimal_places=6, null=True, blank=True)
    phone = PhoneNumberField(_("phone"), blank=True)
    email = models.EmailField(_("email"), blank=True)
    timezone = models.CharField(
        _("time zone"), max_length=40, default="Europe/Paris", validators=[validate_timezone]
    )
    currency = models.CharField(_("currency"), max_length=3, choices=Currency, default=Currency.EUR)
    is_active = models.BooleanField(_("in use"), default=True)

    audit_clear = frozenset(
        "name kind license_no speciality legal_form tax_id siret vat_status address postal_code city country "
        "lat lng phone email timezone currency is_active".split()
    )
    objects = PracticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("practice")
        verbose_name_plural = _("practices")
        constraints = [
            models.UniqueConstraint(
                "license_no", name="directory_practice_license_unique", condition=~Q(license_no="")
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """Time zone of the practice's wall clock."""
        return ZoneInfo(self.timezone)

    @property
    def practice_id(self):  # type: ignore[no-untyped-def]  # UUID; a practice is its own scope
        """A practice owns itself."""
        return self.pk


class BankAccount(PracticeModel):
    """Where a practice is paid; insurers see it on the reconciliations by which they pay it, and nowhere else."""

    iban = EncryptedTextField(
        _("account"),
        context="directory.bank_account.iban",
        max_length=34,
        help_text=_("IBAN, or a Tunisian RIB of 20 digits."),
    )

    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("bank account")
        verbose_name_plural = _("bank accounts")
        default_permissions = ("view", "add", "change")
        constraints = [
            models.UniqueConstraint(
                "practice",
                name="directory_bankaccount_once",
                violation_error_message=_("This practice has an account already: change it."),
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def masked(self) -> str:
        """The account as it is shown to those who do not pay to it."""
        return masked_account(self.iban)


class Room(PracticeModel, SoftDeleteModel):
    """A chair or a room in which a visit takes place; past visits keep one that was taken out of use."""

    class Kind(models.TextChoices):
        TREATMENT = "treatment", _("treatment room")
        SURGERY = "surgery", _("surgical room")
        IMAGING = "imaging", _("imaging room")
        ORTHODONTIC = "orthodontic", _("orthodontic chair")
        OFFICE = "office", _("consultation office")

    name = models.CharField(_("name"), max_length=60)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.TREATMENT)
    color = models.CharField(_("colour"), max_length=7, default="#64748b", validators=[hex_color])
    equipment = models.JSONField(_("equipment"), default=list, blank=True)
    position = models.PositiveSmallIntegerField(_("order on screen"), default=0)
    is_active = models.BooleanField(_("in use"), default=True)

    audit_clear = frozenset("name kind color equipment position is_active deleted_at".split())
    objects = RoomQuerySet.as_manager()

    class Meta:
        verbose_name = _("room")
        verbose_name_plural = _("rooms")
        constraints = [
            models.UniqueConstraint(
                "practice",
                "name",
                name="directory_room_name_unique",
                condition=Q(deleted_at__isnull=True),
                violation_error_message=_("There is already a room of this name."),
            )
        ]

    def __str__(self) -> str:
        return self.name


class Practitioner(PracticeModel):
    """Somebody who treats patients, or assists; whether they log in is their user account's business."""

    class Kind(models.TextChoices):
        PRACTITIONER = "practitioner", _("practitioner")
        HYGIENIST = "hygienist", _("hygienist")
        ASSISTANT = "assistant", _("assistant")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.PRACTITIONER)
    title = models.CharField(_("title"), max_length=20, blank=True)
    first_name = models.CharField(_("first name"), max_length=80)
    last_name = models.CharField(_("last name"), max_length=80)
    speciality = models.CharField(_("speciality"), max_length=80, blank=True)
    rpps = models.CharField("RPPS", max_length=11, blank=True, validators=[validate_rpps])
    am_number = models.CharField(_("health-insurance number (AM)"), max_length=12, blank=True)
    color = models.CharField(_("colour"), max_length=7, default="#2563eb", validators=[hex_color])
    default_room = models.ForeignKey(
        Room, verbose_name=_("usual room"), on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    is_active = models.BooleanField(_("in use"), default=True)

    audit_clear = frozenset("kind title speciality rpps am_number color is_active".split())
    objects = SettingsQuerySet.as_manager()

    class Meta:
        verbose_name = _("practitioner")
        verbose_name_plural = _("practitioners")
        indexes = [models.Index("practice", "kind", "last_name", name="directory_practitioner_list")]
        constraints = [
            models.UniqueConstraint(
                "practice", "rpps", name="directory_practitioner_rpps_unique", condition=~Q(rpps="")
            )
        ]

    def __str__(self) -> str:
        return self.display_name

    @property
    def display_name(self) -> str:
        """Name as colleagues and patients read it."""
        return " ".join(part for part in (self.title, self.first_name, self.last_name) if part)


class OpeningHours(PracticeModel):
    """One stretch of a weekday in which the practice, or one practitioner, receives; wall-clock times."""

    class Weekday(models.IntegerChoices):
        MONDAY = 1, _("Monday")
        TUESDAY = 2, _("Tuesday")
        WEDNESDAY = 3, _("Wednesday")
        THURSDAY = 4, _("Thursday")
        FRIDAY = 5, _("Friday")
        SATURDAY = 6, _("Saturday")
        SUNDAY = 7, _("Sunday")

    practitioner = models.ForeignKey(
        Practitioner,
        verbose_name=_("practitioner"),
        help_text=_("Empty: the hours of the practice itself."),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="opening_hours",
    )
    weekday = models.PositiveSmallIntegerField(
        _("weekday"), choices=Weekday, validators=[MinValueValidator(1), MaxValueValidator(7)]
    )
    opens_at = models.TimeField(_("opens at"))
    closes_at = models.TimeField(_("closes at"))
    valid_from = models.DateField(_("in force from"), null=True, blank=True)
    valid_until = models.DateField(_("in force until (excluded)"), null=True, blank=True)

    audit_clear = frozenset("practitioner weekday opens_at closes_at valid_from valid_until".split())
    objects = OpeningHoursQuerySet.as_manager()

    class Meta:
        verbose_name = _("opening hours")
        verbose_name_plural = _("opening hours")
        indexes = [models.Index("practice", "practitioner", "weekday", name="directory_hours_lookup")]
        constraints = [
            models.CheckConstraint(
                condition=Q(opens_at__lt=F("closes_at")), name="directory_hours_open_before_close"
            ),
            models.CheckConstraint(condition=Q(weekday__range=(1, 7)), name="directory_hours_weekday"),
            models.CheckConstraint(
                condition=Q(valid_from__isnull=True)
                | Q(valid_until__isnull=True)
                | Q(valid_from__lt=F("valid_until")),
                name="directory_hours_validity",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens_at:%H:%M}-{self.closes_at:%H:%M}"


class Insurer(BaseModel, SoftDeleteModel):
    """A payer: a mandatory scheme or a complementary insurer."""

    class Kind(models.TextChoices):
        MANDATORY = "mandatory", _("mandatory scheme")
        COMPLEMENTARY = "complementary", _("complementary insurer")

    name = models.CharField(_("name"), max_length=120)
    code = models.CharField(_("short code"), max_length=20, unique=True)
    kind = models.CharField(_("kind"), max_length=14, choices=Kind, default=Kind.COMPLEMENTARY)
    tax_id = models.CharField(_("tax number"), max_length=32, blank=True)
    address = models.CharField(_("address"), max_length=200, blank=True)
    phone = PhoneNumberField(_("phone"), blank=True)
    email = models.EmailField(_("email"), blank=True)
    currency = models.CharField(_("currency"), max_length=3, choices=Currency, default=Currency.EUR)
    config = models.JSONField(
        _("rules"),
        default=dict,
        blank=True,
        help_text=_("How claims are filed, reviewed and reconciled; checked against a JSON Schema."),
    )
    is_active = models.BooleanField(_("in use"), default=True)

    audit_clear = frozenset(
        "name code kind tax_id address phone email currency config is_active deleted_at".split()
    )
    objects = InsurerQuerySet.as_manager()

    class Meta:
        verbose_name = _("insurer")
        verbose_name_plural = _("insurers")

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        """Time zone in which the insurer's days begin: its own choice, else that of its currency's country."""
        return ZoneInfo(self.config.get("timezone") or HOME_ZONES.get(self.currency, "Europe/Paris"))

    @property
    def insurer_id(self):  # type: ignore[no-untyped-def]  # UUID; an insurer is its own scope
        """An insurer owns itself."""
        return self.pk
