"""Reading invoices, shares and payments."""

from __future__ import annotations

from typing import Any, Self

from django.db.models import BigIntegerField, F, Prefetch, QuerySet, Sum, Value
from django.db.models.functions import Coalesce

from apps.core.querysets import BaseQuerySet


class InvoiceQuerySet(BaseQuerySet[Any]):
    """Invoices and credit notes of a practice."""

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
        """Load lines, shares with balances, payments and documents, in a constant number of queries."""
        shares = self._related("shares").with_balance().order_by("position")  # type: ignore[attr-defined]  # ours
        return self.select_related("patient", "practitioner", "corrects").prefetch_related(
            Prefetch("items", queryset=self._related("items").order_by("position")),
            Prefetch("shares", queryset=shares),
            Prefetch("shares__allocations", queryset=_allocations(self)),
            Prefetch("documents", queryset=self._related("documents").select_related("job")),
        )

    def _related(self, name: str) -> QuerySet[Any]:
        manager = self.model._meta.get_field(name).related_model._default_manager  # type: ignore[union-attr]  # models
        return manager.all()


class InvoiceItemQuerySet(BaseQuerySet[Any]):
    """Lines of invoices."""

    def holding(self) -> Self:
        """Return the lines that bill a treatment at present."""
        return self.filter(treatment__isnull=False, holds_treatment=True)


class InvoiceShareQuerySet(BaseQuerySet[Any]):
    """Shares, and what is left of them."""

    def with_balance(self) -> Self:
        """Annotate `settled` (payments and credit notes) and `balance`."""
        zero = Value(0, output_field=BigIntegerField())
        settled = Coalesce(Sum("allocations__amount"), zero, output_field=BigIntegerField())
        return self.annotate(settled=settled).annotate(balance=F("amount") - F("settled"))

    def of_issued(self) -> Self:
        """Return the shares that somebody owes: those of issued invoices, not of drafts or credit notes."""
        return self.filter(invoice__kind="invoice").exclude(invoice__status="draft")


class PaymentQuerySet(BaseQuerySet[Any]):
    """Payments and refunds."""

    def with_unallocated(self) -> Self:
        """Annotate `unallocated`: what is on the payer's account."""
        zero = Value(0, output_field=BigIntegerField())
        used = Coalesce(Sum("allocations__amount"), zero, output_field=BigIntegerField())
        return self.annotate(unallocated=F("amount") - used)

    def newest_first(self) -> Self:
        """Order by day, then key."""
        return self.order_by("-received_on", "-id")


def _allocations(invoices: InvoiceQuerySet) -> QuerySet[Any]:
    share = invoices.model._meta.get_field("shares").related_model
    allocation = share._meta.get_field("allocations").related_model  # type: ignore[union-attr]  # models
    return allocation._default_manager.select_related("payment", "credit_note").order_by("id")  # type: ignore[union-attr]
