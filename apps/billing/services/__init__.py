"""Writes of billing, one module per use case."""

from apps.billing.services.archiving import archive_ledger
from apps.billing.services.closings import close_period
from apps.billing.services.credits import credit_invoice
from apps.billing.services.deciding import Signature, accept_quote, expire_quotes, refuse_quote
from apps.billing.services.deposits import record_deposit
from apps.billing.services.documents import (
    document_of,
    document_of_quote,
    hand_out,
    make_duplicate,
    render_documents,
    send_document,
    structured,
)
from apps.billing.services.drafts import create_draft, delete_draft, update_draft
from apps.billing.services.issuing import issue_invoice
from apps.billing.services.lines import LineInput
from apps.billing.services.payments import record_payment
from apps.billing.services.plans import agree_plan, cancel_plan
from apps.billing.services.quotes import QuoteLine, create_quote, issue_quote, update_quote
from apps.billing.services.refunds import refund_payment
from apps.billing.services.sending import send_quote
from apps.billing.services.shares import ShareInput
from apps.billing.services.training import is_training, switch_training
from apps.billing.services.transfers import move_to_patient

__all__ = [
    "LineInput",
    "QuoteLine",
    "ShareInput",
    "Signature",
    "accept_quote",
    "agree_plan",
    "archive_ledger",
    "cancel_plan",
    "close_period",
    "create_draft",
    "create_quote",
    "credit_invoice",
    "delete_draft",
    "document_of",
    "document_of_quote",
    "expire_quotes",
    "hand_out",
    "is_training",
    "issue_invoice",
    "issue_quote",
    "make_duplicate",
    "move_to_patient",
    "record_deposit",
    "record_payment",
    "refund_payment",
    "refuse_quote",
    "render_documents",
    "send_document",
    "send_quote",
    "structured",
    "switch_training",
    "update_draft",
    "update_quote",
]
