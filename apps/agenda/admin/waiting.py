"""The waiting list in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.agenda.models import WaitlistEntry, WaitlistOffer
from apps.agenda.services.waiting import add_to_waitlist, change_waitlist, withdraw_from_waitlist
from apps.core.admin import ServiceModelAdmin, ServiceTabularInline

WISHES = (
    ("type", "practitioner"),
    ("duration_minutes", "priority"),
    "weekdays",
    ("earliest", "latest"),
    ("valid_from", "valid_until"),
    "note",
)


class OfferInline(ServiceTabularInline):
    """What was offered, and how it ended."""

    model = WaitlistOffer
    fields = ("offered_at", "starts_at", "expires_at", "channel", "state")
    readonly_fields = fields
    show_change_link = False
    ordering = ("-offered_at", "pk")


@admin.register(WaitlistEntry)
class WaitlistEntryAdmin(ServiceModelAdmin):
    """Who would come sooner, and what they were offered."""

    create_service = add_to_waitlist
    update_service = change_waitlist
    delete_service = withdraw_from_waitlist
    service_object = "entry"
    list_display = ("patient_name", "type", "practitioner_name", "priority", "requested_at", "status")
    list_filter = ("status", "priority")
    list_select_related = ("patient", "type", "practitioner")
    search_fields = ("patient__last_name", "patient__first_name")
    autocomplete_fields = ("patient",)
    ordering = ("-priority", "requested_at", "pk")
    inlines = (OfferInline,)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for patient and wishes; show how it stands afterwards."""
        return ("patient", *WISHES, *(("requested_at", "status") if obj else ()))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave the patient and the state to the services."""
        return ("patient", "requested_at", "status") if obj else ()

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show offers once there is an entry."""
        return () if obj is None else self.inlines

    def object_label(self, obj: WaitlistEntry) -> str:
        """Return who waits."""
        return obj.patient.display_name

    @display(description=_("patient"), ordering="patient__sort_name")
    def patient_name(self, obj: WaitlistEntry) -> str:
        """Return the patient's name."""
        return obj.patient.display_name

    @display(description=_("practitioner"), ordering="practitioner__last_name")
    def practitioner_name(self, obj: WaitlistEntry) -> str:
        """Return the wished practitioner's name."""
        return obj.practitioner.display_name if obj.practitioner else ""
