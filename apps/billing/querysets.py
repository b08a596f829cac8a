"""Reading invoices, shares and payments."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.apps import apps
from django.db.models import BigIntegerField, Case, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest

from apps.core.querysets import BaseQuerySet
from apps.patients.querysets import SEE_RESTRICTED, OfPatientQuerySet, open_to

if TYPE_CHECKING:
    from apps.core.scope import Viewer

BIG = BigIntegerField()
NOTHING = Value(0, output_field=BIG)


class InvoiceQuerySet(OfPatientQuerySet):
    """Invoices and credit notes, as visible as their patient."""

    def drafts(self) -> Self:
        """Return what is not issued yet."""
        return self.filter(status="draft")

    def issued(self) -> Self:
        """Return what has a number."""
        return self.exclude(status="draft")

    def real(self) -> Self:
        """Return all but specimens."""
        return self.filter(is_training=False)

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
            "transfers",
            "documents__job",
            "plans",
        )


class OfInvoiceQuerySet(BaseQuerySet[Any]):
    """Rows about one invoice; they are as visible as its patient. `path` leads to the invoice."""

    path: ClassVar[str] = "plan__invoice__"

    def visible_to(self, viewer: Viewer | None) -> Self:
        """Return the rows of the patients the viewer sees."""
        rows = super().visible_to(viewer)
        if viewer is not None and viewer.has_perm(SEE_RESTRICTED):
            return rows
        return rows.filter(open_to(viewer, f"{self.path}patient__"))


class InstalmentPlanQuerySet(OfInvoiceQuerySet):
    """Plans, and what is settled of them."""

    path = "invoice__"

    def open(self) -> Self:
        """Leave out what was cancelled."""
        return self.filter(cancelled_at__isnull=True)

    def with_settled(self) -> Self:
        """Annotate `paid` and `credited`: what settles the patient's share since the plan was agreed."""
        rows = apps.get_model("billing", "PaymentAllocation").objects.filter(
            share__invoice=OuterRef("invoice"), share__payer="patient"
        )
        sums = rows.order_by().values("share__invoice")
        paid = sums.filter(payment__isnull=False).annotate(n=Sum("amount")).values("n")
        credited = sums.filter(credit_note__isnull=False).annotate(n=Sum("amount")).values("n")
        return self.annotate(
            paid=Greatest(Coalesce(Subquery(paid), NOTHING) - F("paid_before"), NOTHING, output_field=BIG),
            credited=Greatest(
                Coalesce(Subquery(credited), NOTHING) - F("credited_before"), NOTHING, output_field=BIG
            ),
        )

    def late(self, today: date) -> Self:
        """Return open plans of issued invoices of which an instalment before `today` is not settled."""
        due = self.model.objects.filter(pk=OuterRef("pk"), instalments__due_on__lt=today).order_by()
        fallen = Coalesce(
            Subquery(due.values("pk").annotate(n=Sum("instalments__amount")).values("n")), NOTHING
        )
        rows = self.open().exclude(invoice__status="draft").with_settled().annotate(fallen=fallen)
        # What is credited settles the last instalments: it helps an early one only when it settles them all.
        return rows.filter(paid__lt=F("fallen"), amount__gt=F("paid") + F("credited"))

    def with_details(self) -> Self:
        """Load what a plan is shown with, in a constant number of queries."""
        return (
            self.with_settled()
            .select_related("invoice__patient", "invoice__practice")
            .prefetch_related("instalments")
        )

    def newest_first(self) -> Self:
        """Order by creation, which the time-ordered key tells."""
        return self.order_by("-id")


class ShareTransferQuerySet(OfInvoiceQuerySet):
    """Transfers between the shares of an invoice."""

    path = "invoice__"


class NetworkSettlementQuerySet(OfInvoiceQuerySet):
    """What reconciliations of the payer network came to."""

    path = "invoice__"


class InvoiceReminderQuerySet(OfInvoiceQuerySet):
    """Reminders of unpaid invoices."""

    path = "invoice__"

    def newest_first(self) -> Self:
        """Order by creation, which the time-ordered key tells."""
        return self.order_by("-id")


class InvoiceItemQuerySet(BaseQuerySet[Any]):
    """Lines of invoices."""

    def holding(self) -> Self:
        """Return the lines that bill a treatment at present."""
        return self.filter(treatment__isnull=False, holds_treatment=True)


class InvoiceShareQuerySet(BaseQuerySet[Any]):
    """Shares, and what is left of them."""

    def with_balance(self) -> Self:
        """Annotate `paid`, `credited` and `balance` from the allocations, `moved` to other shares from the transfers."""
        paid = Sum("allocations__amount", filter=Q(allocations__payment__isnull=False))
        credited = Sum("allocations__amount", filter=Q(allocations__credit_note__isnull=False))
        transfers = apps.get_model("billing", "ShareTransfer")._base_manager

        def moved(side: str) -> Coalesce:
            rows = transfers.filter(**{side: OuterRef("pk")}).order_by().values(side)
            return Coalesce(Subquery(rows.annotate(n=Sum("amount")).values("n")), NOTHING)

        return (
            self.annotate(paid=Coalesce(paid, NOTHING), credited=Coalesce(credited, NOTHING))
            .annotate(moved=moved("source") - moved("target"))
            .annotate(balance=F("amount") - F("moved") - F("paid") - F("credited"))
        )

    def owed(self) -> Self:
        """Return the shares somebody owes: those of issued invoices, not of drafts, credit notes or specimens."""
        return self.filter(invoice__kind="invoice", invoice__is_training=False).exclude(
            invoice__status="draft"
        )


class PaymentQuerySet(OfPatientQuerySet):
    """Payments and refunds, as visible as their patient."""

    def real(self) -> Self:
        """Return what was received indeed, not what was practised with."""
        return self.filter(is_training=False)

    def in_drawer(self) -> Self:
        """Return the cheques that were neither deposited nor refunded."""
        cheques = self.real().filter(method="cheque", amount__gt=0, deposit__isnull=True)
        return cheques.filter(refunded_by__isnull=True)

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
