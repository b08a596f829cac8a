"""A patient's statement: what is open, since when, and what stands on the account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import F
from django.template.loader import render_to_string
from django.utils import translation

from apps.billing.instalments import Due, owed_since
from apps.billing.models import Instalment, InstalmentPlan, InvoiceShare, Payment
from apps.billing.models.invoices import Payer
from apps.billing.plans import left_of, plan_on
from apps.billing.rendering import FOLDER, money, refuse_fetch, short, stylesheet
from apps.billing.services.snapshots import seller_of_practice
from apps.directory.models import Practice
from apps.patients.models import Patient

# Days since a debt fell due at which it passes into the next column; the first one is what is not overdue yet.
EDGES: Final = (30, 60, 90)


def column_of(due_on: date, today: date) -> int:
    """Return the column of a debt: up to 30 days, to 60, to 90, and beyond; what is due later stands in the first."""
    return sum((today - due_on).days > edge for edge in EDGES)


def ages_of(parts: Iterable[Due], today: date) -> list[int]:
    """Return what is owed in the four columns."""
    ages = [0, 0, 0, 0]
    for part in parts:
        ages[column_of(part.due_on, today)] += part.amount
    return ages


def aging(*, practice: Practice, patient_ids: Sequence[UUID], today: date) -> dict[UUID, list[int]]:
    """Return what patients themselves owe, by age in the four columns; three queries.

    An invoice ages from its issue; under a plan that was not cancelled, each instalment from its own day.
    """
    shares = InvoiceShare.objects.owed().filter(
        practice=practice, invoice__patient__in=patient_ids, payer=Payer.PATIENT
    )
    plans = open_plans(practice, patient_ids)
    ages: dict[UUID, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    rows = shares.with_balance().filter(balance__gt=0).annotate(day=F("invoice__issued_on"))
    for invoice, patient, day, balance in rows.values_list("invoice", "invoice__patient", "day", "balance"):
        parts = owed_since(balance, day, left_of(plans.get(invoice), today))
        ages[patient] = [sum(pair) for pair in zip(ages[patient], ages_of(parts, today), strict=True)]
    return dict(ages)


def open_plans(practice: Practice, patient_ids: Sequence[UUID]) -> dict[UUID, InstalmentPlan]:
    """Return the plans of issued invoices that were not cancelled, by invoice."""
    rows = InstalmentPlan.objects.open().exclude(invoice__status="draft")
    found = rows.filter(practice=practice, invoice__patient__in=patient_ids).with_details()
    return {plan.invoice_id: plan for plan in found.order_by("invoice__issued_on", "pk")}


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """One invoice the patient has not paid in full, due for so many days; every amount is already text."""

    number: str
    issued_on: str
    days: int
    share: str
    settled: str
    due: str


@dataclass(frozen=True, slots=True)
class OpenInstalment:
    """One agreed part the patient has not paid in full."""

    number: str
    due_on: str
    left: str
    late: bool


@dataclass(frozen=True, slots=True)
class Statement:
    """Everything the template shows, in the language of the patient."""

    currency: str
    language: str
    seller: dict[str, Any]
    patient: Patient
    day: str
    invoices: Sequence[OpenInvoice]
    instalments: Sequence[OpenInstalment]
    ages: Sequence[str]
    credit: str
    due: str


def statement_of(*, patient: Patient, at: datetime) -> Statement:
    """Read a patient's statement in a constant number of queries."""
    practice = patient.practice
    today = at.astimezone(practice.zone).date()
    shares = InvoiceShare.objects.owed().filter(invoice__patient=patient, payer=Payer.PATIENT).with_balance()
    rows = shares.filter(balance__gt=0).select_related("invoice").order_by("invoice__issued_on", "invoice_id")
    payments = Payment.objects.real().filter(patient=patient, payer=Payer.PATIENT).with_unallocated()
    credit = sum(payments.values_list("unallocated", flat=True))
    plans = open_plans(practice, [patient.pk])
    ages, due, invoices = [0, 0, 0, 0], 0, []
    with translation.override(patient.language):
        for row in rows:
            issued_on, balance = row.invoice.issued_on, row.balance
            parts = owed_since(balance, issued_on, left_of(plans.get(row.invoice_id), today))
            ages = [sum(pair) for pair in zip(ages, ages_of(parts, today), strict=True)]
            due += balance
            invoices.append(
                OpenInvoice(
                    number=str(row.invoice.number),
                    issued_on=short(issued_on),
                    days=max(0, (today - min(part.due_on for part in parts)).days),
                    share=money(practice, row.amount),
                    settled=money(practice, row.amount - balance),
                    due=money(practice, balance),
                )
            )
        return Statement(
            currency=practice.currency,
            language=patient.language,
            seller=seller_of_practice(practice),
            patient=patient,
            day=short(today),
            invoices=invoices,
            instalments=[
                OpenInstalment(
                    number=str(plan.invoice.number),
                    due_on=short(view.instalment.due_on),
                    left=money(practice, view.left),
                    late=view.state == Instalment.State.LATE,
                )
                for plan in plans.values()
                for view in plan_on(plan, today).instalments
                if view.left
            ],
            ages=[money(practice, amount) for amount in ages],
            credit=money(practice, credit) if credit else "",
            due=money(practice, max(0, due - credit)),
        )


def render_statement(page: Statement) -> bytes:
    """Render a statement as PDF/A; it is made anew each time and says its day."""
    # Imported late: the library loads Pango, which only workers need.
    from weasyprint import HTML

    css, fonts = stylesheet("invoice")
    with translation.override(page.language):
        html = render_to_string("billing/statement.html", {"page": page, "language": page.language})
    document = HTML(string=html, base_url=str(FOLDER), url_fetcher=refuse_fetch)
    return bytes(document.write_pdf(stylesheets=[css], font_config=fonts, pdf_variant="pdf/a-3u"))
