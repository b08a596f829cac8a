"""Filters of invoices and payments."""

from __future__ import annotations

from django_filters import rest_framework as filters

from apps.billing.models import Invoice, Payment
from apps.billing.models.invoices import Payer
from apps.billing.querysets import PaymentQuerySet


class ChoicesFilter(filters.BaseInFilter, filters.ChoiceFilter):
    """Several values of a choice, separated by commas."""


class InvoiceFilter(filters.FilterSet):
    """By patient, practitioner, status, kind, number and day of issue (`from` and `to`, both inclusive)."""

    patient = filters.UUIDFilter(field_name="patient_id")
    practitioner = filters.UUIDFilter(field_name="practitioner_id")
    status = ChoicesFilter(choices=Invoice.Status.choices)
    kind = filters.ChoiceFilter(choices=Invoice.Kind.choices)
    number = filters.CharFilter(lookup_expr="iexact")
    vars()["from"] = filters.DateFilter(field_name="issued_on", lookup_expr="gte")
    to = filters.DateFilter(field_name="issued_on", lookup_expr="lte")

    class Meta:
        model = Invoice
        fields: tuple[str, ...] = ()


class PaymentFilter(filters.FilterSet):
    """By patient, payer, insurer, method and day (`from` and `to`, both inclusive); those with money on account."""

    patient = filters.UUIDFilter(field_name="patient_id")
    payer = filters.ChoiceFilter(choices=Payer.choices)
    insurer = filters.UUIDFilter(field_name="insurer_id")
    method = filters.ChoiceFilter(choices=Payment.Method.choices)
    on_account = filters.BooleanFilter(method="filter_on_account")
    vars()["from"] = filters.DateFilter(field_name="received_on", lookup_expr="gte")
    to = filters.DateFilter(field_name="received_on", lookup_expr="lte")

    class Meta:
        model = Payment
        fields: tuple[str, ...] = ()

    def filter_on_account(self, rows: PaymentQuerySet, name: str, value: bool) -> PaymentQuerySet:
        """Keep the payments something is left of, or the others."""
        return rows.filter(unallocated__gt=0) if value else rows.filter(unallocated__lte=0)
