"""Reminders of unpaid invoices over HTTP: the log, and the practice's days."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.api.serializers import PatientBrief
from apps.billing.models import DunningPolicy, InvoiceReminder
from apps.billing.models.reminders import house_days
from apps.billing.services.reminders import LONGEST, MOST_LEVELS, set_dunning
from apps.core.api.fields import PracticeTimeField
from apps.core.api.views import BaseViewSet


class ReminderOutput(serializers.ModelSerializer[InvoiceReminder]):
    """One reminder that was queued; `message` is its key among the messages."""

    invoice = serializers.UUIDField(source="invoice_id")
    number = serializers.CharField(source="invoice.number")
    patient = PatientBrief()
    plan = serializers.UUIDField(source="plan_id", allow_null=True)
    amount = serializers.IntegerField()
    queued_at = PracticeTimeField()

    class Meta:
        model = InvoiceReminder
        fields = (
            "id", "invoice", "number", "patient", "plan", "level", "channel", "amount", "is_manual", "queued_at", "message",
        )  # fmt: skip
        read_only_fields = fields


class ReminderFilter(filters.FilterSet):
    """By invoice and patient."""

    invoice = filters.UUIDFilter(field_name="invoice_id")
    patient = filters.UUIDFilter(field_name="invoice__patient_id")

    class Meta:
        model = InvoiceReminder
        fields: tuple[str, ...] = ()


class InvoiceReminderViewSet(BaseViewSet):
    """What patients were reminded of."""

    queryset = InvoiceReminder.objects.none()
    permissions = {"list": "billing.view_invoicereminder"}
    serializers = {"list": ReminderOutput}
    filterset_class = ReminderFilter

    def get_queryset(self) -> QuerySet[InvoiceReminder]:
        """Return what the caller sees."""
        rows: QuerySet[InvoiceReminder] = InvoiceReminder.objects.visible_to(self.caller).newest_first()
        return rows.select_related("invoice__patient")

    def list(self, request: Request) -> Response:
        """List reminders, newest first."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))


class DunningOutput(serializers.ModelSerializer[DunningPolicy]):
    """After how many days the practice reminds."""

    days = serializers.ListField(child=serializers.IntegerField())

    class Meta:
        model = DunningPolicy
        fields = ("days", "is_active")
        read_only_fields = fields


class DunningInput(serializers.Serializer[Any]):
    """Days since issue, each larger than the one before."""

    days = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LONGEST), min_length=1, max_length=MOST_LEVELS
    )
    is_active = serializers.BooleanField(default=True)


class DunningPolicyViewSet(BaseViewSet):
    """The practice's one rule; the house's days until it chooses its own."""

    queryset = DunningPolicy.objects.none()
    permissions = {"list": "billing.view_dunningpolicy", "create": "billing.change_dunningpolicy"}
    serializers = {"list": DunningOutput, "retrieve": DunningOutput}
    inputs = {"create": DunningInput}
    pagination_class = None

    def get_queryset(self) -> QuerySet[DunningPolicy]:
        """Return what the caller sees."""
        return DunningPolicy.objects.visible_to(self.caller)

    @extend_schema(responses=forced_singular_serializer(DunningOutput))  # type: ignore[no-untyped-call]
    def list(self, request: Request) -> Response:
        """Return the rule in force."""
        found = self.get_queryset().first() or DunningPolicy(days=house_days(), is_active=True)
        return self.answer(found)

    @extend_schema(request=DunningInput, responses={200: DunningOutput})
    def create(self, request: Request) -> Response:
        """Choose other days, or switch reminders off."""
        given = self.parsed()
        return self.answer(set_dunning(actor=self.caller, practice=self.caller.practice, **given))
