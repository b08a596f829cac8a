"""Series of appointments."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.agenda.api.serializers import AppointmentCard
from apps.agenda.models import Appointment, AppointmentType, Series
from apps.agenda.querysets import PatientRowQuerySet
from apps.agenda.selectors import series_of
from apps.agenda.services.series import SCOPES, book_series, change_series
from apps.core.api.fields import PracticeTimeField, VisibleKeyField
from apps.core.api.views import BaseViewSet
from apps.directory.models import Practitioner, Room
from apps.patients.models import Patient


class SeriesOutput(serializers.ModelSerializer[Series]):
    """Visits that were booked together, in their order."""

    patient = VisibleKeyField(read_only=True)
    appointments = AppointmentCard(many=True, source="shown_appointments", read_only=True)

    class Meta:
        model = Series
        fields = ("id", "patient", "rrule", "appointments")


class PlannedVisit(serializers.Serializer[Any]):
    """One visit of a series."""

    practitioner = VisibleKeyField(Practitioner)
    assistant = VisibleKeyField(Practitioner, required=False, allow_null=True)
    room = VisibleKeyField(Room)
    type = VisibleKeyField(AppointmentType)
    starts_at = PracticeTimeField()
    duration_minutes = serializers.IntegerField(min_value=5, max_value=720, required=False)


class SeriesInput(serializers.Serializer[Any]):
    """The steps of a plan, or one visit and the rule that repeats it."""

    patient = VisibleKeyField(Patient)
    visits = PlannedVisit(many=True, allow_empty=False)
    rrule = serializers.CharField(
        max_length=200, required=False, help_text="RFC 5545, with COUNT or UNTIL: FREQ=WEEKLY;COUNT=6"
    )
    skip_conflicts = serializers.BooleanField(default=False, help_text="Book what is possible.")


class SeriesChange(serializers.Serializer[Any]):
    """A change of one visit and, by scope, of others: a move, other people, or a cancellation."""

    appointment = VisibleKeyField(Appointment)
    scope = serializers.ChoiceField(choices=[(scope, scope) for scope in SCOPES])
    version = serializers.IntegerField(min_value=1)
    starts_at = PracticeTimeField(required=False)
    duration_minutes = serializers.IntegerField(min_value=5, max_value=720, required=False)
    practitioner = VisibleKeyField(Practitioner, required=False)
    assistant = VisibleKeyField(Practitioner, required=False, allow_null=True)
    room = VisibleKeyField(Room, required=False)
    type = VisibleKeyField(AppointmentType, required=False)
    cancel = serializers.BooleanField(default=False)
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)
    cancelled_by = serializers.ChoiceField(
        choices=[("patient", _("the patient")), ("practice", _("the practice"))], required=False
    )


class SeriesViewSet(BaseViewSet):
    """Visits that are booked and changed together, all of them or none."""

    queryset = Series.objects.none()
    permissions = {"create": "agenda.add_appointment", "partial_update": "agenda.change_appointment"}
    serializers = {"retrieve": SeriesOutput}
    inputs = {"create": SeriesInput, "partial_update": SeriesChange}
    filter_backends = ()

    def get_queryset(self) -> PatientRowQuerySet:
        """Return those of the caller's practice."""
        return series_of(viewer=self.caller)

    @extend_schema(request=SeriesInput, responses={201: SeriesOutput})
    def create(self, request: Request) -> Response:
        """Book a series; 409 SERIES_CONFLICTS names every visit that is not possible, and nothing is booked."""
        series = book_series(
            actor=self.caller, practice=self.caller.practice, at=timezone.now(), **self.parsed()
        )
        return self.answer(self.get_queryset().get(pk=series.pk), status=201)

    @extend_schema(request=SeriesChange, responses=SeriesOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change one visit, those from it on, or all; 409 SERIES_CONFLICTS as in booking, 409 STALE."""
        series = self.get_object()
        change_series(actor=self.caller, series=series, at=timezone.now(), **self.parsed())
        return self.answer(self.get_object())
