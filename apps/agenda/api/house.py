"""What a practice arranges for its agenda: calendar addresses, reasons to come again, public holidays worked."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.agenda.api.filters import KeysFilter
from apps.agenda.models import AppointmentType, CalendarToken, OpenHoliday, RecallType
from apps.agenda.selectors import calendar_tokens_of, open_holidays_of, recall_types_of
from apps.agenda.services.calendars import address_of, issue_calendar_token, revoke_calendar_token
from apps.agenda.services.days import close_holiday, open_holiday
from apps.agenda.services.recalls import change_recall_type, create_recall_type, remove_recall_type
from apps.core.api.fields import PracticeTimeField, VisibleKeyField
from apps.core.api.pagination import WholePagination
from apps.core.api.views import BaseViewSet
from apps.directory.holidays import holidays_between
from apps.directory.models import Practitioner


class CalendarTokenOutput(serializers.ModelSerializer[CalendarToken]):
    """An address for calendar programs, without its secret."""

    practitioner = VisibleKeyField(read_only=True)
    issued_at = PracticeTimeField(read_only=True)
    revoked_at = PracticeTimeField(read_only=True, allow_null=True)

    class Meta:
        model = CalendarToken
        fields: tuple[str, ...] = ("id", "practitioner", "label", "issued_at", "revoked_at")


class IssuedCalendarToken(CalendarTokenOutput):
    """A new address; it is shown this once."""

    address = serializers.CharField(source="shown_address", read_only=True)

    class Meta(CalendarTokenOutput.Meta):
        fields = (*CalendarTokenOutput.Meta.fields, "address")


class CalendarTokenInput(serializers.Serializer[Any]):
    """Whose agenda, and what follows it."""

    practitioner = VisibleKeyField(Practitioner)
    label = serializers.CharField(max_length=60, required=False, allow_blank=True)  # type: ignore[assignment]  # the contract's word


class CalendarTokenFilter(filters.FilterSet):
    """By practitioner, and whether they still open the calendar."""

    practitioner = KeysFilter(field_name="practitioner_id", label="Keys, comma-separated.")
    revoked = filters.BooleanFilter(field_name="revoked_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = CalendarToken
        fields: tuple[str, ...] = ()


class CalendarTokenViewSet(BaseViewSet):
    """Secret addresses under which a calendar program follows a practitioner."""

    queryset = CalendarToken.objects.none()
    permissions = {
        "list": "agenda.view_calendartoken",
        "create": "agenda.add_calendartoken",
        "destroy": "agenda.add_calendartoken",
    }
    serializers = {
        "list": CalendarTokenOutput,
        "retrieve": CalendarTokenOutput,
        "create": IssuedCalendarToken,
    }
    inputs = {"create": CalendarTokenInput}

    @property
    def filterset_class(self) -> type[CalendarTokenFilter] | None:
        """Filter the list only."""
        return CalendarTokenFilter if self.action in {"list", None} else None

    def get_queryset(self) -> QuerySet[CalendarToken]:
        """Return the caller's own; all of the practice to who runs it."""
        return calendar_tokens_of(viewer=self.caller)

    def list(self, request: Request) -> Response:
        """List addresses, the last made first; their secrets are not kept."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    @extend_schema(request=CalendarTokenInput, responses={201: IssuedCalendarToken})
    def create(self, request: Request) -> Response:
        """Make an address; it is shown this once. Another's agenda is for who runs the practice."""
        token, secret = issue_calendar_token(
            actor=self.caller, practice=self.caller.practice, at=timezone.now(), **self.parsed()
        )
        token.shown_address = address_of(token, secret)  # type: ignore[attr-defined]  # for this answer only
        return self.answer(token, status=201, action="create")

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any = None) -> Response:
        """End an address, at once and for good; it stays in the list as revoked."""
        revoke_calendar_token(actor=self.caller, token=self.get_object(), at=timezone.now())
        return Response(status=204)


class RecallTypeOutput(serializers.ModelSerializer[RecallType]):
    """Why a patient is to come again, and when they are written to."""

    appointment_type = VisibleKeyField(read_only=True, allow_null=True)

    class Meta:
        model = RecallType
        fields = (
            "id", "name", "interval_months", "appointment_type", "sends_messages", "lead_days", "is_active",
        )  # fmt: skip


