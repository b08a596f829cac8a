"""Shapes of appointments, their types and notes, and absences."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.agenda.models import Absence, Appointment, AppointmentNote, AppointmentType, pattern_syntax
from apps.agenda.shapes import card, detail
from apps.catalog.models import Act
from apps.core.api.fields import PracticeTimeField, VisibleKeyField, zone_of
from apps.directory.models import Practice, Practitioner, Room, hex_color
from apps.patients.models import Patient

MOST_DAYS = 100


class NamedPerson(serializers.Serializer[Any]):
    """A person by key and name."""

    id = serializers.UUIDField()
    display_name = serializers.CharField()


class AppointmentCard(serializers.Serializer[Appointment]):
    """An appointment in a list; written by `shapes.card`, described here."""

    id = serializers.UUIDField()
    patient = NamedPerson()
    practitioner = serializers.UUIDField()
    assistant = serializers.UUIDField(allow_null=True)
    room = serializers.UUIDField()
    type = serializers.UUIDField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    status = serializers.ChoiceField(choices=Appointment.Status.choices)
    confirmation = serializers.ChoiceField(choices=Appointment.Confirmation.choices)
    color = serializers.CharField()
    note_count = serializers.IntegerField()
    version = serializers.IntegerField()
    arrived_at = serializers.DateTimeField(allow_null=True)
    seated_at = serializers.DateTimeField(allow_null=True)
    dismissed_at = serializers.DateTimeField(allow_null=True)
    cancelled_at = serializers.DateTimeField(allow_null=True)
    is_overbooked = serializers.BooleanField()

    def to_representation(self, instance: Appointment) -> dict[str, Any]:
        """Return the card in the practice's time."""
        return card(instance, zone_of(dict(self.context)))


class AppointmentOutput(AppointmentCard):
    """One appointment with everything about it."""

    acts = serializers.ListField(child=serializers.UUIDField())
    cancel_reason = serializers.CharField()
    override_reason = serializers.CharField()
    allowed = serializers.ListField(
        child=serializers.CharField(), help_text="Verbs the current state allows."
    )

    def to_representation(self, instance: Appointment) -> dict[str, Any]:
        """Return the whole in the practice's time."""
        return detail(instance, zone_of(dict(self.context)))


class OverrideInput(serializers.Serializer[Any]):
    """Why an appointment is knowingly booked over others."""

    reason = serializers.CharField(max_length=200, min_length=3)


class TimeAsked(serializers.Serializer[Any]):
    """When, and for how long."""

    starts_at = PracticeTimeField()
    ends_at = PracticeTimeField(required=False)
    duration_minutes = serializers.IntegerField(min_value=5, max_value=720, required=False)
    acts = serializers.ListField(child=VisibleKeyField(Act), required=False, max_length=50)
    color = serializers.CharField(max_length=7, required=False, allow_blank=True, validators=[hex_color])
    override = OverrideInput(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Lift the override's reason to where the service takes it."""
        override = attrs.pop("override", None)
        if override:
            attrs["override_reason"] = override["reason"]
        return attrs


class BookInput(TimeAsked):
    """A new appointment; without an end or a duration it lasts as long as its type."""

    patient = VisibleKeyField(Patient)
    practitioner = VisibleKeyField(Practitioner)
    assistant = VisibleKeyField(Practitioner, required=False, allow_null=True)
    room = VisibleKeyField(Room)
    type = VisibleKeyField(AppointmentType)
    note = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class MoveInput(TimeAsked):
    """A move, a new length or other people; `version` is the one that was read."""

    version = serializers.IntegerField(min_value=1)
    starts_at = PracticeTimeField(required=False)
    practitioner = VisibleKeyField(Practitioner, required=False)
    assistant = VisibleKeyField(Practitioner, required=False, allow_null=True)
    room = VisibleKeyField(Room, required=False)
    type = VisibleKeyField(AppointmentType, required=False)


class CancelInput(serializers.Serializer[Any]):
    """Who cancels, and why."""

    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)
    cancelled_by = serializers.ChoiceField(
        choices=[("patient", _("the patient")), ("practice", _("the practice"))], default="practice"
    )


class NoteOutput(serializers.ModelSerializer[AppointmentNote]):
    """A remark on a visit."""

    author = NamedPerson(allow_null=True, read_only=True)
    noted_at = PracticeTimeField(read_only=True)
    body = serializers.CharField(read_only=True)

    class Meta:
        model = AppointmentNote
        fields = ("id", "author", "body", "noted_at")


