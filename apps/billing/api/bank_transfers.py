"""Insurers' transfers over HTTP."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.billing.api.serializers import MOST, PatientBrief
from apps.billing.bank_transfers import TransferLine, lines_of, transfers_for
from apps.billing.models import InsurerTransfer, Invoice
from apps.billing.services.bank_transfers import MOST_LINES, record_transfer
from apps.core.api.fields import PracticeTimeField, VisibleKeyField
from apps.core.api.views import BaseViewSet
from apps.directory.models import Insurer


class TransferLineOutput(serializers.Serializer[TransferLine]):
    """What the transfer paid of one invoice, and what the insurer still owes of it."""

    payment = serializers.UUIDField(source="payment.id")
    invoice = serializers.UUIDField(source="invoice.id")
    number = serializers.CharField(source="invoice.number")
    status = serializers.ChoiceField(choices=Invoice.Status.choices, source="invoice.status")
    patient = PatientBrief(source="payment.patient")
    amount = serializers.IntegerField(source="payment.amount")
    balance = serializers.IntegerField()


class TransferOutput(serializers.ModelSerializer[InsurerTransfer]):
    """A transfer as the bank told it."""

    insurer = serializers.UUIDField(source="insurer_id")
    insurer_name = serializers.CharField(source="insurer.name")
    amount = serializers.IntegerField()
    recorded_at = PracticeTimeField()
    invoices = serializers.IntegerField(help_text="How many invoices it paid.")

    class Meta:
        model = InsurerTransfer
        fields: tuple[str, ...] = (
            "id", "insurer", "insurer_name", "reference", "received_on", "amount", "currency", "recorded_at", "invoices",
        )  # fmt: skip
        read_only_fields = fields


class TransferReport(TransferOutput):
    """A transfer with its lines; those of files closed to the caller are left out."""

    lines = serializers.SerializerMethodField()

    class Meta(TransferOutput.Meta):
        fields = (*TransferOutput.Meta.fields, "lines")
        read_only_fields = fields

    @extend_schema_field(TransferLineOutput(many=True))
    def get_lines(self, transfer: InsurerTransfer) -> Any:
        """Return the lines in the order of their numbers."""
        lines: Any = lines_of(transfer)
        return TransferLineOutput(lines, many=True, context=self.context).data


class TransferLineInput(serializers.Serializer[Any]):
    """An invoice and how much of it was paid; everything the insurer owes of it when absent."""

    invoice = serializers.UUIDField()
    amount = serializers.IntegerField(min_value=1, max_value=MOST * 10, required=False, allow_null=True)


class TransferInput(serializers.Serializer[Any]):
    """One received transfer and the invoices it pays; the lines add up to its amount."""

    insurer = VisibleKeyField(Insurer)
    reference = serializers.CharField(max_length=80)
    amount = serializers.IntegerField(min_value=1, max_value=MOST * 100)
    received_on = serializers.DateField(required=False, allow_null=True)
    lines = serializers.ListField(child=TransferLineInput(), min_length=1, max_length=MOST_LINES)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Say amounts by visible invoice, in one query however many there are."""
        lines = attrs.pop("lines")
        asked = {row["invoice"]: row.get("amount") for row in lines}
        if len(asked) != len(lines):
            raise serializers.ValidationError({"lines": [_("Name each invoice once.")]})
        seen = Invoice.objects.visible_to(self.context["request"].user).filter(pk__in=list(asked))
        if seen.count() != len(asked):
            raise serializers.ValidationError({"lines": [_("This does not exist.")]})
        return {**attrs, "amounts": asked}


class TransferFilter(filters.FilterSet):
    """By insurer, reference and day (`from` and `to`, both inclusive)."""

    insurer = filters.UUIDFilter(field_name="insurer_id")
    reference = filters.CharFilter(lookup_expr="iexact")
    vars()["from"] = filters.DateFilter(field_name="received_on", lookup_expr="gte")
    to = filters.DateFilter(field_name="received_on", lookup_expr="lte")

    class Meta:
        model = InsurerTransfer
        fields: tuple[str, ...] = ()


class InsurerTransferViewSet(BaseViewSet):
    """Transfers of insurers."""

    queryset = InsurerTransfer.objects.none()
    permissions = {
        "list": "billing.view_insurertransfer",
        "retrieve": "billing.view_insurertransfer",
        "create": "billing.add_insurertransfer",
    }
    serializers = {"list": TransferOutput, "retrieve": TransferReport}
    inputs = {"create": TransferInput}
    filterset_class = TransferFilter

    def get_queryset(self) -> QuerySet[InsurerTransfer]:
        """Return what the caller sees; the lines only where they are shown."""
        return transfers_for(viewer=self.caller, with_lines=self.action != "list")

    def list(self, request: Request) -> Response:
        """List transfers, newest first."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Return one transfer with what it paid."""
        return self.answer(self.get_object())

    @extend_schema(request=TransferInput, responses={201: TransferReport})
    def create(self, request: Request) -> Response:
        """Record a transfer and settle the insurer's shares with it, all of them or none."""
        given = self.parsed()
        transfer = record_transfer(
            actor=self.caller, practice=self.caller.practice, at=timezone.now(), **given
        )
        return self.answer(self.get_queryset().get(pk=transfer.pk), status=201)
