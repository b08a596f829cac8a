"""Invoices and credit notes: header, lines, and who owes what.

A draft is edited freely and has no number. From issue on, the columns named in the freezing triggers
(migrations/0002) never change; `status` and what is paid follow the allocations.
"""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.billing.querysets import InvoiceItemQuerySet, InvoiceQuerySet, InvoiceShareQuerySet
from apps.catalog.models import Act
from apps.clinical.models import Treatment
from apps.core.fields import EncryptedTextField
from apps.core.models import PracticeModel
from apps.directory.models import Currency, Insurer, Practitioner
from apps.patients.models import Patient


class Payer(models.TextChoices):
    """Who owes a share or makes a payment."""

    PATIENT = "patient", _("patient")
    INSURER = "insurer", _("insurer")


class Invoice(PracticeModel):
    """A fee note or a credit note; amounts are positive in both, the kind gives them their sign."""

    class Kind(models.TextChoices):
        INVOICE = "invoice", _("invoice")
        CREDIT_NOTE = "credit_note", _("credit note")

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        ISSUED = "issued", _("issued")
        PARTIALLY_PAID = "partially_paid", _("partially paid")
        PAID = "paid", _("paid")
        CREDITED = "credited", _("credited")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.INVOICE)
    status = models.CharField(_("status"), max_length=14, choices=Status, default=Status.DRAFT)
    number = models.CharField(_("number"), max_length=24, null=True, blank=True)
    patient = models.ForeignKey(
        Patient, verbose_name=_("patient"), on_delete=models.PROTECT, related_name="invoices"
    )
    practitioner = models.ForeignKey(
        Practitioner, verbose_name=_("practitioner"), on_delete=models.PROTECT, related_name="+"
    )
    corrects = models.ForeignKey(
        "self",
        verbose_name=_("corrects"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="credit_notes",
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    currency = models.CharField(_("currency"), max_length=3, choices=Currency)
    language = models.CharField(_("language"), max_length=2, default="fr")
    total_amount = models.BigIntegerField(_("total"), default=0)
    net_amount = models.BigIntegerField(_("total without VAT"), default=0)
    vat_amount = models.BigIntegerField(_("VAT"), default=0)
    issued_at = models.DateTimeField(_("issued at"), null=True, blank=True)
    issued_on = models.DateField(_("issued on"), null=True, blank=True)
    seller = models.JSONField(_("seller"), default=dict, blank=True)
    buyer = models.JSONField(_("buyer"), default=dict, blank=True)
    buyer_salt = models.CharField(max_length=32, blank=True, editable=False)
    is_training = models.BooleanField(_("specimen"), default=False, editable=False)

    audit_clear = frozenset(
        "kind status number currency language total_amount net_amount vat_amount issued_at issued_on "
        "seller is_training".split()
    )
    objects = InvoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        permissions = [
            ("issue_invoice", _("Can issue an invoice")),
            ("credit_invoice", _("Can credit an invoice")),
        ]
        indexes = [
            models.Index(fields=["practice", "-id"], name="billing_invoice_list"),
            models.Index(fields=["practice", "status", "-id"], name="billing_invoice_status"),
            models.Index(fields=["practice", "issued_on"], name="billing_invoice_issued"),
            models.Index(fields=["patient", "-id"], name="billing_invoice_patient"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["practice", "number"], name="billing_invoice_number_unique"),
            models.CheckConstraint(
                condition=Q(
                    status="draft", number__isnull=True, issued_at__isnull=True, issued_on__isnull=True
                )
                | Q(
                    ~Q(status="draft"), number__isnull=False, issued_at__isnull=False, issued_on__isnull=False
                ),
                name="billing_invoice_number_from_issue_on",
            ),
            models.CheckConstraint(
                condition=Q(
                    total_amount=F("net_amount") + F("vat_amount"), net_amount__gte=0, vat_amount__gte=0
                ),
                name="billing_invoice_total_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(kind="invoice", corrects__isnull=True)
                | Q(kind="credit_note", corrects__isnull=False),
                name="billing_invoice_credit_note_corrects",
            ),
        ]

    @property
    def is_draft(self) -> bool:
        """Whether it may still be edited."""
        return self.status == self.Status.DRAFT

    @property
    def is_credit_note(self) -> bool:
        """Whether it takes back what another one asked."""
        return self.kind == self.Kind.CREDIT_NOTE


class InvoiceItem(PracticeModel):
    """One line, with its own copy of everything printed: the catalogue may change, the invoice does not."""

    invoice = models.ForeignKey(
        Invoice, verbose_name=_("invoice"), on_delete=models.CASCADE, related_name="items"
    )
    position = models.PositiveSmallIntegerField(_("line"))
    treatment = models.ForeignKey(
        Treatment,
        verbose_name=_("treatment"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="invoice_items",
    )
    holds_treatment = models.BooleanField(_("bills its treatment"), default=True, editable=False)
    act = models.ForeignKey(
        Act, verbose_name=_("act"), on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    corrects = models.ForeignKey(
        "self",
        verbose_name=_("credits the line"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="credited_by",
        editable=False,
    )
    performed_on = models.DateField(_("date of care"))
    code = models.CharField(_("code"), max_length=16, blank=True)
    label = models.CharField(_("label"), max_length=200)
    tooth = models.CharField(_("tooth or area"), max_length=2, blank=True)
    quantity = models.PositiveIntegerField(_("quantity"), default=1, validators=[MinValueValidator(1)])
    unit_price = models.BigIntegerField(_("unit price, VAT included"), validators=[MinValueValidator(0)])
    discount = models.BigIntegerField(_("discount"), default=0, validators=[MinValueValidator(0)])
    total_amount = models.BigIntegerField(_("amount"), default=0)
    net_amount = models.BigIntegerField(_("amount without VAT"), default=0)
    vat_amount = models.BigIntegerField(_("VAT"), default=0)
    vat_code = models.CharField(_("VAT code"), max_length=16)
    vat_rate_bp = models.PositiveIntegerField(_("VAT rate (basis points)"), default=0)
    vat_reason = EncryptedTextField(
        _("therapeutic reason"),
        context="billing.invoiceitem.vat_reason",
        max_length=300,
        blank=True,
        default="",
    )
    brss = models.BigIntegerField(_("reimbursement base"), null=True, blank=True)
    rate_bp = models.PositiveIntegerField(_("mandatory scheme's rate (basis points)"), null=True, blank=True)

    audit_clear = frozenset(
        "position holds_treatment performed_on quantity unit_price discount total_amount net_amount "
        "vat_amount vat_code vat_rate_bp brss rate_bp".split()
    )
    objects = InvoiceItemQuerySet.as_manager()

    class Meta:
        verbose_name = _("invoice line")
        verbose_name_plural = _("invoice lines")
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "position"], name="billing_invoiceitem_position_unique"
            ),
            models.UniqueConstraint(
                fields=["treatment"],
                name="billing_invoiceitem_treatment_billed_once",
                condition=Q(treatment__isnull=False, holds_treatment=True),
            ),
            models.CheckConstraint(
                condition=Q(quantity__gte=1, unit_price__gte=0, discount__gte=0),
                name="billing_invoiceitem_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(
                    total_amount=F("quantity") * F("unit_price") - F("discount"),
                    net_amount=F("total_amount") - F("vat_amount"),
                    total_amount__gte=0,
                    vat_amount__gte=0,
                ),
                name="billing_invoiceitem_adds_up",
            ),
        ]


class InvoiceShare(PracticeModel):
    """Who owes how much of an invoice; the shares of one invoice add up to its total."""

    class Kind(models.TextChoices):
        MANDATORY = "mandatory", _("mandatory scheme")
        COMPLEMENTARY = "complementary", _("complementary insurer")

    class Basis(models.TextChoices):
        GIVEN = "given", _("a given amount")
        RATE = "rate", _("a rate of the base")
        LUMP = "lump", _("a lump sum")
        NETWORK = "network", _("the answer of the payer network")

    invoice = models.ForeignKey(
        Invoice, verbose_name=_("invoice"), on_delete=models.CASCADE, related_name="shares"
    )
    position = models.PositiveSmallIntegerField(_("order"))
    payer = models.CharField(_("payer"), max_length=8, choices=Payer, default=Payer.PATIENT)
    insurer = models.ForeignKey(
        Insurer, verbose_name=_("insurer"), on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    kind = models.CharField(_("scheme"), max_length=14, choices=Kind, null=True, blank=True)
    amount = models.BigIntegerField(_("amount"), validators=[MinValueValidator(0)])
    # What the amount follows from; a draft computes it anew whenever its lines change.
    basis = models.CharField(_("follows from"), max_length=7, choices=Basis, default=Basis.GIVEN)
    rate_bp = models.PositiveIntegerField(_("rate of the base (basis points)"), null=True, blank=True)
    lump_amount = models.BigIntegerField(_("lump sum"), null=True, blank=True)

    audit_clear = frozenset("position payer kind amount basis rate_bp lump_amount".split())
    objects = InvoiceShareQuerySet.as_manager()

    class Meta:
        verbose_name = _("share")
        verbose_name_plural = _("shares")
        indexes = [models.Index(fields=["practice", "insurer"], name="billing_invoiceshare_insurer")]
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "position"], name="billing_invoiceshare_position_unique"
            ),
            models.UniqueConstraint(
                fields=["invoice"], name="billing_invoiceshare_one_patient", condition=Q(payer="patient")
            ),
            models.UniqueConstraint(
                fields=["invoice", "insurer", "kind"],
                name="billing_invoiceshare_insurer_once",
                condition=Q(payer="insurer"),
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="billing_invoiceshare_not_negative"),
            models.CheckConstraint(
                condition=Q(payer="patient", insurer__isnull=True, kind__isnull=True)
                | Q(payer="insurer", insurer__isnull=False, kind__isnull=False),
                name="billing_invoiceshare_insurer_named",
            ),
            models.CheckConstraint(
                condition=Q(basis="given", rate_bp__isnull=True, lump_amount__isnull=True)
                | Q(basis="network", payer="insurer", rate_bp__isnull=True, lump_amount__isnull=True)
                | Q(basis="rate", payer="insurer", lump_amount__isnull=True)
                | Q(basis="lump", payer="insurer", rate_bp__isnull=True, lump_amount__gte=0),
                name="billing_invoiceshare_terms",
            ),
        ]