class NoteInput(serializers.Serializer[Any]):
    """A new remark."""

    body = serializers.CharField(max_length=4000)


class TypeOutput(serializers.ModelSerializer[AppointmentType]):
    """A kind of visit."""

    practice = VisibleKeyField(read_only=True)

    class Meta:
        model = AppointmentType
        fields = (
            "id", "practice", "name", "duration_minutes", "color", "room_kind", "buffer_before_minutes",
            "buffer_after_minutes", "pattern", "is_online_bookable", "is_active", "position",
        )  # fmt: skip


class TypeInput(serializers.Serializer[Any]):
    """A new or changed kind of visit."""

    practice = VisibleKeyField(Practice, required=False, help_text="Only for the platform's administrator.")
    name = serializers.CharField(max_length=80)
    duration_minutes = serializers.IntegerField(min_value=5, max_value=720, required=False)
    color = serializers.CharField(max_length=7, required=False, validators=[hex_color])
    room_kind = serializers.ChoiceField(choices=Room.Kind.choices, required=False, allow_blank=True)
    buffer_before_minutes = serializers.IntegerField(min_value=0, max_value=120, required=False)
    buffer_after_minutes = serializers.IntegerField(min_value=0, max_value=120, required=False)
    pattern = serializers.CharField(
        max_length=144, required=False, allow_blank=True, validators=[pattern_syntax]
    )
    is_online_bookable = serializers.BooleanField(required=False)
    is_active = serializers.BooleanField(required=False)
    position = serializers.IntegerField(min_value=0, max_value=32767, required=False)


class AbsenceOutput(serializers.ModelSerializer[Absence]):
    """Time away; without a practitioner the practice is closed."""

    practitioner = VisibleKeyField(read_only=True, allow_null=True)
    starts_at = PracticeTimeField(read_only=True)
    ends_at = PracticeTimeField(read_only=True)

    class Meta:
        model = Absence
        fields = ("id", "practitioner", "kind", "starts_at", "ends_at", "reason")


class AbsenceInput(serializers.Serializer[Any]):
    """A new or changed absence."""

    practitioner = VisibleKeyField(Practitioner, required=False, allow_null=True)
    kind = serializers.ChoiceField(choices=Absence.Kind.choices, required=False)
    starts_at = PracticeTimeField()
    ends_at = PracticeTimeField()
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)


class AvailabilityQuery(serializers.Serializer[Any]):
    """What to look for."""

    type = VisibleKeyField(AppointmentType)
    practitioner = serializers.CharField(required=False, help_text="Keys, comma-separated; all when absent.")
    duration_minutes = serializers.IntegerField(min_value=5, max_value=720, required=False)
    step = serializers.IntegerField(
        min_value=5, max_value=60, default=15, help_text="Minutes between starts."
    )
    order = serializers.ChoiceField(choices=[("first", _("first")), ("best", _("best fit"))], default="first")
    limit = serializers.IntegerField(min_value=1, max_value=2000, default=500)
    vars()["from"] = serializers.DateField(help_text="First local day.")
    to = serializers.DateField(help_text="Last local day, inclusive.")

    def validate_practitioner(self, value: str) -> list[Practitioner]:
        """Return the practitioners named; one that cannot be seen reads as one that does not exist."""
        several = serializers.ListField(child=serializers.UUIDField(), max_length=50)
        several.bind("practitioner", self)
        keys = list(dict.fromkeys(several.run_validation([key.strip() for key in value.split(",")])))
        people = Practitioner.objects.visible_to(self.context["request"].user).in_bulk(keys)
        if len(people) < len(keys):
            raise serializers.ValidationError(_("This does not exist."))
        return [people[key] for key in keys]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a period that is turned round or too long."""
        if attrs["to"] < attrs["from"]:
            raise serializers.ValidationError({"to": _("The last day must not come before the first.")})
        if attrs["to"] - attrs["from"] > timedelta(days=MOST_DAYS):
            raise serializers.ValidationError(
                {"to": _("At most %(most)d days at once.") % {"most": MOST_DAYS}}
            )
        return attrs


class SlotOutput(serializers.Serializer[Any]):
    """A start that is free."""

    practitioner = serializers.UUIDField(source="practitioner_id")
    room = serializers.UUIDField(source="room_id")
    starts_at = PracticeTimeField()
    ends_at = PracticeTimeField()
