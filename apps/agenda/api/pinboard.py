"""The pinboard: visits without a time."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.agenda.api.filters import ChoicesFilter, KeysFilter
from apps.agenda.api.serializers import AppointmentOutput, NamedPerson, OverrideInput
from apps.agenda.models import AppointmentType, PinnedVisit, WaitlistEntry
from apps.agenda.querysets import PinnedQuerySet
from apps.agenda.selectors import appointment_for, pinned_of
from apps.agenda.services.pinboard import change_pinned, pin_visit, place_pinned, remove_pinned
from apps.core.api.fields import PracticeTimeField, VisibleKeyField
from apps.core.api.views import BaseViewSet
from apps.directory.models import Practitioner, Room
from apps.patients.models import Patient


class PinnedCard(serializers.ModelSerializer[PinnedVisit]):
    """A visit without a time, in the list: that there is a note, not what it says."""

    patient = NamedPerson(read_only=True)
    type = VisibleKeyField(read_only=True)
    practitioner = VisibleKeyField(read_only=True, allow_null=True)
    minutes = serializers.IntegerField(read_only=True, help_text="How long the visit would be.")
    has_note = serializers.SerializerMethodField()
    pinned_at = PracticeTimeField(read_only=True)
    closed_at = PracticeTimeField(read_only=True, allow_null=True)
    former = VisibleKeyField(read_only=True, allow_null=True)
    appointment = VisibleKeyField(read_only=True, allow_null=True)

    class Meta:
        model = PinnedVisit
        fields: tuple[str, ...] = (
            "id", "patient", "type", "practitioner", "duration_minutes", "minutes", "priority", "reason", "has_note",
            "status", "pinned_at", "closed_at", "closed_reason", "former", "appointment",
        )  # fmt: skip

    def get_has_note(self, pin: PinnedVisit) -> bool:
        """Say whether there is a note."""
        return bool(pin.note)


class PinnedOutput(PinnedCard):
    """A visit without a time, with its note."""

    note = serializers.CharField(read_only=True)

    class Meta(PinnedCard.Meta):
        fields = (*PinnedCard.Meta.fields, "note")


class PinnedChange(serializers.Serializer[Any]):
    """What is wanted."""

    type = VisibleKeyField(AppointmentType, required=False)
    practitioner = VisibleKeyField(Practitioner, required=False, allow_null=True)
    duration_minutes = serializers.IntegerField(min_value=5, max_value=720, required=False, allow_null=True)
    priority = serializers.ChoiceField(choices=WaitlistEntry.Priority.choices, required=False)
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)
    note = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class PinInput(PinnedChange):
    """Who is to come, and what for."""

    patient = VisibleKeyField(Patient)
    type = VisibleKeyField(AppointmentType)


class UnscheduleInput(serializers.Serializer[Any]):
    """Why a visit is taken off the agenda, and how it waits; what is left out stays as it was booked."""

    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)
    cancelled_by = serializers.ChoiceField(
        choices=[("patient", _("the patient")), ("practice", _("the practice"))], default="practice"
    )
    practitioner = VisibleKeyField(Practitioner, required=False, allow_null=True)
    priority = serializers.ChoiceField(choices=WaitlistEntry.Priority.choices, required=False)
    note = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class PlaceInput(serializers.Serializer[Any]):
    """Where and when; with whom, unless that was wished."""

    practitioner = VisibleKeyField(Practitioner, required=False)
    assistant = VisibleKeyField(Practitioner, required=False, allow_null=True)
    room = VisibleKeyField(Room)
    starts_at = PracticeTimeField()
    duration_minutes = serializers.IntegerField(min_value=5, max_value=720, required=False)
    override = OverrideInput(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Lift the override's reason to where the service takes it."""
        override = attrs.pop("override", None)
        return {**attrs, "override_reason": override["reason"]} if override else attrs


