"""Files of issued documents: the metadata, and the job that makes them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.billing.models.invoices import Invoice
from apps.billing.models.payments import Payment
from apps.billing.models.quotes import Quote
from apps.core.jobs import LeasedJob
from apps.core.models import PracticeModel
from apps.core.querysets import BaseQuerySet


class BillingDocument(PracticeModel):
    """One file of an invoice, a credit note or a quote: its bytes are stored once, under a key known beforehand."""

    class Kind(models.TextChoices):
        INVOICE = "invoice", _("invoice")
        CREDIT_NOTE = "credit_note", _("credit note")
        QUOTE = "quote", _("quote")
        RECEIPT = "receipt", _("receipt")

    invoice = models.ForeignKey(
        Invoice,
        verbose_name=_("invoice"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="documents",
    )
    quote = models.ForeignKey(
        Quote,
        verbose_name=_("quote"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="documents",
    )
    payment = models.ForeignKey(
        Payment,
        verbose_name=_("payment"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="documents",
    )
    # A payment has no number of its own: its receipt takes the one it has in the accounts.
    receipt_number = models.CharField(_("receipt number"), max_length=24, blank=True)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    language = models.CharField(_("language"), max_length=2)
    storage_key = models.CharField(_("storage key"), max_length=120, unique=True)
    content_type = models.CharField(_("content type"), max_length=60, default="application/pdf")
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    size = models.PositiveIntegerField(_("size in bytes"), null=True, blank=True)
    rendered_at = models.DateTimeField(_("rendered at"), null=True, blank=True)
    copies = models.PositiveIntegerField(_("times handed out"), default=0)
    duplicates = models.PositiveIntegerField(_("duplicates made"), default=0)

    audit_clear = frozenset(
        "kind language storage_key content_type sha256 size rendered_at copies duplicates".split()
    )
    objects = BaseQuerySet.as_manager()

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["invoice", "kind"], name="billing_document_once"),
            models.UniqueConstraint(fields=["quote"], name="billing_document_quote_once"),
            models.CheckConstraint(
                condition=Q(
                    kind="quote",
                    quote__isnull=False,
                    invoice__isnull=True,
                    payment__isnull=True,
                    receipt_number="",
                )
                | Q(
                    ~Q(receipt_number=""),
                    kind="receipt",
                    payment__isnull=False,
                    invoice__isnull=True,
                    quote__isnull=True,
                )
                | Q(
                    ~Q(kind__in=["quote", "receipt"]),
                    invoice__isnull=False,
                    quote__isnull=True,
                    payment__isnull=True,
                    receipt_number="",
                ),
                name="billing_document_of_one",
            ),
            models.UniqueConstraint(fields=["payment", "language"], name="billing_document_receipt_once"),
            models.CheckConstraint(
                condition=Q(rendered_at__isnull=True, sha256="", size__isnull=True)
                | Q(~Q(sha256=""), rendered_at__isnull=False, size__isnull=False),
                name="billing_document_rendered_is_known",
            ),
        ]

    @property
    def is_rendered(self) -> bool:
        """Whether the bytes are stored."""
        return self.rendered_at is not None

    @property
    def file_name(self) -> str:
        """Name of the downloaded file: the document's number."""
        return f"{self.number}.pdf"

    @property
    def number(self) -> str:
        """Number it is called by."""
        return self.receipt_number or str(self.subject.number)

    @property
    def subject(self) -> Invoice | Quote:
        """What it is the file of, a receipt excepted."""
        found = self.quote or self.invoice
        if found is None:
            raise ValueError("a document without a subject")
        return found


class RenderJob(LeasedJob):
    """The rendering of one document."""

    document = models.OneToOneField(
        BillingDocument, verbose_name=_("document"), on_delete=models.PROTECT, related_name="job"
    )

    class Meta(LeasedJob.Meta):
        abstract = False
        verbose_name = _("rendering")
        verbose_name_plural = _("renderings")
