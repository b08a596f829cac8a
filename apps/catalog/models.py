"""Acts, their dated prices, VAT codes, and what a practice charges instead."""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from apps.catalog.querysets import ActQuerySet, CatalogueQuerySet, TariffQuerySet
from apps.catalog.teeth import validate_tooth_rule
from apps.core.models import BaseModel, PracticeModel
from apps.core.querysets import BaseQuerySet
from apps.directory.models import Practitioner

upper_code = RegexValidator(r"^[A-Z0-9][A-Z0-9_-]*$", _("A code is written in capitals and digits."))


class VatCode(BaseModel):
    """How an act is taxed, with the sentence an invoice then needs."""

    code = models.CharField(_("code"), max_length=20, unique=True, validators=[upper_code])
    label_fr = models.CharField(_("name in French"), max_length=120)
    label_en = models.CharField(_("name in English"), max_length=120)
    rate_bp = models.PositiveIntegerField(_("rate (basis points)"), validators=[MaxValueValidator(10_000)])
    mention_fr = models.CharField(_("mention on invoices, in French"), max_length=200, blank=True)
    mention_en = models.CharField(_("mention on invoices, in English"), max_length=200, blank=True)
    needs_reason = models.BooleanField(
        _("needs a recorded reason"),
        help_text=_(
            "The practitioner records the therapeutic purpose, which decides between exempt and taxed."
        ),
        default=False,
    )

    audit_clear = frozenset("code label_fr label_en rate_bp mention_fr mention_en needs_reason".split())
    objects = CatalogueQuerySet.as_manager()

    class Meta:
        verbose_name = _("VAT code")
        verbose_name_plural = _("VAT codes")
        constraints = [
            models.CheckConstraint(condition=Q(rate_bp__lte=10_000), name="catalog_vatcode_rate"),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def label(self) -> str:
        """Name in the reader's language."""
        return self.label_en if (get_language() or "").startswith("en") else self.label_fr


class Act(BaseModel):
    """A procedure of the catalogue: CCAM, NGAP or one of the house (HN)."""

    class System(models.TextChoices):
        CCAM = "CCAM", "CCAM"
        NGAP = "NGAP", "NGAP"
        HN = "HN", _("outside the nomenclature")

    class Category(models.TextChoices):
        CONSULTATION = "consultation", _("consultation")
        PREVENTION = "prevention", _("prevention")
        IMAGING = "imaging", _("imaging")
        RESTORATIVE = "restorative", _("restorative care")
        ENDODONTICS = "endodontics", _("endodontics")
        SURGERY = "surgery", _("surgery")
        PERIODONTICS = "periodontics", _("periodontics")
        PROSTHETICS_FIXED = "prosthetics_fixed", _("fixed prosthetics")
        PROSTHETICS_REMOVABLE = "prosthetics_removable", _("removable prosthetics")
        OCCLUSION = "occlusion", _("occlusion")
        IMPLANTOLOGY = "implantology", _("implantology")
        ORTHODONTICS = "orthodontics", _("orthodontics")
        AESTHETIC = "aesthetic", _("aesthetic care")
        GOODS = "goods", _("goods")

    class Family(models.TextChoices):
        NONE = "", _("none")
        CROWN_TEMPORARY = "crown_temporary", _("temporary crown")
        CROWN = "crown", _("crown")
        INLAY_CORE = "inlay_core", _("inlay core")
        BRIDGE = "bridge", _("bridge")
        DENTURE_COMPLETE = "denture_complete", _("complete denture")
        DENTURE_BOTH = "denture_both", _("complete dentures, both arches")
        DENTURE_PARTIAL = "denture_partial", _("partial denture")

    class Location(models.TextChoices):
        NO = "no", _("none")
        YES = "yes", _("a tooth")
        ARCH = "arch", _("an arch")
        SEXTANT = "sextant", _("a sextant")

    class Confidence(models.TextChoices):
        A = "A", _("official or sourced")
        B = "B", _("one source, or derived")
        C = "C", _("unsure, or estimated")
        H = "H", _("house code")
        U = "U", _("unknown")
        X = "X", _("house price")

    code = models.CharField(_("code"), max_length=20, unique=True, validators=[upper_code])
    code_system = models.CharField(_("nomenclature"), max_length=4, choices=System)
    label_fr = models.CharField(_("name in French"), max_length=200)
    label_en = models.CharField(_("name in English"), max_length=200)
    category = models.CharField(_("category"), max_length=24, choices=Category)
    family = models.CharField(
        _("family"),
        max_length=20,
        choices=Family,
        blank=True,
        default=Family.NONE,
        help_text=_("On quotes, prostheses of one family are alternatives to each other."),
    )
    requires_tooth = models.CharField(
        _("location asked for"), max_length=8, choices=Location, default=Location.NO
    )
    tooth_rule = models.CharField(
        _("allowed teeth"), max_length=80, blank=True, validators=[validate_tooth_rule]
    )
    min_surfaces = models.PositiveSmallIntegerField(
        _("fewest surfaces"), default=0, validators=[MaxValueValidator(5)]
    )
    max_surfaces = models.PositiveSmallIntegerField(
        _("most surfaces"), default=0, validators=[MaxValueValidator(5)]
    )
    duration_minutes = models.PositiveSmallIntegerField(
        _("usual minutes"), validators=[MaxValueValidator(600)]
    )
    vat_code = models.ForeignKey(
        VatCode, verbose_name=_("VAT code"), on_delete=models.PROTECT, related_name="acts"
    )
    consumables = models.JSONField(
        _("consumables"),
        default=list,
        blank=True,
        help_text=_('A list such as [{"sku": "GLOVE", "quantity": 2}].'),
    )
    code_confidence = models.CharField(
        _("trust in the code"), max_length=1, choices=Confidence, default=Confidence.C
    )
    amount_confidence = models.CharField(
        _("trust in the amounts"), max_length=1, choices=Confidence, default=Confidence.U
    )
    note = models.CharField(_("note"), max_length=300, blank=True)
    is_active = models.BooleanField(_("in use"), default=True)
    search_text = models.TextField(editable=False, default="")

    audit_clear = frozenset(
        "code code_system label_fr label_en category family requires_tooth tooth_rule min_surfaces max_surfaces "
        "duration_minutes consumables code_confidence amount_confidence note is_active search_text".split()
    )
    objects = ActQuerySet.as_manager()

    class Meta:
        verbose_name = _("act")
        verbose_name_plural = _("acts")
        indexes = [
            models.Index("category", "code", name="catalog_act_category"),
            GinIndex(OpClass(F("search_text"), name="gin_trgm_ops"), name="catalog_act_search"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(min_surfaces__lte=F("max_surfaces"), max_surfaces__lte=5),
                name="catalog_act_surfaces",
            ),
        ]

    def __str__(self) -> str:
        return self.code

    @property
    def label(self) -> str:
        """Name in the reader's language."""
        return self.label_en if (get_language() or "").startswith("en") else self.label_fr


class Tariff(BaseModel):
    """What an act costs over a range of days, and what the mandatory scheme takes as its base; EUR cents."""

    class Basket(models.TextChoices):
        OPPOSABLE = "opposable", _("opposable care")
        PREVENTION = "prevention", _("prevention")
        CONDITIONAL = "conditional", _("covered under conditions")
        RAC0 = "rac0", _("nothing left to pay (basket 1)")
        RAC_MODERE = "rac_modere", _("moderate remainder (basket 2)")
        LIBRE = "libre", _("free price (basket 3)")
        NPC = "npc", _("coded, not covered")
        HORS_NOMENCLATURE = "hors_nomenclature", _("outside the nomenclature")

    act = models.ForeignKey(Act, verbose_name=_("act"), on_delete=models.PROTECT, related_name="tariffs")
    valid_from = models.DateField(_("in force from"))
    valid_to = models.DateField(_("in force until (excluded)"), null=True, blank=True)
    price = models.PositiveBigIntegerField(_("price (cents)"))
    brss = models.PositiveBigIntegerField(
        _("reimbursement base (cents)"), null=True, blank=True, help_text=_("Empty: unknown or not covered.")
    )
    rate_bp = models.PositiveIntegerField(
        _("mandatory scheme's rate (basis points)"), default=0, validators=[MaxValueValidator(10_000)]
    )
    cap = models.PositiveBigIntegerField(_("highest price of the basket (cents)"), null=True, blank=True)
    basket = models.CharField(_("basket"), max_length=20, choices=Basket)

    audit_clear = frozenset("act valid_from valid_to price brss rate_bp cap basket".split())
    objects = TariffQuerySet.as_manager()

    class Meta:
        verbose_name = _("tariff")
        verbose_name_plural = _("tariffs")
        permissions = [("import_tariff", _("Can import the official tariffs"))]
        indexes = [models.Index(fields=["act", "-valid_from"], name="catalog_tariff_by_date")]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_from__lt=F("valid_to")),
                name="catalog_tariff_range",
                violation_error_message=_("The last day must come after the first."),
            ),
            models.CheckConstraint(condition=Q(rate_bp__lte=10_000), name="catalog_tariff_rate"),
            ExclusionConstraint(
                name="catalog_tariff_no_overlap",
                expressions=[
                    (F("act"), RangeOperators.EQUAL),
                    (
                        Func("valid_from", "valid_to", Value("[)"), function="daterange"),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                violation_error_message=_("Another price of this act is in force in this period."),
            ),
        ]

    def __str__(self) -> str:
        return f"tariff:{self.pk}"


class PracticeFee(PracticeModel):
    """What one practice charges for an act instead of the tariff's price; minor units of its currency."""

    act = models.ForeignKey(Act, verbose_name=_("act"), on_delete=models.PROTECT, related_name="fees")
    price = models.PositiveBigIntegerField(
        _("price"), validators=[MinValueValidator(0), MaxValueValidator(100_000_000)]
    )

    audit_clear = frozenset({"act", "price"})
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("practice fee")
        verbose_name_plural = _("practice fees")
        constraints = [
            models.UniqueConstraint(
                "practice",
                "act",
                name="catalog_practicefee_once",
                violation_error_message=_("This practice has a fee for this act already."),
            )
        ]

    def __str__(self) -> str:
        return f"practice-fee:{self.pk}"


class FavouriteAct(PracticeModel):
    """An act kept at hand, by one practitioner or by the whole practice (no practitioner)."""

    act = models.ForeignKey(Act, verbose_name=_("act"), on_delete=models.CASCADE, related_name="favourites")
    practitioner = models.ForeignKey(
        Practitioner,
        verbose_name=_("practitioner"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Empty: of the whole practice."),
    )

    audit_clear = frozenset({"act", "practitioner"})
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("favourite act")
        verbose_name_plural = _("favourite acts")
        default_permissions = ("add", "delete", "view")
        constraints = [
            models.UniqueConstraint(
                fields=["practice", "act", "practitioner"],
                name="catalog_favourite_once",
                nulls_distinct=False,
                violation_error_message=_("This act is a favourite already."),
            )
        ]