class RemoveInput(serializers.Serializer[Any]):
    """Why nobody looks for a time any more."""

    reason = serializers.CharField(max_length=200)


class PinnedFilter(filters.FilterSet):
    """What waits for a time, unless a status is asked for."""

    patient = KeysFilter(field_name="patient_id", label="Keys, comma-separated.")
    practitioner = KeysFilter(field_name="practitioner_id", label="Keys, comma-separated.")
    type = KeysFilter(field_name="type_id", label="Keys, comma-separated.")
    status = ChoicesFilter(choices=PinnedVisit.Status.choices, label="Statuses, comma-separated.")

    class Meta:
        model = PinnedVisit
        fields = ("patient", "practitioner", "type", "status")

    def filter_queryset(self, queryset: Any) -> Any:
        """Leave out what has a time or was removed, unless asked for."""
        rows: Any = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("status") else rows.waiting()


class PinboardViewSet(BaseViewSet):
    """Visits that are wanted and have no time yet."""

    queryset = PinnedVisit.objects.none()
    permissions = {
        "list": "agenda.view_pinnedvisit",
        "retrieve": "agenda.view_pinnedvisit",
        "create": "agenda.add_pinnedvisit",
        "partial_update": "agenda.change_pinnedvisit",
        "place": "agenda.add_appointment",
        "remove": "agenda.delete_pinnedvisit",
    }
    serializers = {"list": PinnedCard, "retrieve": PinnedOutput, "place": AppointmentOutput}
    inputs = {
        "create": PinInput,
        "partial_update": PinnedChange,
        "place": PlaceInput,
        "remove": RemoveInput,
    }
    # Whatever answers the note was read.
    recorded_reads = dict.fromkeys(("retrieve", "partial_update", "remove"), "agenda.pinned_visit.read")

    @property
    def filterset_class(self) -> type[PinnedFilter] | None:
        """Filter the list only: a visit is found by its key."""
        return PinnedFilter if self.action in {"list", None} else None

    def get_queryset(self) -> PinnedQuerySet:
        """Return those of the caller's practice."""
        return pinned_of(viewer=self.caller)

    def show(self, pin: PinnedVisit, status: int = 200) -> Response:
        """Answer one visit as it now stands."""
        return self.answer(self.get_queryset().get(pk=pin.pk), status=status)

    def list(self, request: Request) -> Response:
        """List what waits for a time, the most urgent and then the oldest first."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    @extend_schema(responses=PinnedOutput)
    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Show one with its note; this reading is recorded."""
        return self.answer(self.get_object())

    @extend_schema(request=PinInput, responses={201: PinnedOutput})
    def create(self, request: Request) -> Response:
        """Put a visit on the pinboard."""
        pin = pin_visit(actor=self.caller, practice=self.caller.practice, at=timezone.now(), **self.parsed())
        return self.show(pin, status=201)

    @extend_schema(request=PinnedChange, responses=PinnedOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change what is wanted; 409 NOT_PINNED once it has a time or was removed."""
        return self.show(change_pinned(actor=self.caller, pin=self.get_object(), **self.parsed(partial=True)))

    @extend_schema(request=PlaceInput, responses={201: AppointmentOutput})
    @action(detail=True, methods=["post"])
    def place(self, request: Request, pk: Any = None) -> Response:
        """Put it on the agenda; 409 as in booking, 409 NOT_PINNED when somebody else did first."""
        booked = place_pinned(actor=self.caller, pin=self.get_object(), at=timezone.now(), **self.parsed())
        shown = appointment_for(viewer=self.caller, pk=booked.pk)
        return self.answer(shown, status=201, action="place")

    @extend_schema(request=RemoveInput, responses=PinnedOutput)
    @action(detail=True, methods=["post"])
    def remove(self, request: Request, pk: Any = None) -> Response:
        """Take it down, for a reason."""
        removed = remove_pinned(actor=self.caller, pin=self.get_object(), at=timezone.now(), **self.parsed())
        return self.show(removed)
