"""Billing in the admin: invoices with their lines and shares, payments, files, numbers and ledger."""

from apps.billing.admin.bank_transfers import InsurerTransferAdmin
from apps.billing.admin.documents import (
    BillingDocumentAdmin,
    LedgerRecordAdmin,
    NumberSeriesAdmin,
)
from apps.billing.admin.invoices import InvoiceAdmin
from apps.billing.admin.network import NetworkSettlementAdmin, ShareTransferAdmin
from apps.billing.admin.payments import PaymentAdmin
from apps.billing.admin.plans import InstalmentPlanAdmin
from apps.billing.admin.quotes import QuoteAdmin
from apps.billing.admin.reminders import DunningPolicyAdmin, InvoiceReminderAdmin
from apps.billing.admin.treasury import ClosingAdmin, DepositAdmin, TrainingSwitchAdmin

__all__ = [
    "BillingDocumentAdmin",
    "ClosingAdmin",
    "DepositAdmin",
    "DunningPolicyAdmin",
    "InstalmentPlanAdmin",
    "InsurerTransferAdmin",
    "InvoiceAdmin",
    "InvoiceReminderAdmin",
    "LedgerRecordAdmin",
    "NetworkSettlementAdmin",
    "NumberSeriesAdmin",
    "PaymentAdmin",
    "QuoteAdmin",
    "ShareTransferAdmin",
    "TrainingSwitchAdmin",
]
