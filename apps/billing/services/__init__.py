"""Writes of billing, one module per use case."""

from apps.billing.services.closings import close_period
from apps.billing.services.credits import credit_invoice
from apps.billing.services.documents import (
    document_of,
    hand_out,
    render_documents,
    send_document,
    structured,
)
from apps.billing.services.drafts import create_draft, delete_draft, update_draft
from apps.billing.services.issuing import issue_invoice
from apps.billing.services.lines import LineInput
from apps.billing.services.payments import record_payment
from apps.billing.services.refunds import refund_payment
from apps.billing.services.shares import ShareInput

__all__ = [
    "LineInput",
    "ShareInput",
    "close_period",
    "create_draft",
    "credit_invoice",
    "delete_draft",
    "document_of",
    "hand_out",
    "issue_invoice",
    "record_payment",
    "refund_payment",
    "render_documents",
    "send_document",
    "structured",
    "update_draft",
]
