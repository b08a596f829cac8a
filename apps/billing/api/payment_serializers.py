"""Shapes of payments, refunds and money on account; amounts are integers of the minor unit."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.billing.api.serializers import MOST
from apps.billing.models import Invoice, Payment
from apps.billing.models.invoices import Payer
from apps.billing.services.account import MOST_INVOICES
from apps.core.api.fields import PracticeTimeField, VisibleKeyField
from apps.directory.models import Insurer
from apps.patients.models import Language, Patient


class PaymentInput(serializers.Serializer[Any]):
    """Money received; an insurer need not be named when only one has a share."""

    payer = serializers.ChoiceField(choices=Payer.choices)
    insurer = VisibleKeyField(Insurer, required=False, allow_null=True)
    method = serializers.ChoiceField(choices=Payment.Method.choices)
    amount = serializers.IntegerField(min_value=1, max_value=MOST * 10)
    received_on = serializers.DateField(required=False, allow_null=True)
    reference = serializers.CharField(max_length=80, required=False, allow_blank=True)
    on_account = serializers.BooleanField(
        default=False, help_text="Put on the patient's account what is more than due."
    )
    currency = serializers.CharField(max_length=3, required=False)

    def validate_currency(self, value: str) -> str:
        """Refuse another currency than the practice's."""
        if value != self.context["request"].user.practice.currency:
            raise serializers.ValidationError(_("Payments are in the currency of the invoice."))
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Drop the currency, which is known to be right."""
        attrs.pop("currency", None)
        return attrs


class AccountPaymentInput(serializers.Serializer[Any]):
    """Money a patient pays without an invoice; `on_account` says that this is meant."""

    patient = VisibleKeyField(Patient)
    on_account = serializers.BooleanField()
    method = serializers.ChoiceField(choices=Payment.Method.choices)
    amount = serializers.IntegerField(min_value=1, max_value=MOST * 10)
    received_on = serializers.DateField(required=False, allow_null=True)
    reference = serializers.CharField(max_length=80, required=False, allow_blank=True)

    def validate_on_account(self, value: bool) -> bool:
        """Refuse a payment that is neither for an invoice nor meant for the account."""
        if not value:
            raise serializers.ValidationError(
                _("A payment without an invoice goes on the patient's account.")
            )
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Drop the mark, which has said what it is for."""
        attrs.pop("on_account")
        return attrs


class UseInput(serializers.Serializer[Any]):
    """An invoice, and how much of it; as much as is due and left when absent."""

    invoice = serializers.UUIDField()
    amount = serializers.IntegerField(min_value=1, max_value=MOST * 10, required=False, allow_null=True)


class AccountUseInput(serializers.Serializer[Any]):
    """Which invoices are settled with what is left of a payment."""

    invoices = serializers.ListField(child=UseInput(), min_length=1, max_length=MOST_INVOICES)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Say amounts by visible invoice, in one query however many there are."""
        asked = {row["invoice"]: row.get("amount") for row in attrs["invoices"]}
        if len(asked) != len(attrs["invoices"]):
            raise serializers.ValidationError({"invoices": [_("Name each invoice once.")]})
        seen = Invoice.objects.visible_to(self.context["request"].user).filter(pk__in=list(asked))
        if seen.count() != len(asked):
            raise serializers.ValidationError({"invoices": [_("This does not exist.")]})
        return {"amounts": asked}


class AllocationOutput(serializers.Serializer[Any]):
    """What a payment settles."""

    invoice = serializers.UUIDField(source="share.invoice_id")
    number = serializers.CharField(source="share.invoice.number")
    share = serializers.UUIDField(source="share_id")
    amount = serializers.IntegerField()


class PaymentOutput(serializers.ModelSerializer[Payment]):
    """A payment, or a refund (negative)."""

    patient = serializers.UUIDField(source="patient_id")
    insurer = serializers.UUIDField(source="insurer_id", allow_null=True)
    refunds = serializers.UUIDField(source="refunds_id", allow_null=True)
    recorded_at = PracticeTimeField()
    amount = serializers.IntegerField()
    unallocated = serializers.IntegerField()
    allocations = AllocationOutput(many=True)

    class Meta:
        model = Payment
        fields = (
            "id", "patient", "payer", "insurer", "method", "amount", "currency", "received_on", "recorded_at",
            "reference", "refunds", "is_training", "unallocated", "allocations",
        )  # fmt: skip
        read_only_fields = fields


class ReceiptQuery(serializers.Serializer[Any]):
    """In which language; the patient's own when absent."""

    language = serializers.ChoiceField(choices=Language.choices, required=False)


class RefundInput(serializers.Serializer[Any]):
    """How much goes back (everything that is left when absent), how, and why."""

    amount = serializers.IntegerField(min_value=1, max_value=MOST * 10, required=False)
    method = serializers.ChoiceField(choices=Payment.Method.choices, required=False)
    reason = serializers.CharField(max_length=80)
