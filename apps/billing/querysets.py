"""Reading invoices, shares and payments."""

from __future__ import annotations

from datetime import date
from typing import Any, Self

from django.db.models import BigIntegerField, Case, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from apps.core.querysets import BaseQuerySet
from apps.patients.querysets import OfPatientQuerySet

NOTHING = Value(0, output_field=BigIntegerField())


class InvoiceQuerySet(OfPatientQuerySet):
    """Invoices and credit notes, as visible as their patient."""

    def drafts(self) -> Self:
        """Return what is not issued yet."""
        return self.filter(status="draft")

    def issued(self) -> Self:
        """Return what has a number."""
        return self.exclude(status="draft")

    def newest_first(self) -> Self:
        """Order by creation, which the time-ordered key tells."""
        return self.order_by("-id")

    def with_details(self) -> Self:
        """Load lines, shares, what settles them, and documents, in a constant number of queries."""
        return self.select_related("patient", "practitioner", "corrects").prefetch_related(
            "items",
            "shares__insurer",
            "shares__allocations__payment",
            "shares__allocations__credit_note",
            "documents__job",
        )


class InvoiceItemQuerySet(BaseQuerySet[Any]):
    """Lines of invoices."""

    def holding(self) -> Self:
        """Return the lines that bill a treatment at present."""
        return self.filter(treatment__isnull=False, holds_treatment=True)


class InvoiceShareQuerySet(BaseQuerySet[Any]):
    """Shares, and what is left of them."""

    def with_balance(self) -> Self:
        """Annotate `paid`, `credited` and `balance`, each from the allocations."""
        paid = Sum("allocations__amount", filter=Q(allocations__payment__isnull=False))
        credited = Sum("allocations__amount", filter=Q(allocations__credit_note__isnull=False))
        return self.annotate(paid=Coalesce(paid, NOTHING), credited=Coalesce(credited, NOTHING)).annotate(
            balance=F("amount") - F("paid") - F("credited")
        )

    def owed(self) -> Self:
        """Return the shares somebody owes: those of issued invoices, not of drafts or credit notes."""
        return self.filter(invoice__kind="invoice").exclude(invoice__status="draft")


class PaymentQuerySet(OfPatientQuerySet):
    """Payments and refunds, as visible as their patient."""

    def with_unallocated(self) -> Self:
        """Annotate `unallocated`: what stands on the payer's account, refunds taken off what they refund."""
        used = (
            self.model.objects.filter(pk=OuterRef("pk")).values("pk").annotate(n=Sum("allocations__amount"))
        )
        back = (
            self.model.objects.filter(refunds=OuterRef("pk"))
            .order_by()
            .values("refunds")
            .annotate(n=Sum("amount"))
        )
        left = (
            F("amount")
            - Coalesce(Subquery(used.values("n")), NOTHING)
            + Coalesce(Subquery(back.values("n")), NOTHING)
        )
        return self.annotate(unallocated=Case(When(refunds__isnull=False, then=NOTHING), default=left))

    def newest_first(self) -> Self:
        """Order by day, then key."""
        return self.order_by("-received_on", "-id")


class QuoteQuerySet(OfPatientQuerySet):
    """Quotes, as visible as their patient."""

    def newest_first(self) -> Self:
        """Order by creation, which the time-ordered key tells."""
        return self.order_by("-id")

    def with_details(self) -> Self:
        """Load lines, decision and file in a constant number of queries."""
        return self.select_related("patient", "practitioner", "decision", "practice").prefetch_related(
            "items", "documents__job", "replaced_by"
        )

    def overdue(self, day: date) -> Self:
        """Return issued quotes whose validity ended before `day`."""
        return self.filter(status="issued", valid_until__lt=day)
