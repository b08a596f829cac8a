"""Shapes of the catalogue."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.catalog.models import Act, Tariff
from apps.catalog.selectors import TARIFF_CURRENCY

MOST = 100_000_000


class FeeInput(serializers.Serializer[Any]):
    """What the practice charges; null goes back to the tariff."""

    price = serializers.IntegerField(
        min_value=0, max_value=MOST, allow_null=True, help_text="Minor units of the practice's currency."
    )


class FavouriteInput(serializers.Serializer[Any]):
    """Whether the act is kept at hand, by the caller or by the whole practice."""

    favourite = serializers.BooleanField()
    whole_practice = serializers.BooleanField(default=False)


class ConsumableOutput(serializers.Serializer[Any]):
    """An article an act uses up."""

    sku = serializers.CharField()
    quantity = serializers.IntegerField()


class ActOutput(serializers.ModelSerializer[Act]):
    """An act with its price at the caller's practice today; minor units of `currency`, rates in basis points."""

    label: Any = serializers.CharField(help_text="In the caller's language.")
    vat_code = serializers.CharField(source="vat_code.code")
    vat_rate_bp = serializers.IntegerField(source="vat_code.rate_bp")
    vat_needs_reason = serializers.BooleanField(source="vat_code.needs_reason")
    consumables = ConsumableOutput(many=True)
    price = serializers.SerializerMethodField()
    tariff_price = serializers.SerializerMethodField()
    practice_fee = serializers.SerializerMethodField()
    brss = serializers.SerializerMethodField()
    rate_bp = serializers.SerializerMethodField()
    cap = serializers.SerializerMethodField()
    basket = serializers.SerializerMethodField()
    currency = serializers.SerializerMethodField()

    favourite = serializers.SerializerMethodField()

    class Meta:
        model = Act
        fields = (
            "id", "code", "code_system", "label", "label_fr", "label_en", "category", "family",
            "requires_tooth", "tooth_rule", "min_surfaces", "max_surfaces", "duration_minutes", "currency", "price",
            "tariff_price", "practice_fee", "brss", "rate_bp", "cap", "basket", "vat_code", "vat_rate_bp",
            "vat_needs_reason", "consumables", "code_confidence", "amount_confidence", "note", "is_active", "favourite",
        )  # fmt: skip

    def tariff(self, act: Act) -> Tariff | None:
        """Return the tariff of the day, which prices in euro only."""
        rows: list[Tariff] = getattr(act, "tariffs_now", [])
        return rows[0] if rows and self.get_currency(act) == TARIFF_CURRENCY else None

    @extend_schema_field(serializers.ChoiceField(choices=["mine", "practice", "no"]))
    def get_favourite(self, act: Act) -> str:
        """Whose favourite it is: the caller's own counts first."""
        rows = getattr(act, "favourites_here", [])
        if any(row.practitioner_id for row in rows):
            return "mine"
        return "practice" if rows else "no"

    @extend_schema_field(serializers.CharField())
    def get_currency(self, act: Act) -> str:
        """Currency of the practice."""
        practice = self.context["request"].user.practice
        return practice.currency if practice is not None else TARIFF_CURRENCY

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_practice_fee(self, act: Act) -> int | None:
        """What the practice charges instead of the tariff."""
        rows = getattr(act, "fees_here", [])
        return rows[0].price if rows else None

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_tariff_price(self, act: Act) -> int | None:
        """Price of the tariff."""
        tariff = self.tariff(act)
        return tariff.price if tariff else None

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_price(self, act: Act) -> int | None:
        """What is charged here; null when there is no price at all."""
        fee = self.get_practice_fee(act)
        return fee if fee is not None else self.get_tariff_price(act)

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_brss(self, act: Act) -> int | None:
        """Reimbursement base."""
        tariff = self.tariff(act)
        return tariff.brss if tariff else None

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_rate_bp(self, act: Act) -> int | None:
        """Rate of the mandatory scheme."""
        tariff = self.tariff(act)
        return tariff.rate_bp if tariff else None

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_cap(self, act: Act) -> int | None:
        """Highest price of the basket."""
        tariff = self.tariff(act)
        return tariff.cap if tariff else None

    @extend_schema_field(serializers.ChoiceField(choices=Tariff.Basket.choices, allow_null=True))
    def get_basket(self, act: Act) -> str | None:
        """Basket of the tariff."""
        tariff = self.tariff(act)
        return tariff.basket if tariff else None
