"""Shapes of practitioners, rooms and insurers."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from phonenumber_field.serializerfields import PhoneNumberField
from rest_framework import serializers

from apps.core.api.fields import VisibleKeyField
from apps.directory.identifiers import validate_rpps
from apps.directory.models import Insurer, OpeningHours, Practice, Practitioner, Room, hex_color


class OpeningHoursShape(serializers.Serializer[Any]):
    """One stretch of a weekday, on the practice's wall clock."""

    weekday = serializers.ChoiceField(
        choices=OpeningHours.Weekday.choices, help_text="1 is Monday, 7 is Sunday."
    )
    opens_at = serializers.TimeField(format="%H:%M")
    closes_at = serializers.TimeField(format="%H:%M")
    valid_from = serializers.DateField(required=False, allow_null=True, default=None)
    valid_until = serializers.DateField(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a stretch that closes before it opens."""
        if attrs["opens_at"] >= attrs["closes_at"]:
            raise serializers.ValidationError({"closes_at": _("The end must come after the start.")})
        return attrs


class PractitionerOutput(serializers.ModelSerializer[Practitioner]):
    """A practitioner, with the hours that count for them."""

    practice = VisibleKeyField(read_only=True)
    default_room = VisibleKeyField(read_only=True, allow_null=True)
    display_name = serializers.CharField(read_only=True)
    has_own_hours = serializers.SerializerMethodField()
    opening_hours = serializers.SerializerMethodField()

    class Meta:
        model = Practitioner
        fields = (
            "id", "practice", "kind", "title", "first_name", "last_name", "display_name", "speciality",
            "rpps", "am_number", "color", "default_room", "is_active", "has_own_hours", "opening_hours",
        )  # fmt: skip

    @extend_schema_field(serializers.BooleanField())
    def get_has_own_hours(self, person: Practitioner) -> bool:
        """Whether the hours are their own rather than the practice's."""
        return bool(person.opening_hours.all())

    @extend_schema_field(OpeningHoursShape(many=True))
    def get_opening_hours(self, person: Practitioner) -> Any:
        """Their own hours, or the practice's."""
        house: dict[Any, list[OpeningHours]] = self.context.get("house_hours", {})
        hours = list(person.opening_hours.all()) or house.get(person.practice_id, [])
        return OpeningHoursShape(hours, many=True).data


class PractitionerInput(serializers.Serializer[Any]):
    """A new or changed practitioner."""

    practice = VisibleKeyField(Practice, required=False, help_text="Only for the platform's administrator.")
    kind = serializers.ChoiceField(choices=Practitioner.Kind.choices, required=False)
    title = serializers.CharField(max_length=20, required=False, allow_blank=True)
    first_name = serializers.CharField(max_length=80)
    last_name = serializers.CharField(max_length=80)
    speciality = serializers.CharField(max_length=80, required=False, allow_blank=True)
    rpps = serializers.CharField(max_length=11, required=False, allow_blank=True, validators=[validate_rpps])
    am_number = serializers.CharField(max_length=12, required=False, allow_blank=True)
    color = serializers.CharField(max_length=7, required=False, validators=[hex_color])
    default_room = VisibleKeyField(Room, required=False, allow_null=True)
    is_active = serializers.BooleanField(required=False)
    opening_hours = OpeningHoursShape(many=True, required=False)


class RoomOutput(serializers.ModelSerializer[Room]):
    """A room."""

    practice = VisibleKeyField(read_only=True)
    equipment = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = Room
        fields = ("id", "practice", "name", "kind", "color", "equipment", "position", "is_active")


class RoomInput(serializers.Serializer[Any]):
    """A new or changed room."""

    practice = VisibleKeyField(Practice, required=False, help_text="Only for the platform's administrator.")
    name = serializers.CharField(max_length=60)
    kind = serializers.ChoiceField(choices=Room.Kind.choices, required=False)
    color = serializers.CharField(max_length=7, required=False, validators=[hex_color])
    equipment = serializers.ListField(
        child=serializers.CharField(max_length=80), required=False, max_length=50
    )
    position = serializers.IntegerField(min_value=0, max_value=32767, required=False)
    is_active = serializers.BooleanField(required=False)


class BankAccountOutput(serializers.Serializer[Any]):
    """Where the caller's practice is paid; empty texts while nothing is known."""

    iban = serializers.CharField(help_text="In full for those who run the house, else masked.")
    masked = serializers.CharField(help_text="As others see it: country, key and the last four.")
    rib = serializers.CharField(help_text="The 20 digits of a Tunisian account, else empty.")
    is_missing = serializers.BooleanField()


class BankAccountInput(serializers.Serializer[Any]):
    """The account to pay to."""

    iban = serializers.CharField(
        max_length=50, help_text="An IBAN or a Tunisian RIB, with or without spaces."
    )


class InsurerOutput(serializers.ModelSerializer[Insurer]):
    """An insurer's card."""

    phone = serializers.CharField(read_only=True)
    email = serializers.CharField(read_only=True)
    config = serializers.JSONField(required=False, help_text="The insurer's own people alone read its rules.")

    def to_representation(self, instance: Insurer) -> dict[str, Any]:
        """Show the rules to the insurer itself: what is questioned or blocked is nobody else's to know."""
        shown: dict[str, Any] = super().to_representation(instance)
        request = self.context.get("request")
        if getattr(getattr(request, "user", None), "insurer_id", None) != instance.pk:
            shown.pop("config", None)
        return shown

    class Meta:
        model = Insurer
        fields = (
            "id",
            "name",
            "code",
            "kind",
            "tax_id",
            "address",
            "phone",
            "email",
            "currency",
            "is_active",
            "config",
        )


class InsurerInput(serializers.Serializer[Any]):
    """What an insurer changes of its own card."""

    name = serializers.CharField(max_length=120, required=False)
    tax_id = serializers.CharField(max_length=32, required=False, allow_blank=True)
    address = serializers.CharField(max_length=200, required=False, allow_blank=True)
    phone = PhoneNumberField(required=False, allow_blank=True)
    email = serializers.EmailField(required=False, allow_blank=True)
    config = serializers.DictField(
        required=False, help_text="Merged into the rules that are there; null takes one away."
    )
