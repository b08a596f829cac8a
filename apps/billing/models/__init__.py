"""Quotes, invoices and their lines, shares, payments, documents, numbers and ledger."""

from apps.billing.models.bank_transfers import InsurerTransfer
from apps.billing.models.closings import Closing
from apps.billing.models.deposits import Deposit
from apps.billing.models.documents import BillingDocument, RenderJob
from apps.billing.models.invoices import Invoice, InvoiceItem, InvoiceShare
from apps.billing.models.ledger import LedgerRecord, NumberSeries
from apps.billing.models.payments import AccountUse, Payment, PaymentAllocation
from apps.billing.models.plans import Instalment, InstalmentPlan
from apps.billing.models.quotes import Quote, QuoteDecision, QuoteItem
from apps.billing.models.reminders import DunningPolicy, InvoiceReminder
from apps.billing.models.settlements import NetworkSettlement, SettlementJob
from apps.billing.models.training import TrainingSwitch
from apps.billing.models.transfers import ShareTransfer

__all__ = [
    "AccountUse",
    "BillingDocument",
    "Closing",
    "Deposit",
    "DunningPolicy",
    "Instalment",
    "InstalmentPlan",
    "InsurerTransfer",
    "Invoice",
    "InvoiceItem",
    "InvoiceReminder",
    "InvoiceShare",
    "LedgerRecord",
    "NetworkSettlement",
    "NumberSeries",
    "Payment",
    "PaymentAllocation",
    "Quote",
    "QuoteDecision",
    "QuoteItem",
    "RenderJob",
    "SettlementJob",
    "ShareTransfer",
    "TrainingSwitch",
]
