"""Shapes of claims and of eligibility."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.core.api.fields import DayField, VisibleKeyField
from apps.insurance.api.fields import ProviderField, ReachableKeyField, is_provider
from apps.insurance.api.flags import FlagOutput
from apps.insurance.engine import Adjustment, Step
from apps.insurance.engine.explain import LANGUAGES, explain_steps
from apps.insurance.engine.reasons import REASONS
from apps.insurance.models import Adherent, Claim, ClaimItem, Contract, PriorAgreement
from apps.insurance.models.claims import CareType
from apps.insurance.services.asking import MOST, MOST_LINES

# What a provider is told of a claim somebody looks at; never why.
UNDER_WAY = _("Being checked.")


class ClaimItemInput(serializers.Serializer[Any]):
    """One act or product, as the provider asks for it."""

    code = serializers.CharField(max_length=32)
    label = serializers.CharField(max_length=200, required=False, allow_blank=True)  # type: ignore[assignment]  # DRF's own attribute has this name
    quantity = serializers.IntegerField(min_value=1, max_value=100_000, default=1)
    unit_price = serializers.IntegerField(min_value=0, max_value=MOST)
    line_total = serializers.IntegerField(
        min_value=0, max_value=MOST, required=False, help_text="Checked where it is given."
    )
    tooth = serializers.CharField(max_length=2, required=False, allow_blank=True)
    surfaces = serializers.CharField(max_length=5, required=False, allow_blank=True)
    diagnosis = serializers.CharField(max_length=20, required=False, allow_blank=True)
    prescriber = serializers.CharField(max_length=80, required=False, allow_blank=True)
    is_substitutable = serializers.BooleanField(required=False)
    non_substitutable_reason = serializers.CharField(max_length=200, required=False, allow_blank=True)
    is_trauma = serializers.BooleanField(
        required=False, help_text="After an accident: does not wait, unless the contract says so."
    )
    prior_paid = serializers.IntegerField(
        min_value=0, max_value=MOST, required=False, help_text="What an earlier payer gave for the line."
    )
    preauthorisation = serializers.CharField(
        max_length=40,
        required=False,
        allow_blank=True,
        help_text="Key of the question (`use: predetermination`) that was agreed to.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a line whose total is not quantity times price."""
        total = attrs.pop("line_total", None)
        if total is not None and total != attrs["quantity"] * attrs["unit_price"]:
            raise serializers.ValidationError({"line_total": _("This is not quantity times unit price.")})
        return attrs


