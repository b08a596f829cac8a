"""What billing forbids the apps below it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.billing.models import InvoiceItem
from apps.clinical.models import Treatment
from apps.core.errors import DomainError


class TreatmentBilled(DomainError):
    """An invoice, draft or issued, holds the treatment."""

    code = "TREATMENT_BILLED"
    message = _("This treatment is on an invoice. Take it off the draft or credit the invoice first.")


def keep_billed(treatment: Treatment) -> None:
    """Refuse to cancel what is billed; the caller holds the treatment's lock, which drafts take as well."""
    item = InvoiceItem.objects.holding().filter(treatment=treatment).first()
    if item is not None:
        raise TreatmentBilled(invoice=str(item.invoice_id))
