"""Holidays worked, and addresses for calendar programs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.agenda.models import CalendarToken, OpenHoliday
from apps.agenda.services.calendars import address_of, issue_calendar_token, revoke_calendar_token
from apps.agenda.services.days import close_holiday, open_holiday
from apps.core.admin import ServiceModelAdmin, service_action


@admin.register(OpenHoliday)
class OpenHolidayAdmin(ServiceModelAdmin):
    """Public holidays on which the practice receives."""

    create_service = open_holiday
    delete_service = close_holiday
    service_object = "open_holiday"
    list_display = ("day",)
    ordering = ("-day", "pk")
    fields = ("day",)


@admin.register(CalendarToken)
class CalendarTokenAdmin(ServiceModelAdmin):
    """Addresses for calendar programs: made, shown once, revoked."""

    create_service = issue_calendar_token
    list_display = ("practitioner_name", "label", "issued_at", "revoked_at")
    list_select_related = ("practitioner",)
    list_filter = ("issued_at",)
    search_fields = ("practitioner__last_name", "label")
    ordering = ("-issued_at", "pk")
    fields = ("practitioner", "label", ("issued_at", "revoked_at"))
    actions = ("revoke_address",)

    @service_action(
        _("Revoke"),
        "agenda.add_calendartoken",
        confirm=True,
        when=lambda token: token.revoked_at is None,
        icon="link_off",
        danger=True,
    )
    def revoke_address(self, request: HttpRequest, obj: CalendarToken) -> None:
        """End the address at once."""
        revoke_calendar_token(actor=self.actor(request), token=obj, at=timezone.now())

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask only for what is chosen."""
        return ("practitioner", "label") if obj is None else self.fields

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Make the address and show it, this once."""
        token, secret = super().create_object(request, data)
        messages.warning(
            request,
            _("Copy this address now, it is not shown again: %(address)s")
            % {"address": address_of(token, secret)},
        )
        return token

    def choices_for(self, db_field: Any, request: HttpRequest) -> QuerySet[Any]:
        """Offer who is in use."""
        rows = super().choices_for(db_field, request)
        return rows.filter(is_active=True) if db_field.name == "practitioner" else rows

    def object_label(self, obj: CalendarToken) -> str:
        """Return whose agenda it is."""
        return obj.practitioner.display_name

    @display(description=_("practitioner"), ordering="practitioner__last_name")
    def practitioner_name(self, obj: CalendarToken) -> str:
        """Return the practitioner's name."""
        return obj.practitioner.display_name
