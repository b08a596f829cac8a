"""Following the agenda: numbered changes, the day on paper, and calendars."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.utils import timezone, translation
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from apps.agenda.api.serializers import AppointmentCard
from apps.agenda.calendars import calendar_of
from apps.agenda.day_sheet import columns_of, render_day_sheet
from apps.agenda.models import AgendaChange, Appointment, CalendarToken
from apps.agenda.selectors import changes_since
from apps.agenda.services.calendars import token_of
from apps.agenda.shapes import card
from apps.core.api.fields import zone_of
from apps.core.api.filters import refuse_unknown_parameters
from apps.core.api.pagination import envelope
from apps.core.api.permissions import ANONYMOUS
from apps.core.api.views import BaseViewSet
from apps.core.errors import DependencyDown, DomainError
from apps.core.limits import RateLimited, reserve
from apps.core.middleware import client_address

VIEW = "agenda.view_appointment"
CALLS_PER_MINUTE = 20


class CalendarClosed(DomainError):
    """No living secret stands for this calendar."""

    code = "UNAUTHENTICATED"
    status = 401


class ChangesQuery(serializers.Serializer[Any]):
    """From where on."""

    since = serializers.IntegerField(
        min_value=0, help_text="The last number that was seen; 0: from the beginning."
    )
    limit = serializers.IntegerField(min_value=1, max_value=500, default=200)


class ChangeOutput(serializers.Serializer[Any]):
    """One change, and the visit as it is now; null when the caller may not see it."""

    sequence = serializers.IntegerField()
    type = serializers.ChoiceField(choices=AgendaChange.Event.choices)
    at = serializers.DateTimeField()
    appointment = AppointmentCard(allow_null=True)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Return the change as the web socket tells it."""
        zone = zone_of(dict(self.context))
        return {
            "sequence": instance.sequence,
            "type": instance.event,
            "at": instance.committed_at.astimezone(zone).isoformat(),
            "appointment": card(instance.shown, zone) if instance.shown else None,
        }


class NextPagination(BasePagination):
    """The envelope of lists for answers that are cut by their own parameters."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe the envelope."""
        return envelope(schema, {"type": "integer"})


class ChangesViewSet(BaseViewSet):
    """What was committed since."""

    queryset = AgendaChange.objects.none()
    permissions = {"list": VIEW}
    serializers = {"list": ChangeOutput}
    pagination_class = NextPagination
    filter_backends = ()

    @extend_schema(parameters=[ChangesQuery], responses=ChangeOutput(many=True))
    def list(self, request: Request) -> Response:
        """List changes after a number, oldest first; 409 CHANGES_FORGOTTEN when some are no longer kept."""
        refuse_unknown_parameters(request, frozenset({"since", "limit", "format"}))
        query = ChangesQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        changes = changes_since(viewer=self.caller, since=asked["since"], limit=asked["limit"])
        following = None
        if len(changes) == asked["limit"]:
            rest = urlencode({"since": changes[-1].sequence, "limit": asked["limit"]})
            following = request.build_absolute_uri(f"{request.path}?{rest}")
        rows = ChangeOutput(changes, many=True, context=self.get_serializer_context()).data
        return Response({"count": len(rows), "next": following, "previous": None, "results": rows})


class DaySheetQuery(serializers.Serializer[Any]):
    """Which day."""

    date = serializers.DateField(required=False, help_text="Local day; today when absent.")


class DaySheetViewSet(BaseViewSet):
    """The day on paper."""

    queryset = Appointment.objects.none()
    permissions = {"list": VIEW}
    pagination_class = None
    filter_backends = ()

    @extend_schema(parameters=[DaySheetQuery], responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    def list(self, request: Request) -> HttpResponse:
        """Print the visits of a day, a page for each practitioner."""
        refuse_unknown_parameters(request, frozenset({"date"}))
        query = DaySheetQuery(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        practice, now = self.caller.practice, timezone.now()
        day = query.validated_data.get("date") or now.astimezone(practice.zone).date()
        columns = columns_of(viewer=self.caller, practice=practice, day=day)
        self.record_read([visit for column in columns for visit in column.visits])
        pdf = render_day_sheet(practice=practice, day=day, columns=columns, at=now)
        headers = {"Content-Disposition": f'inline; filename="agenda-{day:%Y-%m-%d}.pdf"'}
        return HttpResponse(pdf, content_type="application/pdf", headers=headers)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Take any Accept header for the file, whose refusals are JSON like all others."""
        return super().perform_content_negotiation(request, force=True)


class CalendarViewSet(BaseViewSet):
    """A practitioner's agenda for calendar programs, under a secret that can be revoked."""

    queryset = CalendarToken.objects.none()
    permissions = {"list": ANONYMOUS}
    authentication_classes = ()
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        auth=[],
        parameters=[OpenApiParameter("token", str, required=True, description="The secret of the address.")],
        responses={(200, "text/calendar"): OpenApiTypes.STR},
    )
    def list(self, request: Request, pk: Any = None) -> HttpResponse:
        """Return times and rooms as iCalendar; neither names nor reasons."""
        try:
            wait = reserve(f"calendar:{client_address(request)}", limit=CALLS_PER_MINUTE, window=60)
        except DependencyDown:
            wait = 0  # the secret alone is beyond guessing
        if wait:
            raise RateLimited(retry_after=wait)
        token = token_of(practitioner_id=pk, secret=request.query_params.get("token", ""))
        if token is None:
            raise CalendarClosed
        with translation.override("fr"):
            feed = calendar_of(token.practitioner, timezone.now())
        headers = {
            "Content-Disposition": 'inline; filename="agenda.ics"',
            "Cache-Control": "private, no-store",
        }
        return HttpResponse(feed, content_type="text/calendar; charset=utf-8", headers=headers)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Take any Accept header: calendar programs send their own."""
        return super().perform_content_negotiation(request, force=True)
