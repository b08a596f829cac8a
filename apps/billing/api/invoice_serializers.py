"""Shapes of issued invoices and credit notes, and what is asked of them; amounts are integers of the minor unit."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.billing.api.serializers import MOST, PatientBrief
from apps.billing.models import Invoice, InvoiceItem, InvoiceShare, Payment
from apps.billing.models.invoices import Payer
from apps.billing.selectors import InvoiceView, view_of
from apps.billing.services.lines import MOST_LINES
from apps.core.api.fields import PracticeTimeField, VisibleKeyField
from apps.directory.models import Insurer


class ItemOutput(serializers.ModelSerializer[InvoiceItem]):
    """One line."""

    treatment = serializers.UUIDField(source="treatment_id", allow_null=True)
    act = serializers.UUIDField(source="act_id", allow_null=True)
    unit_price = serializers.IntegerField()
    discount = serializers.IntegerField()
    total_amount = serializers.IntegerField()
    net_amount = serializers.IntegerField()
    vat_amount = serializers.IntegerField()
    vat_reason = serializers.CharField()

    class Meta:
        model = InvoiceItem
        fields = (
            "id", "position", "treatment", "act", "performed_on", "code", "label", "tooth", "quantity",
            "unit_price", "discount", "total_amount", "net_amount", "vat_amount", "vat_code", "vat_rate_bp",
            "vat_reason",
        )  # fmt: skip
        read_only_fields = fields


class ShareOutput(serializers.Serializer[Any]):
    """Who owes how much, and what is left of it."""

    id = serializers.UUIDField(source="share.id")
    payer = serializers.ChoiceField(choices=Payer.choices, source="share.payer")
    insurer = serializers.UUIDField(source="share.insurer_id", allow_null=True)
    kind = serializers.ChoiceField(choices=InvoiceShare.Kind.choices, source="share.kind", allow_null=True)
    amount = serializers.IntegerField(source="share.amount")
    balance = serializers.IntegerField()


class CoveredPartOutput(serializers.Serializer[Any]):
    """What one payer owes of a line."""

    payer = serializers.ChoiceField(choices=Payer.choices)
    insurer = serializers.UUIDField(source="insurer_id", allow_null=True)
    kind = serializers.ChoiceField(choices=InvoiceShare.Kind.choices, allow_null=True)
    amount = serializers.IntegerField()


class CoveredLineOutput(serializers.Serializer[Any]):
    """One line with its base and what each payer owes of it; the parts re-add to the line."""

    position = serializers.IntegerField()
    base = serializers.IntegerField()
    parts = CoveredPartOutput(many=True)


class TermsOutput(serializers.Serializer[Any]):
    """What one insurer's share follows from."""

    insurer = serializers.UUIDField(source="insurer_id")
    kind = serializers.ChoiceField(choices=InvoiceShare.Kind.choices)
    basis = serializers.ChoiceField(choices=InvoiceShare.Basis.choices)
    rate_bp = serializers.IntegerField(allow_null=True)
    lump_amount = serializers.IntegerField(allow_null=True)
    amount = serializers.IntegerField()


class CoverageOutput(serializers.Serializer[Any]):
    """How the shares follow from the lines."""

    terms = TermsOutput(many=True)
    lines = CoveredLineOutput(many=True)


class SettledOutput(serializers.Serializer[Any]):
    """What one payment settles of this invoice."""

    id = serializers.UUIDField()
    payer = serializers.ChoiceField(choices=Payer.choices)
    insurer = serializers.UUIDField(source="insurer_id", allow_null=True)
    method = serializers.ChoiceField(choices=Payment.Method.choices)
    amount = serializers.IntegerField()
    received_on = serializers.DateField()
    reference = serializers.CharField()


class InvoiceOutput(serializers.Serializer[Invoice]):
    """An invoice or credit note with its lines, shares and payments."""

    id = serializers.UUIDField(source="invoice.id")
    kind = serializers.ChoiceField(choices=Invoice.Kind.choices, source="invoice.kind")
    number = serializers.CharField(source="invoice.number", allow_null=True)
    status = serializers.ChoiceField(choices=Invoice.Status.choices, source="invoice.status")
    patient = PatientBrief(source="invoice.patient")
    practitioner = serializers.UUIDField(source="invoice.practitioner_id")
    corrects = serializers.UUIDField(source="invoice.corrects_id", allow_null=True)
    reason = serializers.CharField(source="invoice.reason")
    currency = serializers.CharField(source="invoice.currency")
    is_training = serializers.BooleanField(source="invoice.is_training")
    language = serializers.CharField(source="invoice.language")
    issued_at = PracticeTimeField(source="invoice.issued_at", allow_null=True)
    issued_on = serializers.DateField(source="invoice.issued_on", allow_null=True)
    total_amount = serializers.IntegerField(source="invoice.total_amount")
    net_amount = serializers.IntegerField(source="invoice.net_amount")
    vat_amount = serializers.IntegerField(source="invoice.vat_amount")
    shares = ShareOutput(many=True)
    coverage = CoverageOutput(allow_null=True)
    balance_patient = serializers.IntegerField()
    balance_insurer = serializers.IntegerField()
    items = ItemOutput(many=True)
    payments = SettledOutput(many=True)
    plan = serializers.UUIDField(allow_null=True)
    pdf_ready = serializers.SerializerMethodField()

    def get_pdf_ready(self, view: InvoiceView) -> bool:
        """Whether the PDF can be fetched."""
        return view.document is not None and view.document.is_rendered

    def to_representation(self, instance: Any) -> Any:
        """Return an invoice that was loaded with its details."""
        return super().to_representation(view_of(instance))  # type: ignore[arg-type]  # the view of the invoice


class MoveShareInput(serializers.Serializer[Any]):
    """Why the patient pays what the network does not; an insurer need not be named when only one answers."""

    insurer = VisibleKeyField(Insurer, required=False, allow_null=True)
    reason = serializers.CharField(max_length=200)


class CreditLineInput(serializers.Serializer[Any]):
    """How much of a line is taken back."""

    item = serializers.UUIDField()
    amount = serializers.IntegerField(min_value=1, max_value=MOST * 10)


class CreditInput(serializers.Serializer[Any]):
    """Why, and which lines; without lines everything that is left."""

    reason = serializers.CharField(max_length=200)
    items = serializers.ListField(child=CreditLineInput(), required=False, max_length=MOST_LINES)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Say amounts by line."""
        items = attrs.pop("items", None)
        attrs["amounts"] = {item["item"]: item["amount"] for item in items} if items else None
        return attrs
