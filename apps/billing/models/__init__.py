"""Invoices and their lines, shares, payments, documents, numbers and ledger."""

from apps.billing.models.documents import BillingDocument, RenderJob
from apps.billing.models.invoices import Invoice, InvoiceItem, InvoiceShare
from apps.billing.models.ledger import LedgerRecord, NumberSeries
from apps.billing.models.payments import Payment, PaymentAllocation

__all__ = [
    "BillingDocument",
    "Invoice",
    "InvoiceItem",
    "InvoiceShare",
    "LedgerRecord",
    "NumberSeries",
    "Payment",
    "PaymentAllocation",
    "RenderJob",
]
