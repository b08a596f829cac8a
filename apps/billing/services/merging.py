"""One person, two records: invoices, payments and quotes follow the record that is kept."""

from __future__ import annotations

from datetime import datetime

from apps.billing.models import Invoice, Payment, Quote
from apps.core.scope import Viewer
from apps.patients.models import Patient


def move_to_patient(actor: Viewer, kept: Patient, merged: Patient, at: datetime) -> None:
    """Move the keys, within the service that merges; issued documents keep the name they were issued to."""
    Invoice.objects.filter(patient=merged).update(patient=kept)
    Payment.objects.filter(patient=merged).update(patient=kept)
    Quote.objects.filter(patient=merged).update(patient=kept)