class CareInput(serializers.Serializer[Any]):
    """Whose care, by which contract, on which day; a contract or a person is enough."""

    contract = ReachableKeyField(Contract, required=False, allow_null=True)
    adherent = ReachableKeyField(Adherent, required=False, allow_null=True)
    service_date = DayField()
    service_end_date = DayField(required=False, allow_null=True, help_text="Last day of a stay, included.")
    is_urgent = serializers.BooleanField(required=False)
    is_accident = serializers.BooleanField(
        required=False, help_text="All lines follow an accident (`is_trauma` says it of one)."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Ask for a contract or a person."""
        if attrs.get("contract") is None and attrs.get("adherent") is None:
            raise serializers.ValidationError({"adherent": _("Name a contract or an insured person.")})
        return attrs


class ClaimInput(CareInput):
    """A claim; what the insurer covers is never part of it."""

    items = serializers.ListField(child=ClaimItemInput(), min_length=1, max_length=MOST_LINES)
    total_amount = serializers.IntegerField(
        min_value=0, required=False, help_text="Checked where it is given."
    )
    use = serializers.ChoiceField(
        choices=Claim.Use.choices,
        required=False,
        help_text="`predetermination` asks what would be paid, or for prior agreement, before the care.",
    )
    prescriber = serializers.CharField(max_length=80, required=False, allow_blank=True)
    practitioner_ref = serializers.CharField(max_length=40, required=False, allow_blank=True)
    notes = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    replaces = VisibleKeyField(Claim, required=False, allow_null=True)
    replaces_claim = VisibleKeyField(
        Claim, required=False, allow_null=True, help_text="Another name of `replaces`."
    )
    idempotency_key = serializers.RegexField(
        r"^[\x21-\x7e]{1,128}$", required=False, help_text="As the header Idempotency-Key, which comes first."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a total that is not the sum of the lines."""
        attrs = super().validate(attrs)
        named = attrs.pop("replaces_claim", None)
        attrs["replaces"] = attrs.get("replaces") or named
        total = attrs.pop("total_amount", None)
        if total is not None and total != sum(i["quantity"] * i["unit_price"] for i in attrs["items"]):
            raise serializers.ValidationError({"total_amount": _("This is not the sum of the lines.")})
        return attrs


class EligibilityInput(CareInput):
    """Care somebody thinks of; nothing of it is stored."""

    care_type = serializers.ChoiceField(choices=CareType.choices)
    provider = ProviderField(required=False, help_text="Who would give it, when an insurer asks.")
    items = serializers.ListField(child=ClaimItemInput(), required=False, max_length=MOST_LINES)


class LineAmountInput(serializers.Serializer[Any]):
    """Another covered amount for one line."""

    id = serializers.UUIDField()
    covered_amount = serializers.IntegerField(min_value=0, max_value=MOST)


class ClaimDecisionInput(serializers.Serializer[Any]):
    """A decision on a claim as it stood; refused (409 STALE) when it does not stand so any more."""

    expected_status = serializers.ChoiceField(choices=Claim.Status.choices)
    reason = serializers.CharField(max_length=500, required=False, allow_blank=True)


class ApprovalInput(ClaimDecisionInput):
    """An approval, at other amounts line by line where they are given."""

    items = serializers.ListField(child=LineAmountInput(), required=False, max_length=MOST_LINES)


class ReversalInput(serializers.Serializer[Any]):
    """Why a paid claim is taken back."""

    reason = serializers.CharField(max_length=500)


class StepOutput(serializers.Serializer[Any]):
    """One rule that bit: the amount before and after it."""

    rule = serializers.CharField()
    before = serializers.IntegerField()
    after = serializers.IntegerField()
    params = serializers.DictField()


class AdjustmentOutput(serializers.Serializer[Any]):
    """A part of the charge that is not covered: X12 group, CARC, RARC and the house's code."""

    amount = serializers.IntegerField()
    group = serializers.CharField()
    carc = serializers.CharField()
    rarc = serializers.CharField()
    code = serializers.CharField()


class ExplanationOutput(serializers.Serializer[Any]):
    """Why a line is priced so; `text` is in the caller's language, `texts` in all."""

    steps = StepOutput(many=True)
    adjustments = AdjustmentOutput(many=True)
    text = serializers.CharField()
    texts = serializers.DictField(child=serializers.CharField())


def explained(row: Any, steps: Any, adjustments: Any, currency: str) -> dict[str, Any]:
    """Return a line's explanation as it is shown."""
    read_steps = [Step(**step) for step in steps]
    read_adjustments = [Adjustment(**adjustment) for adjustment in adjustments]
    texts = {
        language: explain_steps(
            read_steps,
            read_adjustments,
            copay=row.copay_amount - row.prior_paid,
            writeoff=row.writeoff_amount,
            currency=currency,
            language=language,
        )
        for language in LANGUAGES
    }
    language = (get_language() or LANGUAGES[0])[:2]
    text = texts.get(language, texts[LANGUAGES[0]])
    return {"steps": steps, "adjustments": adjustments, "text": text, "texts": texts}


class ClaimItemOutput(serializers.ModelSerializer[ClaimItem]):
    """One line and its price."""

    explanation = serializers.SerializerMethodField()

    class Meta:
        model = ClaimItem
        fields = (
            "id", "sequence", "code", "label", "category", "quantity", "unit_price", "line_total", "tax_amount",
            "prior_paid", "tooth", "surfaces", "diagnosis", "prescriber", "is_substitutable",
            "non_substitutable_reason", "is_trauma", "preauthorisation", "allowed_amount", "covered_amount", "copay_amount",
            "writeoff_amount", "reimbursement_rate_bp", "is_generic", "reason_code", "rule_applied", "explanation",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(ExplanationOutput)
    def get_explanation(self, item: ClaimItem) -> dict[str, Any]:
        """Return steps, adjustments and sentences."""
        stored = item.explanation
        steps, adjustments = stored.get("steps", []), stored.get("adjustments", [])
        return explained(item, steps, adjustments, item.claim.currency)


class PriorAgreementOutput(serializers.ModelSerializer[PriorAgreement]):
    """An act that was agreed to before the care: the key to quote is the question's, `left` is what it still covers."""

    left = serializers.IntegerField(read_only=True, min_value=0)

    class Meta:
        model = PriorAgreement
        fields = ("code", "tooth", "quantity", "left", "valid_from", "valid_until")
        read_only_fields = fields


class SecondPersonField(serializers.BooleanField):
    """Whether one person has approved a claim and another must."""

    def get_attribute(self, instance: Any) -> bool:
        """Read it off the reviews."""
        reviews = list(instance.reviews.all())
        last = reviews[-1] if reviews else None
        return last is not None and last.verb == "approve" and not last.is_final


class ClaimOutput(serializers.ModelSerializer[Claim]):
    """A claim; its score, flags and reviews are the insurer's alone."""

    insurer = VisibleKeyField(read_only=True)
    insurer_name = serializers.CharField(source="insurer.name", read_only=True)
    provider = ProviderField(read_only=True)
    provider_name = serializers.CharField(source="provider.name", read_only=True)
    adherent = VisibleKeyField(read_only=True)
    adherent_name = serializers.CharField(source="adherent.display_name", read_only=True)
    contract = VisibleKeyField(read_only=True, allow_null=True)
    replaces = serializers.UUIDField(source="replaces_id", read_only=True, allow_null=True)
    reversal_of = serializers.UUIDField(source="reversal_of_id", read_only=True, allow_null=True)
    reconciliation = serializers.UUIDField(source="reconciliation_id", read_only=True, allow_null=True)
    bareme_version = serializers.SerializerMethodField()
    decision = serializers.SerializerMethodField()
    message = serializers.SerializerMethodField()
    prior_agreements = PriorAgreementOutput(many=True, read_only=True)
    items = ClaimItemOutput(many=True, read_only=True)
    fraud_flags = FlagOutput(source="flags", many=True, required=False)
    fraud_score = serializers.IntegerField(required=False)
    awaits_second_person = SecondPersonField(required=False)

    insurer_only: ClassVar[frozenset[str]] = frozenset({"fraud_score", "fraud_flags", "awaits_second_person"})

    class Meta:
        model = Claim
        fields = (
            "id", "type", "use", "status", "decision", "message", "insurer", "insurer_name", "provider", "provider_name",
            "adherent", "adherent_name", "contract", "service_date", "service_end_date", "submitted_at", "is_urgent",
            "notes", "prescriber", "practitioner_ref", "validated_at", "paid_at", "currency", "total_amount",
            "tax_amount", "covered_amount", "copay_amount", "writeoff_amount", "reason_code", "bareme_version",
            "engine_version", "replaces", "reversal_of", "reconciliation", "idempotency_key", "prior_agreements", "items",
            "fraud_score", "fraud_flags", "awaits_second_person",
        )  # fmt: skip
        read_only_fields = fields

    def get_fields(self) -> dict[str, Any]:
        """Leave out what a provider never sees."""
        fields = super().get_fields()
        if is_provider(self.context):
            return {name: field for name, field in fields.items() if name not in self.insurer_only}
        return fields

    def get_bareme_version(self, claim: Claim) -> str | None:
        """Return the version of the price list in force on the day of care."""
        return claim.bareme.version if claim.bareme is not None else None

    def get_decision(self, claim: Claim) -> str:
        """Return `approved`, `partial`, `denied` or, while somebody looks at it, `pending`."""
        return decision_word(claim)

    def get_message(self, claim: Claim) -> str:
        """Return what a provider is told of a claim that is looked at, and nothing else."""
        looked_at = claim.status in {Claim.Status.PENDING_REVIEW, Claim.Status.BLOCKED}
        return str(UNDER_WAY) if looked_at else ""


# What cuts an approval short, as in the engine; the rest of what is not covered is the contract's ordinary share.
CUTS = frozenset({"FREQUENCY", "LIMIT_ACT", "LIMIT_CLAIM", "LIMIT_CARE", "LIMIT_ANNUAL", "REVIEW"})


def decision_word(claim: Claim) -> str:
    """Say what was decided, in FHIR's words."""
    if claim.status in {Claim.Status.PENDING, Claim.Status.PENDING_REVIEW, Claim.Status.BLOCKED}:
        return "pending"
    if claim.status == Claim.Status.REJECTED:
        return "denied"
    for item in claim.items.all():
        rules = {step["rule"] for step in item.explanation.get("steps", [])}
        if rules & CUTS or item.explanation.get("quantity_allowed") == 0:
            return "partial"
    return "approved"


class LimitOutput(serializers.Serializer[Any]):
    """What is left of one limit: `*` is the contract's, others are a kind of care's or its deductible's."""

    scope = serializers.CharField()
    limit = serializers.IntegerField(allow_null=True)
    used = serializers.IntegerField()
    remaining = serializers.IntegerField(allow_null=True)


class PreviewLineOutput(serializers.Serializer[Any]):
    """What one line would come to."""

    sequence = serializers.IntegerField()
    code = serializers.CharField()
    line_total = serializers.IntegerField()
    allowed_amount = serializers.IntegerField()
    covered_amount = serializers.IntegerField()
    copay_amount = serializers.IntegerField()
    writeoff_amount = serializers.IntegerField()
    tax_amount = serializers.IntegerField()
    reimbursement_rate_bp = serializers.IntegerField()
    reason_code = serializers.CharField()
    rule_applied = serializers.CharField()
    explanation = ExplanationOutput()


class ClaimPreviewOutput(serializers.Serializer[Any]):
    """What the acts would come to, by the same engine as a claim."""

    status = serializers.CharField()
    decision = serializers.CharField()
    total_amount = serializers.IntegerField()
    covered_amount = serializers.IntegerField()
    copay_amount = serializers.IntegerField()
    writeoff_amount = serializers.IntegerField()
    items = PreviewLineOutput(many=True)


class ReasonOutput(serializers.Serializer[Any]):
    """A reason with its X12 equivalents."""

    code = serializers.CharField()
    carc = serializers.CharField()
    group = serializers.CharField()


def reason_of(code: str) -> dict[str, str]:
    """Return a reason as it is shown."""
    reason = REASONS[code]
    return {"code": code, "carc": reason.carc, "group": str(reason.group)}


class EligibilityOutput(serializers.Serializer[Any]):
    """Whether care would be paid; `reason_code` is the first thing in the way, `reasons` are all."""

    verdict = serializers.CharField(help_text="eligible or not_eligible")
    reason_code = serializers.CharField(allow_blank=True)
    reasons = ReasonOutput(many=True)
    contract = serializers.UUIDField(allow_null=True)
    adherent = serializers.UUIDField()
    insurer = serializers.UUIDField()
    care_type = serializers.CharField()
    service_date = serializers.DateField()
    first_payable_day = serializers.DateField(allow_null=True)
    currency = serializers.CharField()
    balances = LimitOutput(many=True)
    preview = ClaimPreviewOutput(allow_null=True)
