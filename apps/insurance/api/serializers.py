"""Shapes of insured people, contracts and conventions."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework import serializers

from apps.core.api.fields import DayField, VisibleKeyField
from apps.directory.models import Currency, Insurer
from apps.insurance.api.fields import CoordinateField, ProviderField, is_provider
from apps.insurance.identifiers import mask_identity
from apps.insurance.models import Adherent, Bareme, Contract, ContractMember, Convention, Gender

MOST_AMOUNT = 1_000_000_000_000

COVERAGE_HELP = (
    "By kind of care: rate_bp; and, where they are needed, generic_rate_bp, brand_policy (reference_price or full), "
    "deductible_per_claim, deductible_annual, fixed_copay, act_cap, claim_cap, annual_sublimit, waiting_days, "
    "accident_exempt (default true), preauth_above, preauth_days (default 90), of_base_bp with prior_included (a "
    "complementary payer's share of the base), outside_limit, frequency_liability (provider or patient), tax_reimbursed, "
    "acts (by code: rate_bp, cap, max_qty, per_days, of_base_bp)."
)
EXCLUSIONS_HELP = (
    "Not paid: code, prefix, care_type, diagnosis_prefix; all of one entry must hold, to until_date."
)


class ShownToProviders(serializers.ModelSerializer[Any]):
    """An output of which a practice reads only the fields named in `provider_fields`."""

    provider_fields: ClassVar[frozenset[str]] = frozenset()

    def get_fields(self) -> dict[str, Any]:
        """Leave out what a practice does not read; the schema, which nobody reads as, has all."""
        fields = super().get_fields()
        if is_provider(self.context):
            return {name: field for name, field in fields.items() if name in self.provider_fields}
        return fields


class AdherentInput(serializers.Serializer[Any]):
    """A new or changed insured person."""

    insurer = VisibleKeyField(Insurer, required=False, help_text="One's own; it need not be said.")
    national_id = serializers.CharField(max_length=40, write_only=True)
    first_name = serializers.CharField(max_length=80)
    last_name = serializers.CharField(max_length=80)
    date_of_birth = DayField()
    gender = serializers.ChoiceField(choices=Gender.choices)
    phone = serializers.CharField(max_length=40, required=False, allow_blank=True)
    email = serializers.EmailField(required=False, allow_blank=True)
    address = serializers.CharField(max_length=200, required=False, allow_blank=True)
    city = serializers.CharField(max_length=80, required=False, allow_blank=True)
    lat = CoordinateField(min_value=-90, max_value=90, required=False, allow_null=True)
    lng = CoordinateField(min_value=-180, max_value=180, required=False, allow_null=True)


class AdherentOutput(ShownToProviders):
    """An insured person; a practice reads who it is, the insurer how to reach them as well."""

    insurer = VisibleKeyField(read_only=True)
    national_id = serializers.SerializerMethodField(help_text="Masked.")
    phone = serializers.CharField(required=False)
    email = serializers.CharField(required=False)
    address = serializers.CharField(required=False)
    city = serializers.CharField(required=False)
    lat = CoordinateField(required=False, allow_null=True)
    lng = CoordinateField(required=False, allow_null=True)
    created_at = serializers.DateTimeField(required=False)

    provider_fields = frozenset("id insurer national_id first_name last_name date_of_birth gender".split())

    class Meta:
        model = Adherent
        fields = (
            "id", "insurer", "national_id", "first_name", "last_name", "date_of_birth", "gender", "phone", "email",
            "address", "city", "lat", "lng", "created_at",
        )  # fmt: skip

    def get_national_id(self, adherent: Adherent) -> str:
        """Return the last two characters."""
        return mask_identity(adherent.national_id)


class ContractInput(serializers.Serializer[Any]):
    """A new contract; `coverage` and `exclusions` are held to their JSON Schemas."""

    insurer = VisibleKeyField(Insurer, required=False, help_text="One's own; it need not be said.")
    adherent = VisibleKeyField(Adherent, help_text="The subscriber.")
    contract_number = serializers.CharField(max_length=40)
    plan_type = serializers.ChoiceField(choices=Contract.Plan.choices, required=False)
    start_date = DayField(help_text="First day.")
    end_date = DayField(help_text="Last day, included.")
    carence_days = serializers.IntegerField(min_value=0, max_value=3650, required=False)
    annual_limit = serializers.IntegerField(
        min_value=0, max_value=MOST_AMOUNT, required=False, allow_null=True, help_text="Null: no limit."
    )
    limit_by_dependants = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=MOST_AMOUNT),
        allow_empty=False,
        max_length=30,
        required=False,
        allow_null=True,
        help_text="Yearly limits for 0, 1, 2... dependants; the last serves for more.",
    )
    currency = serializers.ChoiceField(choices=Currency.choices, required=False)
    coverage = serializers.JSONField(help_text=COVERAGE_HELP)
    exclusions = serializers.JSONField(required=False, help_text=EXCLUSIONS_HELP)
    status = serializers.ChoiceField(choices=Contract.Status.choices, required=False)
    status_from = DayField(required=False, help_text="The day from which the status counts.")
    status_reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class ContractChange(ContractInput):
    """Changed terms or status of a contract; whose it is never changes."""

    insurer = None  # type: ignore[assignment]  # DRF's way to leave a field out
    adherent = None  # type: ignore[assignment]  # as above


class ContractOutput(ShownToProviders):
    """A contract; its terms are between the insurer and the insured, a practice reads whether it holds."""

    insurer = VisibleKeyField(read_only=True)
    adherent = VisibleKeyField(read_only=True)
    carence_days = serializers.IntegerField(required=False)
    annual_limit = serializers.IntegerField(required=False, allow_null=True)
    limit_by_dependants = serializers.ListField(
        child=serializers.IntegerField(), required=False, allow_null=True
    )
    coverage = serializers.JSONField(required=False, help_text=COVERAGE_HELP)
    exclusions = serializers.JSONField(required=False, help_text=EXCLUSIONS_HELP)
    status_reason = serializers.CharField(required=False)
    renews = serializers.UUIDField(source="renews_id", required=False, allow_null=True)
    created_at = serializers.DateTimeField(required=False)

    provider_fields = frozenset(
        "id insurer adherent contract_number plan_type start_date end_date currency status status_from".split()
    )

    class Meta:
        model = Contract
        fields = (
            "id", "insurer", "adherent", "contract_number", "plan_type", "start_date", "end_date", "carence_days",
            "annual_limit", "limit_by_dependants", "currency", "coverage", "exclusions", "status", "status_from",
            "status_reason", "renews", "created_at",
        )  # fmt: skip


class MemberInput(serializers.Serializer[Any]):
    """A person to put under a contract."""

    adherent = VisibleKeyField(Adherent)
    relation = serializers.ChoiceField(choices=ContractMember.Relation.choices)
    joined_on = DayField(required=False, help_text="The contract's first day when absent.")
    left_on = DayField(required=False, allow_null=True, help_text="Last day, included.")
    is_chronic = serializers.BooleanField(required=False)


class MemberChange(MemberInput):
    """Changed days or relation of a member; who it is never changes."""

    adherent = None  # type: ignore[assignment]  # DRF's way to leave a field out


class MemberOutput(ShownToProviders):
    """A person under a contract."""

    contract = VisibleKeyField(read_only=True)
    adherent = VisibleKeyField(read_only=True)
    display_name = serializers.CharField(source="adherent.display_name", read_only=True)
    is_chronic = serializers.BooleanField(required=False)

    provider_fields = frozenset("id contract adherent display_name relation joined_on left_on".split())

    class Meta:
        model = ContractMember
        fields = (
            "id",
            "contract",
            "adherent",
            "display_name",
            "relation",
            "joined_on",
            "left_on",
            "is_chronic",
        )


class ConventionInput(serializers.Serializer[Any]):
    """A new or changed convention."""

    insurer = VisibleKeyField(Insurer, required=False, help_text="One's own; it need not be said.")
    practice = ProviderField()
    start_date = DayField(help_text="First day.")
    end_date = DayField(required=False, allow_null=True, help_text="Last day, included; null: open.")
    excess_liability = serializers.ChoiceField(choices=Convention.Liability.choices, required=False)
    is_active = serializers.BooleanField(required=False)


class ConventionChange(ConventionInput):
    """Changed days or liability of a convention; between whom it is never changes."""

    insurer = None  # type: ignore[assignment]  # DRF's way to leave a field out
    practice = None  # type: ignore[assignment]  # as above


class ConventionOutput(serializers.ModelSerializer[Convention]):
    """A convention."""

    insurer = VisibleKeyField(read_only=True)
    insurer_name = serializers.CharField(source="insurer.name", read_only=True)
    practice = ProviderField(read_only=True)
    practice_name = serializers.CharField(source="practice.name", read_only=True)

    class Meta:
        model = Convention
        fields = (
            "id", "insurer", "insurer_name", "practice", "practice_name", "start_date", "end_date",
            "excess_liability", "is_active", "created_at",
        )  # fmt: skip


class BaremeInput(serializers.Serializer[Any]):
    """A new price list; its parts are held to a JSON Schema."""

    version = serializers.CharField(max_length=40)
    effective_from = DayField()
    effective_to = DayField(required=False, allow_null=True, help_text="Excluded; null: until the next.")
    acts = serializers.JSONField(
        help_text=(
            "By code: price, or base (what rates apply to) with fee_limit; and, where they are needed, category (a kind "
            "of care, or none), rate_bp, generic_group, is_generic, repeatable (several a day), tax_bp, minutes, label."
        )
    )
    reference_prices = serializers.JSONField(
        required=False, help_text="By generic_group: the price a brand of the group is paid at."
    )
    default = serializers.ChoiceField(choices=["reject", "asked"], required=False)
    incompatible = serializers.JSONField(
        required=False,
        help_text="[code, code, scope]: in one `claim` (the default), `day`, `tooth` (of a day) or `stay`.",
    )
    association_bp = serializers.JSONField(
        required=False,
        help_text="What the lesser act of such a pair keeps of its price, by `A+B`, by its code, or by `*`.",
    )


class BaremeOutput(serializers.ModelSerializer[Bareme]):
    """A price list."""

    convention = VisibleKeyField(read_only=True)
    acts = serializers.JSONField(source="content.acts", read_only=True)
    reference_prices = serializers.SerializerMethodField()
    default = serializers.SerializerMethodField(method_name="default_of")
    incompatible = serializers.SerializerMethodField()
    association_bp = serializers.SerializerMethodField()

    class Meta:
        model = Bareme
        fields = (
            "id", "convention", "version", "effective_from", "effective_to", "acts", "reference_prices", "default",
            "incompatible", "association_bp", "sha256", "created_at",
        )  # fmt: skip

    def get_reference_prices(self, bareme: Bareme) -> dict[str, int]:
        """Return the reference price of each generic group."""
        return bareme.content.get("reference_prices") or {}

    def default_of(self, bareme: Bareme) -> str:
        """Return what becomes of acts the list does not know."""
        return bareme.content.get("default") or "reject"

    def get_incompatible(self, bareme: Bareme) -> list[list[str]]:
        """Return the pairs that are not paid together."""
        return bareme.content.get("incompatible") or []

    def get_association_bp(self, bareme: Bareme) -> dict[str, int]:
        """Return what the lesser act of a pair keeps."""
        return bareme.content.get("association_bp") or {}
