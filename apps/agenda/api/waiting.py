"""The waiting list."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.agenda.api.filters import ChoicesFilter, KeysFilter
from apps.agenda.api.serializers import NamedPerson
from apps.agenda.models import AppointmentType, WaitlistEntry, WaitlistOffer
from apps.agenda.querysets import PatientRowQuerySet
from apps.agenda.selectors import waitlist_of
from apps.agenda.services.offers import offer_time
from apps.agenda.services.waiting import add_to_waitlist, change_waitlist, withdraw_from_waitlist
from apps.core.api.fields import PracticeTimeField, VisibleKeyField
from apps.core.api.views import BaseViewSet
from apps.directory.models import OpeningHours, Practitioner, Room
from apps.patients.models import Patient


class OfferOutput(serializers.ModelSerializer[WaitlistOffer]):
    """A time offered to a waiting patient."""

    entry = VisibleKeyField(read_only=True)
    practitioner = VisibleKeyField(read_only=True)
    room = VisibleKeyField(read_only=True)
    starts_at = PracticeTimeField(read_only=True)
    ends_at = PracticeTimeField(read_only=True)
    offered_at = PracticeTimeField(read_only=True)
    expires_at = PracticeTimeField(read_only=True)
    appointment = VisibleKeyField(read_only=True, allow_null=True)

    class Meta:
        model = WaitlistOffer
        fields = (
            "id", "entry", "practitioner", "room", "starts_at", "ends_at", "offered_at", "expires_at", "state",
            "channel", "appointment",
        )  # fmt: skip


class WaitlistOutput(serializers.ModelSerializer[WaitlistEntry]):
    """A waiting patient and what was offered, the last offer first."""

    patient = NamedPerson(read_only=True)
    type = VisibleKeyField(read_only=True)
    practitioner = VisibleKeyField(read_only=True, allow_null=True)
    requested_at = PracticeTimeField(read_only=True)
    appointment = VisibleKeyField(read_only=True, allow_null=True)
    offers = OfferOutput(many=True, read_only=True)

    class Meta:
        model = WaitlistEntry
        fields = (
            "id", "patient", "type", "practitioner", "duration_minutes", "weekdays", "earliest", "latest", "valid_from",
            "valid_until", "priority", "note", "status", "requested_at", "appointment", "offers",
        )  # fmt: skip


class WaitlistChange(serializers.Serializer[Any]):
    """What a patient waits for."""

    type = VisibleKeyField(AppointmentType, required=False)
    practitioner = VisibleKeyField(Practitioner, required=False, allow_null=True)
    duration_minutes = serializers.IntegerField(min_value=5, max_value=720, required=False, allow_null=True)
    weekdays = serializers.ListField(
        child=serializers.ChoiceField(choices=OpeningHours.Weekday.choices), required=False, max_length=7
    )
    earliest = serializers.TimeField(required=False, allow_null=True)
    latest = serializers.TimeField(required=False, allow_null=True)
    valid_from = serializers.DateField(required=False, allow_null=True)
    valid_until = serializers.DateField(required=False, allow_null=True)
    priority = serializers.ChoiceField(choices=WaitlistEntry.Priority.choices, required=False)
    note = serializers.CharField(max_length=200, required=False, allow_blank=True)


class WaitlistInput(WaitlistChange):
    """Who waits, and for what."""

    patient = VisibleKeyField(Patient)
    type = VisibleKeyField(AppointmentType)


class OfferInput(serializers.Serializer[Any]):
    """The time to offer; it lasts as long as the patient's visit."""

    practitioner = VisibleKeyField(Practitioner)
    room = VisibleKeyField(Room)
    starts_at = PracticeTimeField()


class WaitlistFilter(filters.FilterSet):
    """Who waits; everybody who still does unless a status is asked for."""

    patient = KeysFilter(field_name="patient_id", label="Keys, comma-separated.")
    practitioner = KeysFilter(field_name="practitioner_id", label="Keys, comma-separated.")
    type = KeysFilter(field_name="type_id", label="Keys, comma-separated.")
    status = ChoicesFilter(choices=WaitlistEntry.Status.choices, label="Statuses, comma-separated.")

    class Meta:
        model = WaitlistEntry
        fields = ("patient", "practitioner", "type", "status")

    def filter_queryset(self, queryset: Any) -> Any:
        """Leave out who waits no more, unless asked for."""
        rows = super().filter_queryset(queryset)
        if self.form.cleaned_data.get("status"):
            return rows
        return rows.filter(status=WaitlistEntry.Status.WAITING)


class WaitlistViewSet(BaseViewSet):
    """Who would come sooner."""

    queryset = WaitlistEntry.objects.none()
    permissions = {
        "list": "agenda.view_waitlistentry",
        "create": "agenda.add_waitlistentry",
        "partial_update": "agenda.change_waitlistentry",
        "destroy": "agenda.delete_waitlistentry",
        "offer": "agenda.add_waitlistoffer",
    }
    serializers = {"list": WaitlistOutput, "retrieve": WaitlistOutput, "offer": OfferOutput}
    inputs = {"create": WaitlistInput, "partial_update": WaitlistChange, "offer": OfferInput}

    @property
    def filterset_class(self) -> type[WaitlistFilter] | None:
        """Filter the list only: an entry is found by its key."""
        return WaitlistFilter if self.action in {"list", None} else None

    def get_queryset(self) -> PatientRowQuerySet:
        """Return those of the caller's practice."""
        return waitlist_of(viewer=self.caller)

    def show(self, entry: WaitlistEntry, status: int = 200) -> Response:
        """Answer one entry as it now stands."""
        return self.answer(self.get_queryset().get(pk=entry.pk), status=status)

    def list(self, request: Request) -> Response:
        """List who waits, the most urgent and then the longest waiting first."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    @extend_schema(request=WaitlistInput, responses={201: WaitlistOutput})
    def create(self, request: Request) -> Response:
        """Put a patient on the list."""
        entry = add_to_waitlist(
            actor=self.caller, practice=self.caller.practice, at=timezone.now(), **self.parsed()
        )
        return self.show(entry, status=201)

    @extend_schema(request=WaitlistChange, responses=WaitlistOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change what a patient waits for; 409 NOT_WAITING once they are booked."""
        entry = self.get_object()
        return self.show(change_waitlist(actor=self.caller, entry=entry, **self.parsed(partial=True)))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any = None) -> Response:
        """Take a patient off the list, and back what they were offered."""
        withdraw_from_waitlist(actor=self.caller, entry=self.get_object(), at=timezone.now())
        return Response(status=204)

    @extend_schema(request=OfferInput, responses={201: OfferOutput})
    @action(detail=True, methods=["post"])
    def offer(self, request: Request, pk: Any = None) -> Response:
        """Offer a time by message; several patients may be offered one, the first to accept has it."""
        made = offer_time(actor=self.caller, entry=self.get_object(), at=timezone.now(), **self.parsed())
        return self.answer(made, status=201, action="offer")
