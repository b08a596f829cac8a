"""Appointments, their types and notes, and absences."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.agenda import services
from apps.agenda.api.filters import AbsenceFilter, AppointmentFilter, TypeFilter
from apps.agenda.api.pinboard import PinnedOutput, UnscheduleInput
from apps.agenda.api.serializers import (
    AbsenceInput,
    AbsenceOutput,
    AppointmentCard,
    AppointmentOutput,
    AvailabilityQuery,
    BookInput,
    CancelInput,
    MoveInput,
    NoteInput,
    NoteOutput,
    SlotOutput,
    TypeInput,
    TypeOutput,
)
from apps.agenda.models import Absence, Appointment, AppointmentType
from apps.agenda.selectors import (
    absences_of,
    appointment_for,
    appointments_of,
    notes_of,
    pinned_of,
    receiving,
    types_of,
)
from apps.agenda.services.pinboard import unschedule
from apps.agenda.shapes import card_rows, cards_of
from apps.agenda.slots import find_slots
from apps.core.api.fields import zone_of
from apps.core.api.filters import refuse_unknown_parameters
from apps.core.api.pagination import WholePagination
from apps.core.api.views import BaseViewSet
from apps.core.errors import InvalidInput

VIEW = "agenda.view_appointment"
CHANGE = "agenda.change_appointment"


class AppointmentViewSet(BaseViewSet):
    """The agenda."""

    queryset = Appointment.objects.none()
    permissions = {
        "list": VIEW,
        "retrieve": VIEW,
        "create": "agenda.add_appointment",
        "partial_update": CHANGE,
        "cancel": CHANGE,
        "confirm": CHANGE,
        "decline": CHANGE,
        "arrive": CHANGE,
        "seat": CHANGE,
        "complete": CHANGE,
        "no_show": CHANGE,
        "undo": CHANGE,
        "unschedule": CHANGE,
        "notes": "agenda.view_appointmentnote",
        "add_note": "agenda.add_appointmentnote",
    }
    serializers = {
        "list": AppointmentCard,
        "retrieve": AppointmentOutput,
        "notes": NoteOutput,
        "unschedule": PinnedOutput,
    }
    recorded_reads = {"notes": "agenda.appointment_note.read"}
    inputs = {
        "create": BookInput,
        "partial_update": MoveInput,
        "cancel": CancelInput,
        "add_note": NoteInput,
        "unschedule": UnscheduleInput,
    }
    pagination_class = WholePagination
    filterset_class = AppointmentFilter

    def get_queryset(self) -> QuerySet[Appointment]:
        """Return those of the caller's practice."""
        return appointments_of(viewer=self.caller)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Apply the window to the list only: a detail has none."""
        return super().filter_queryset(queryset) if self.action == "list" else queryset

    def show(self, appointment: Appointment, status: int = 200) -> Response:
        """Answer one appointment as it now stands."""
        return self.answer(appointment_for(viewer=self.caller, pk=appointment.pk), status=status)

    def apply(self, verb: str) -> Response:
        """Apply a verb of the lifecycle."""
        appointment = self.get_object()
        services.change_appointment(actor=self.caller, appointment=appointment, verb=verb, at=timezone.now())
        return self.show(appointment)

    def list(self, request: Request) -> Response:
        """List a window of the agenda in one answer."""
        rows: Any = self.paginate_queryset(card_rows(self.filter_queryset(self.get_queryset())))
        return self.get_paginated_response(cards_of(rows, zone_of(self.get_serializer_context())))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Show one appointment."""
        return self.show(self.get_object())

    @extend_schema(request=BookInput, responses={201: AppointmentOutput})
    def create(self, request: Request) -> Response:
        """Book.

        409 SLOT_TAKEN, ROOM_TAKEN, PATIENT_BUSY, OUTSIDE_HOURS, PRACTITIONER_ABSENT or ROOM_NOT_SUITABLE.
        """
        booked = services.book_appointment(
            actor=self.caller, practice=self.caller.practice, at=timezone.now(), **self.parsed()
        )
        return self.show(booked, status=201)

    @extend_schema(request=MoveInput, responses=AppointmentOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Move, resize or reassign; 409 STALE when it was changed since `version`."""
        appointment = self.get_object()
        moved = services.move_appointment(
            actor=self.caller, appointment=appointment, at=timezone.now(), **self.parsed()
        )
        return self.show(moved)

    @extend_schema(request=CancelInput, responses=AppointmentOutput)
    @action(detail=True, methods=["patch"])
    def cancel(self, request: Request, pk: Any = None) -> Response:
        """Cancel for the patient or for the practice; its time is free again."""
        appointment = self.get_object()
        services.cancel_appointment(
            actor=self.caller, appointment=appointment, at=timezone.now(), **self.parsed()
        )
        return self.show(appointment)

    @extend_schema(request=None, responses=AppointmentOutput)
    @action(detail=True, methods=["post"])
    def confirm(self, request: Request, pk: Any = None) -> Response:
        """Note that the patient confirmed; a requested visit becomes a booked one."""
        return self.apply("confirm")

    @extend_schema(request=None, responses=AppointmentOutput)
    @action(detail=True, methods=["post"])
    def decline(self, request: Request, pk: Any = None) -> Response:
        """Note that the patient will not come; the time stays held until the visit is cancelled."""
        return self.apply("decline")

    @extend_schema(request=None, responses=AppointmentOutput)
    @action(detail=True, methods=["post"])
    def arrive(self, request: Request, pk: Any = None) -> Response:
        """Note that the patient is here."""
        return self.apply("arrive")

    @extend_schema(request=None, responses=AppointmentOutput)
    @action(detail=True, methods=["post"])
    def seat(self, request: Request, pk: Any = None) -> Response:
        """Note that the patient is in the chair."""
        return self.apply("seat")

    @extend_schema(request=None, responses=AppointmentOutput)
    @action(detail=True, methods=["post"])
    def complete(self, request: Request, pk: Any = None) -> Response:
        """End the visit; what is left of its time is free."""
        return self.apply("complete")

    @extend_schema(request=None, responses=AppointmentOutput)
    @action(detail=True, methods=["post"], url_path="no-show")
    def no_show(self, request: Request, pk: Any = None) -> Response:
        """Note that the patient did not come."""
        return self.apply("no-show")

    @extend_schema(request=None, responses=AppointmentOutput)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: Any = None) -> Response:
        """Take the last step back; 409 when the time was given to somebody else meanwhile."""
        return self.apply("undo")

    @extend_schema(request=UnscheduleInput, responses={201: PinnedOutput})
    @action(detail=True, methods=["post"])
    def unschedule(self, request: Request, pk: Any = None) -> Response:
        """Take the visit off the agenda and keep it on the pinboard until it has a new time."""
        pin = unschedule(actor=self.caller, appointment=self.get_object(), at=timezone.now(), **self.parsed())
        shown = pinned_of(viewer=self.caller).get(pk=pin.pk)
        return self.answer(shown, status=201, action="unschedule")

    @extend_schema(responses=NoteOutput(many=True))
    @action(detail=True, methods=["get"], filter_backends=())
    def notes(self, request: Request, pk: Any = None) -> Response:
        """List the remarks on a visit."""
        return self.answer_list(notes_of(viewer=self.caller, appointment=self.get_object()))

    @extend_schema(request=NoteInput, responses={201: NoteOutput})
    @notes.mapping.post
    def add_note(self, request: Request, pk: Any = None) -> Response:
        """Add a remark."""
        note = services.add_note(
            actor=self.caller, appointment=self.get_object(), at=timezone.now(), **self.parsed()
        )
        return self.answer(note, status=201, action="notes")


class AppointmentTypeViewSet(BaseViewSet):
    """Kinds of visit."""

    queryset = AppointmentType.objects.none()
    permissions = {
        "list": "agenda.view_appointmenttype",
        "retrieve": "agenda.view_appointmenttype",
        "create": "agenda.add_appointmenttype",
        "partial_update": "agenda.change_appointmenttype",
        "destroy": "agenda.delete_appointmenttype",
    }
    serializers = {"list": TypeOutput, "retrieve": TypeOutput}
    inputs = {"create": TypeInput, "partial_update": TypeInput}
    pagination_class = WholePagination
    filterset_class = TypeFilter

    def get_queryset(self) -> QuerySet[AppointmentType]:
        """Return those of the caller's practice."""
        return types_of(viewer=self.caller)

    def list(self, request: Request) -> Response:
        """List kinds of visit."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Show one kind of visit."""
        return self.answer(self.get_object())

    @extend_schema(request=TypeInput, responses={201: TypeOutput})
    def create(self, request: Request) -> Response:
        """Add a kind of visit."""
        body = self.parsed()
        given = body.pop("practice", None)
        practice = self.caller.practice or given
        if practice is None:
            raise InvalidInput(practice=[_("Name the practice this belongs to.")])
        return self.answer(services.create_type(actor=self.caller, practice=practice, **body), status=201)

    @extend_schema(request=TypeInput, responses=TypeOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change a kind of visit."""
        kind = self.get_object()
        body = self.parsed(partial=True)
        body.pop("practice", None)
        return self.answer(services.change_type(actor=self.caller, appointment_type=kind, **body))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any = None) -> Response:
        """Take a kind of visit out of use."""
        services.remove_type(actor=self.caller, appointment_type=self.get_object(), at=timezone.now())
        return Response(status=204)


class AbsenceViewSet(BaseViewSet):
    """Absences and closures."""

    queryset = Absence.objects.none()
    permissions = {
        "list": "agenda.view_absence",
        "create": "agenda.add_absence",
        "partial_update": "agenda.change_absence",
        "destroy": "agenda.delete_absence",
    }
    serializers = {"list": AbsenceOutput, "retrieve": AbsenceOutput}
    inputs = {"create": AbsenceInput, "partial_update": AbsenceInput}
    filterset_class = AbsenceFilter

    def get_queryset(self) -> QuerySet[Absence]:
        """Return those of the caller's practice."""
        return absences_of(viewer=self.caller)

    def list(self, request: Request) -> Response:
        """List absences and closures."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    @extend_schema(request=AbsenceInput, responses={201: AbsenceOutput})
    def create(self, request: Request) -> Response:
        """Note an absence, or a closure of the practice."""
        absence = services.create_absence(actor=self.caller, practice=self.caller.practice, **self.parsed())
        return self.answer(absence, status=201)

    @extend_schema(request=AbsenceInput, responses=AbsenceOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change an absence."""
        absence = self.get_object()
        return self.answer(
            services.change_absence(actor=self.caller, absence=absence, **self.parsed(partial=True))
        )

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any = None) -> Response:
        """Take an absence back."""
        services.remove_absence(actor=self.caller, absence=self.get_object())
        return Response(status=204)


class AvailabilityViewSet(BaseViewSet):
    """Free time."""

    queryset = Appointment.objects.none()
    permissions = {"list": VIEW}
    serializers = {"list": SlotOutput}
    inputs = {"list": AvailabilityQuery}
    pagination_class = WholePagination
    filter_backends = ()

    @extend_schema(parameters=[AvailabilityQuery], responses=SlotOutput(many=True))
    def list(self, request: Request) -> Response:
        """Find free starts for a type of visit, by time or by best fit."""
        refuse_unknown_parameters(request, frozenset(AvailabilityQuery().fields))
        query = AvailabilityQuery(data=request.query_params.dict(), context=self.get_serializer_context())
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        return self.answer_list(
            find_slots(
                practice=self.caller.practice,
                kind=asked["type"],
                practitioners=asked.get("practitioner") or list(receiving(viewer=self.caller)),
                first=asked["from"],
                last=asked["to"],
                at=timezone.now(),
                minutes=asked.get("duration_minutes"),
                step=asked["step"],
                best_fit=asked["order"] == "best",
                limit=asked["limit"],
            )
        )
