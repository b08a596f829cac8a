"""What moves from one payer's share of an issued invoice to another's; append-only, as the invoice never changes."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.billing.models.invoices import Invoice, InvoiceShare
from apps.billing.models.salts import new_salt
from apps.billing.querysets import ShareTransferQuerySet
from apps.core.models import PracticeModel


class ShareTransfer(PracticeModel):
    """A posted adjustment: what an insurer does not pay after all is the patient's to pay, or the other way round."""

    invoice = models.ForeignKey(
        Invoice, verbose_name=_("invoice"), on_delete=models.PROTECT, related_name="transfers"
    )
    source = models.ForeignKey(
        InvoiceShare, verbose_name=_("from"), on_delete=models.PROTECT, related_name="moved_out"
    )
    target = models.ForeignKey(
        InvoiceShare, verbose_name=_("to"), on_delete=models.PROTECT, related_name="moved_in"
    )
    amount = models.BigIntegerField(_("amount"), validators=[MinValueValidator(1)])
    reason = models.CharField(_("reason"), max_length=200)
    posted_at = models.DateTimeField(_("posted at"))
    posted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("posted by"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text=_("Empty when it follows a decision of the insurer."),
    )
    salt = models.CharField(max_length=32, default=new_salt, editable=False)

    audit_clear = frozenset("amount posted_at".split())
    objects = ShareTransferQuerySet.as_manager()

    class Meta:
        verbose_name = _("transfer between shares")
        verbose_name_plural = _("transfers between shares")
        default_permissions = ("add", "view")
        indexes = [models.Index("invoice", "id", name="billing_transfer_invoice")]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=1), name="billing_transfer_amount"),
            models.CheckConstraint(condition=~Q(source=F("target")), name="billing_transfer_of_two_shares"),
        ]