class RecallTypeInput(serializers.Serializer[Any]):
    """A new or changed reason."""

    name = serializers.CharField(max_length=80)
    interval_months = serializers.IntegerField(min_value=1, max_value=120, required=False)
    appointment_type = VisibleKeyField(AppointmentType, required=False, allow_null=True)
    sends_messages = serializers.BooleanField(required=False)
    lead_days = serializers.IntegerField(min_value=0, max_value=90, required=False)
    is_active = serializers.BooleanField(required=False)


class RecallTypeFilter(filters.FilterSet):
    """Those in use."""

    is_active = filters.BooleanFilter()

    class Meta:
        model = RecallType
        fields: tuple[str, ...] = ()


class RecallTypeViewSet(BaseViewSet):
    """Reasons to come again."""

    queryset = RecallType.objects.none()
    permissions = {
        "list": "agenda.view_recalltype",
        "retrieve": "agenda.view_recalltype",
        "create": "agenda.add_recalltype",
        "partial_update": "agenda.change_recalltype",
        "destroy": "agenda.delete_recalltype",
    }
    serializers = {"list": RecallTypeOutput, "retrieve": RecallTypeOutput}
    inputs = {"create": RecallTypeInput, "partial_update": RecallTypeInput}
    pagination_class = WholePagination

    @property
    def filterset_class(self) -> type[RecallTypeFilter] | None:
        """Filter the list only."""
        return RecallTypeFilter if self.action in {"list", None} else None

    def get_queryset(self) -> QuerySet[RecallType]:
        """Return those of the caller's practice."""
        return recall_types_of(viewer=self.caller)

    def list(self, request: Request) -> Response:
        """List reasons to come again."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Show one reason."""
        return self.answer(self.get_object())

    @extend_schema(request=RecallTypeInput, responses={201: RecallTypeOutput})
    def create(self, request: Request) -> Response:
        """Add a reason."""
        kind = create_recall_type(actor=self.caller, practice=self.caller.practice, **self.parsed())
        return self.answer(kind, status=201)

    @extend_schema(request=RecallTypeInput, responses=RecallTypeOutput)
    def partial_update(self, request: Request, pk: Any = None) -> Response:
        """Change it; open recalls take a new interval, dates somebody set themselves stay."""
        kind = self.get_object()
        body = self.parsed(partial=True)
        changed = change_recall_type(actor=self.caller, recall_type=kind, at=timezone.now(), **body)
        return self.answer(changed)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any = None) -> Response:
        """Take it out of use; recalls keep it."""
        remove_recall_type(actor=self.caller, recall_type=self.get_object(), at=timezone.now())
        return Response(status=204)


class HolidayOutput(serializers.ModelSerializer[OpenHoliday]):
    """A public holiday on which the practice receives."""

    name = serializers.SerializerMethodField()

    class Meta:
        model = OpenHoliday
        fields = ("id", "day", "name")

    def get_name(self, holiday: OpenHoliday) -> str:
        """Name the holiday, as the practice's country does."""
        known = holidays_between(holiday.practice.country, holiday.day, holiday.day)
        return str(known.get(holiday.day, ""))


class HolidayInput(serializers.Serializer[Any]):
    """The holiday."""

    day = serializers.DateField()


class OpenHolidayViewSet(BaseViewSet):
    """Public holidays worked, at the weekday's usual hours."""

    queryset = OpenHoliday.objects.none()
    permissions = {
        "list": "agenda.view_openholiday",
        "create": "agenda.add_openholiday",
        "destroy": "agenda.delete_openholiday",
    }
    serializers = {"list": HolidayOutput, "retrieve": HolidayOutput}
    inputs = {"create": HolidayInput}

    def get_queryset(self) -> QuerySet[OpenHoliday]:
        """Return those of the caller's practice."""
        return open_holidays_of(viewer=self.caller)

    def list(self, request: Request) -> Response:
        """List public holidays worked, the last first."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    @extend_schema(request=HolidayInput, responses={201: HolidayOutput})
    def create(self, request: Request) -> Response:
        """Receive on a public holiday."""
        row = open_holiday(actor=self.caller, practice=self.caller.practice, **self.parsed())
        return self.answer(row, status=201)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: Any = None) -> Response:
        """Keep the holiday after all; visits already booked stay."""
        close_holiday(actor=self.caller, open_holiday=self.get_object())
        return Response(status=204)
