"""Quotes (devis conventionnel): what care would cost, and what the patient decided."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.billing.querysets import QuoteQuerySet
from apps.catalog.models import Act, Tariff
from apps.clinical.models import Treatment
from apps.core.models import PracticeModel
from apps.core.querysets import BaseQuerySet
from apps.directory.models import Currency, Practitioner
from apps.patients.models import Patient


class Quote(PracticeModel):
    """An offer of care; from issue on it never changes (trigger), a new price is a new version."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        ISSUED = "issued", _("issued")
        ACCEPTED = "accepted", _("accepted")
        REFUSED = "refused", _("refused")
        EXPIRED = "expired", _("expired")
        SUPERSEDED = "superseded", _("superseded")

    class Manufacture(models.TextChoices):
        NONE = "none", _("no custom-made device")
        FRANCE = "france", _("France")
        EU = "eu", _("European Union")
        OUTSIDE_EU = "outside_eu", _("outside the European Union")

    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.DRAFT)
    number = models.CharField(_("number"), max_length=28, null=True, blank=True)
    version = models.PositiveSmallIntegerField(_("version"), default=1)
    replaces = models.ForeignKey(
        "self",
        verbose_name=_("replaces"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="replaced_by",
    )
    patient = models.ForeignKey(
        Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="quotes"
    )
    practitioner = models.ForeignKey(
        Practitioner, verbose_name=_("practitioner"), on_delete=models.PROTECT, related_name="+"
    )
    currency = models.CharField(_("currency"), max_length=3, choices=Currency)
    language = models.CharField(_("language"), max_length=2, default="fr")
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    manufacture = models.CharField(
        _("place of manufacture"), max_length=10, choices=Manufacture, default=Manufacture.NONE
    )
    subcontracted = models.BooleanField(_("made by a subcontractor"), default=False)
    total_amount = models.BigIntegerField(_("total"), default=0)
    refund_amount = models.BigIntegerField(_("refunded by the mandatory scheme"), default=0)
    remainder_amount = models.BigIntegerField(_("not refunded by the mandatory scheme"), default=0)
    issued_at = models.DateTimeField(_("issued at"), null=True, blank=True)
    issued_on = models.DateField(_("issued on"), null=True, blank=True)
    seller = models.JSONField(_("seller"), default=dict, blank=True)
    buyer = models.JSONField(_("buyer"), default=dict, blank=True)
    is_training = models.BooleanField(_("specimen"), default=False, editable=False)

    audit_clear = frozenset(
        "status number version currency language valid_until manufacture subcontracted total_amount "
        "refund_amount remainder_amount issued_at issued_on seller is_training".split()
    )
    objects = QuoteQuerySet.as_manager()

    class Meta:
        verbose_name = _("quote")
        verbose_name_plural = _("quotes")
        permissions = [
            ("issue_quote", _("Can issue a quote")),
            ("decide_quote", _("Can record what a patient decided")),
        ]
        indexes = [
            models.Index(fields=["practice", "-id"], name="billing_quote_list"),
            models.Index(fields=["patient", "-id"], name="billing_quote_patient"),
            models.Index(fields=["valid_until"], name="billing_quote_expiring", condition=Q(status="issued")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["practice", "number"], name="billing_quote_number_unique"),
            models.CheckConstraint(
                condition=Q(status="draft", number__isnull=True, issued_at__isnull=True)
                | Q(~Q(status="draft"), number__isnull=False, issued_at__isnull=False,
                    issued_on__isnull=False, valid_until__gte=F("issued_on")),
                name="billing_quote_number_from_issue_on",
            ),
            models.CheckConstraint(
                condition=Q(total_amount=F("refund_amount") + F("remainder_amount"), remainder_amount__gte=0,
                            refund_amount__gte=0),
                name="billing_quote_adds_up",
            ),
        ]  # fmt: skip

    @property
    def is_draft(self) -> bool:
        """Whether it may still be edited."""
        return self.status == self.Status.DRAFT


class QuoteItem(PracticeModel):
    """One line of the form, or the alternative with less to pay that the law wants beside it."""

    quote = models.ForeignKey(Quote, verbose_name=_("quote"), on_delete=models.CASCADE, related_name="items")
    position = models.PositiveSmallIntegerField(_("treatment no."))
    alternative_to = models.OneToOneField(
        "self",
        verbose_name=_("alternative to"),
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="alternative",
        editable=False,
    )
    act = models.ForeignKey(Act, verbose_name=_("act"), on_delete=models.PROTECT, related_name="+")
    code = models.CharField(_("code"), max_length=20)
    label = models.CharField(_("nature of the act"), max_length=200)
    tooth = models.CharField(_("tooth or area"), max_length=2, blank=True)
    surfaces = models.CharField(_("surfaces"), max_length=5, blank=True)
    material = models.CharField(_("material"), max_length=80, blank=True)
    basket = models.CharField(_("basket"), max_length=20, choices=Tariff.Basket)
    cap = models.BigIntegerField(_("highest fee"), null=True, blank=True)
    price = models.BigIntegerField(_("fee"), validators=[MinValueValidator(0)])
    device_price = models.BigIntegerField(
        _("of which sale price of the device"), null=True, blank=True, validators=[MinValueValidator(0)]
    )
    brss = models.BigIntegerField(_("reimbursement base"), default=0)
    refund_amount = models.BigIntegerField(_("refunded by the mandatory scheme"), default=0)
    remainder_amount = models.BigIntegerField(_("not refunded by the mandatory scheme"), default=0)
    is_chosen = models.BooleanField(_("chosen by the patient"), null=True, blank=True, editable=False)
    treatment = models.ForeignKey(
        Treatment,
        verbose_name=_("treatment"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="quote_items",
        editable=False,
    )

    audit_clear = frozenset(
        "position basket cap price device_price brss refund_amount remainder_amount is_chosen".split()
    )
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("quote line")
        verbose_name_plural = _("quote lines")
        constraints = [
            models.UniqueConstraint(
                fields=["quote", "position"],
                name="billing_quoteitem_position_unique",
                condition=Q(alternative_to__isnull=True),
            ),
            models.CheckConstraint(
                condition=Q(price=F("refund_amount") + F("remainder_amount"), refund_amount__gte=0,
                            remainder_amount__gte=0),
                name="billing_quoteitem_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(device_price__isnull=True) | Q(device_price__gte=0, device_price__lte=F("price")),
                name="billing_quoteitem_device_within_price",
            ),
        ]  # fmt: skip


class QuoteDecision(PracticeModel):
    """What the patient decided, bound to the very file they read. Append-only (trigger)."""

    class Decision(models.TextChoices):
        ACCEPTED = "accepted", _("accepted")
        REFUSED = "refused", _("refused")

    class Channel(models.TextChoices):
        PRACTICE = "practice", _("at the practice")
        LINK = "link", _("by the link")

    quote = models.OneToOneField(
        Quote, verbose_name=_("quote"), on_delete=models.PROTECT, related_name="decision"
    )
    decision = models.CharField(_("decision"), max_length=8, choices=Decision)
    channel = models.CharField(_("channel"), max_length=8, choices=Channel)
    signer_name = models.CharField(_("signed by"), max_length=120, blank=True)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    document_sha256 = models.CharField(_("SHA-256 of the signed file"), max_length=64, blank=True)
    decided_at = models.DateTimeField(_("decided at"))
    address = models.GenericIPAddressField(_("address"), null=True, blank=True)

    audit_clear = frozenset("decision channel document_sha256 decided_at".split())
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("decision on a quote")
        verbose_name_plural = _("decisions on quotes")
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=Q(decision="refused") | Q(~Q(document_sha256=""), ~Q(signer_name="")),
                name="billing_quotedecision_acceptance_is_signed",
            ),
        ]
