"""Shapes of drafts: lines, shares, and who covers the care; amounts are integers of the minor unit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast
from uuid import UUID

from django.db.models import Model
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.billing.api.serializers import MOST
from apps.billing.models import InvoiceShare
from apps.billing.models.invoices import Payer
from apps.billing.services import LineInput, ShareInput
from apps.billing.services.lines import MOST_LINES
from apps.catalog.models import Act
from apps.clinical.models import Treatment
from apps.core.api.fields import VisibleKeyField
from apps.directory.models import Insurer, Practitioner
from apps.patients.models import Language, Patient

MOST_PIECES = 1000
LOOKED_UP = "looked_up_rows"


class LookedUpField(VisibleKeyField):
    """A reference whose row the list it stands in has looked up together with all others of its kind."""

    def to_internal_value(self, data: Any) -> Model:
        """Return the row; a key on its own, which no list has looked up, is not there."""
        try:
            key = serializers.UUIDField().to_internal_value(data)
        except serializers.ValidationError:
            self.fail("invalid")
        row: Model | None = self.context.get(LOOKED_UP, {}).get((self.model, key))
        if row is None:
            self.fail("does_not_exist")
        return row

    def look_up(self, keys: Iterable[Any]) -> dict[tuple[Any, UUID], Model]:
        """Return the rows the caller sees, in one query; none when nothing that is a key is asked for."""
        wanted = {key for text in keys if (key := as_key(text)) is not None}
        if not wanted:
            return {}
        rows = self.model._default_manager.visible_to(self.context["request"].user)  # type: ignore[union-attr]  # ours
        return {(self.model, row.pk): row for row in rows.filter(pk__in=wanted)}


def as_key(text: Any) -> UUID | None:
    """Return a key as sent, if it is one."""
    try:
        return serializers.UUIDField().to_internal_value(text)
    except serializers.ValidationError:
        return None


class LookedUpListField(serializers.ListField):
    """A list whose references are looked up once each kind, however many entries it has."""

    def to_internal_value(self, data: Any) -> Any:
        """Look the references up, then read the entries."""
        entries = [entry for entry in data if isinstance(entry, Mapping)] if isinstance(data, list) else []
        fields = [field for field in self.child.fields.values() if isinstance(field, LookedUpField)]  # type: ignore[attr-defined]  # a serializer
        # More than the list may hold is refused below and is not worth a query.
        found = [
            field.look_up(entry.get(field.field_name) for entry in entries[: self.max_length])
            for field in fields
        ]
        context = cast("dict[str, Any]", self.context)
        context[LOOKED_UP] = {key: row for rows in found for key, row in rows.items()}
        return super().to_internal_value(data)


class ItemInput(serializers.Serializer[Any]):
    """One line: a treatment, or an act, or a label with a price. Prices include VAT."""

    treatment = LookedUpField(Treatment, required=False, allow_null=True)
    act = LookedUpField(Act, required=False, allow_null=True)
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
    items = LookedUpListField(child=ItemInput(), required=False, max_length=MOST_LINES)
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
    items = LookedUpListField(child=ItemInput(), max_length=MOST_LINES)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fill in the caller as practitioner."""
        attrs = super().validate(attrs)
        if "practitioner" not in attrs:
            own = self.context["request"].user.practitioner
            if own is None:
                raise serializers.ValidationError({"practitioner": [_("Name who treated.")]})
            attrs["practitioner"] = own
        return attrs
