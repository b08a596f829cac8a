"""Shapes of invoices and payments; amounts are integers of the document's minor unit."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.billing.models import Invoice, InvoiceItem, InvoiceShare, Payment
from apps.billing.models.invoices import Payer
from apps.billing.selectors import InvoiceView, view_of
from apps.billing.services import LineInput, ShareInput
from apps.billing.services.account import MOST_INVOICES
from apps.billing.services.lines import MOST_LINES
from apps.catalog.models import Act
from apps.clinical.models import Treatment
from apps.core.api.fields import PracticeTimeField, VisibleKeyField
from apps.directory.models import Insurer, Practitioner
from apps.patients.models import Language, Patient

MOST = 100_000_000
MOST_PIECES = 1000


class PatientBrief(serializers.Serializer[Any]):
    """A patient by name."""

    id = serializers.UUIDField()
    display_name = serializers.CharField()


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


class ItemInput(serializers.Serializer[Any]):
    """One line: a treatment, or an act, or a label with a price. Prices include VAT."""

    treatment = VisibleKeyField(Treatment, required=False, allow_null=True)
    act = VisibleKeyField(Act, required=False, allow_null=True)
    label = serializers.CharField(max_length=200, required=False, allow_blank=True)  # type: ignore[assignment]  # DRF's own attribute has this name
    tooth = serializers.CharField(max_length=2, required=False, allow_blank=True)
    quantity = serializers.IntegerField(min_value=1, max_value=MOST_PIECES, default=1)
    unit_price = serializers.IntegerField(min_value=0, max_value=MOST, required=False, allow_null=True)
    discount = serializers.IntegerField(min_value=0, max_value=MOST, default=0)
    vat_code = serializers.CharField(max_length=16, required=False, allow_blank=True)
    vat_reason = serializers.CharField(max_length=300, required=False, allow_blank=True)
    performed_on = serializers.DateField(required=False, allow_null=True)
    currency = serializers.CharField(max_length=3, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a line about nothing, about two things, or in another currency."""
        if not (attrs.get("treatment") or attrs.get("act") or attrs.get("label")):
            raise serializers.ValidationError(_("A line names a treatment, an act or a label."))
        if attrs.get("treatment") and attrs.get("act"):
            raise serializers.ValidationError(_("A line names a treatment or an act, not both."))
        practice = self.context["request"].user.practice
        if attrs.pop("currency", practice.currency) != practice.currency:
            sentence = _("All amounts of an invoice are in the currency of the practice.")
            raise serializers.ValidationError({"currency": [sentence]})
        return attrs


class MandatoryInput(serializers.Serializer[Any]):
    """The mandatory scheme; without a rate each act's own is taken."""

    insurer = VisibleKeyField(Insurer)
    rate_bp = serializers.IntegerField(min_value=0, max_value=10_000, required=False, allow_null=True)


class ComplementaryInput(serializers.Serializer[Any]):
    """A complementary insurer: a rate of the base, what was paid before it included, or a lump sum."""

    insurer = VisibleKeyField(Insurer)
    rate_bp = serializers.IntegerField(min_value=0, max_value=1_000_000, required=False, allow_null=True)
    lump_amount = serializers.IntegerField(min_value=0, max_value=MOST * 10, required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse terms that say nothing, or two things."""
        if (attrs.get("rate_bp") is None) == (attrs.get("lump_amount") is None):
            raise serializers.ValidationError(_("Name a rate of the base or a lump sum, not both."))
        return attrs


class NetworkInput(serializers.Serializer[Any]):
    """An insurer of the payer network whose contract the patient's file names: its answer is its share."""

    insurer = VisibleKeyField(Insurer)


class CoverageInput(serializers.Serializer[Any]):
    """Who covers the care; what each owes follows from the lines, or is the answer of the payer network."""

    network = serializers.ListField(child=NetworkInput(), required=False, max_length=5)
    mandatory = MandatoryInput(required=False, allow_null=True)
    complementary = serializers.ListField(child=ComplementaryInput(), required=False, max_length=5)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Say it as shares whose amounts follow from the lines."""
        scheme, insurers = attrs.get("mandatory"), attrs.get("complementary", [])
        kinds, basis = InvoiceShare.Kind, InvoiceShare.Basis
        shares = [share_of(kinds.MANDATORY, basis.RATE, scheme)] if scheme else []
        for terms in insurers:
            lump = terms.get("lump_amount") is not None
            shares.append(share_of(kinds.COMPLEMENTARY, basis.LUMP if lump else basis.RATE, terms))
        shares += [share_of(None, basis.NETWORK, terms) for terms in attrs.get("network", [])]
        return {"shares": shares}


def share_of(kind: str | None, basis: str, terms: dict[str, Any]) -> ShareInput:
    """Return an insurer's share whose amount follows from the lines."""
    return ShareInput(
        payer=Payer.INSURER,
        insurer=terms["insurer"],
        kind=kind,
        basis=basis,
        rate_bp=terms.get("rate_bp"),
        lump=terms.get("lump_amount"),
    )


class ShareInputShape(serializers.Serializer[Any]):
    """Who owes how much; the patient's share may be left out, it is the rest."""

    payer = serializers.ChoiceField(choices=Payer.choices)
    insurer = VisibleKeyField(Insurer, required=False, allow_null=True)
    kind = serializers.ChoiceField(choices=InvoiceShare.Kind.choices, required=False, allow_null=True)
    amount = serializers.IntegerField(min_value=0, max_value=MOST * 10)


class DraftChangeInput(serializers.Serializer[Any]):
    """Changes of a draft; given items, shares or coverage replace all former ones."""

    practitioner = VisibleKeyField(Practitioner, required=False)
    language = serializers.ChoiceField(choices=Language.choices, required=False)
    items = serializers.ListField(child=ItemInput(), required=False, max_length=MOST_LINES)
    shares = serializers.ListField(child=ShareInputShape(), required=False, max_length=20)
    coverage = CoverageInput(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Say lines and shares as the services do."""
        if "shares" in attrs and "coverage" in attrs:
            raise serializers.ValidationError({"coverage": [_("Name the shares or the coverage, not both.")]})
        if "items" in attrs:
            attrs["lines"] = [
                LineInput(**{name: value for name, value in item.items() if value is not None})
                for item in attrs.pop("items")
            ]
        if "shares" in attrs:
            attrs["shares"] = [ShareInput(**share) for share in attrs["shares"]]
        if "coverage" in attrs:
            attrs["shares"] = attrs.pop("coverage")["shares"]
        return attrs


class DraftInput(DraftChangeInput):
    """A new draft; without a practitioner it is the caller's own."""

    patient = VisibleKeyField(Patient)
    items = serializers.ListField(child=ItemInput(), max_length=MOST_LINES)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fill in the caller as practitioner."""
        attrs = super().validate(attrs)
        if "practitioner" not in attrs:
            own = self.context["request"].user.practitioner
            if own is None:
                raise serializers.ValidationError({"practitioner": [_("Name who treated.")]})
            attrs["practitioner"] = own
        return attrs


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


class MoveShareInput(serializers.Serializer[Any]):
    """Why the patient pays what the network does not; an insurer need not be named when only one answers."""

    insurer = VisibleKeyField(Insurer, required=False, allow_null=True)
    reason = serializers.CharField(max_length=200)


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


class RenderingOutput(serializers.Serializer[Any]):
    """The file is being made."""

    job = serializers.UUIDField()
    status = serializers.CharField()
