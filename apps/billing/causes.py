"""Whose messages billing sends: quotes and documents of patients whose file is closed to a viewer are not theirs to see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from apps.billing.models import BillingDocument, Invoice, Quote
from apps.core.scope import Viewer
from apps.patients.querysets import closed_to


def hidden_from(viewer: Viewer) -> Mapping[str, Any]:
    """Return, by cause type, the quotes and documents a viewer must not know of."""
    quotes, invoices = closed_to(viewer, Quote.objects), closed_to(viewer, Invoice.objects)
    if quotes is None:
        return {}
    files = BillingDocument.objects.filter(Q(quote__in=quotes) | Q(invoice__in=invoices))
    return {"billing.quote": quotes, "billing.billingdocument": files.order_by().values("pk")}
