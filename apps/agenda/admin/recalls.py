"""Recalls in the admin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from apps.agenda.models import Recall, RecallAttempt, RecallType
from apps.agenda.services.recalls import (
    change_recall,
    change_recall_type,
    create_recall,
    create_recall_type,
    note_attempt,
    remove_recall_type,
)
from apps.core.admin import ServiceModelAdmin, ServiceTabularInline, service_action

Outcome, Channel = RecallAttempt.Outcome, RecallAttempt.Channel
ATTEMPT = "agenda.add_recallattempt"


@admin.register(RecallType)
class RecallTypeAdmin(ServiceModelAdmin):
    """Reasons to come again."""

    create_service = create_recall_type
    update_service = change_recall_type
    delete_service = remove_recall_type
    service_object = "recall_type"
    list_display = ("name", "interval_months", "appointment_type", "sends_messages", "is_active")
    list_filter = ("is_active", "sends_messages")
    list_select_related = ("appointment_type",)
    search_fields = ("name",)
    ordering = ("name", "pk")
    fields = ("name", ("interval_months", "appointment_type"), ("sends_messages", "lead_days"), "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RecallType]:
        """Leave out the types taken out of use."""
        rows: QuerySet[RecallType] = super().get_queryset(request).filter(deleted_at__isnull=True)
        return rows


class DueFilter(DropdownFilter):  # type: ignore[misc]  # unfold ships no types
    """Whose date has passed, or is near, by the practice's clock."""

    title = _("due")
    parameter_name = "due"
    spans = {"passed": 0, "month": 31, "quarter": 92}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer how far to look ahead."""
        return [
            ("passed", _("Until today")),
            ("month", _("Within 31 days")),
            ("quarter", _("Within three months")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Recall]) -> Any:
        """Keep what is due by then."""
        span = self.spans.get(self.value() or "")
        return queryset if span is None else queryset.filter(due_on__lte=localdate() + timedelta(days=span))


class AttemptInline(ServiceTabularInline):
    """Who tried to reach the patient."""

    model = RecallAttempt
    fields = ("attempted_at", "author", "channel", "outcome", "note")
    readonly_fields = fields
    show_change_link = False
    ordering = ("-attempted_at", "pk")


def call_action(outcome: str, label: Any, icon: str) -> Any:
    """Make an action that notes how a call ended."""

    def act(self: Any, request: HttpRequest, obj: Recall) -> None:
        note_attempt(
            actor=self.actor(request), recall=obj, at=timezone.now(), channel=Channel.PHONE, outcome=outcome
        )

    act.__name__ = f"called_{outcome}"
    return service_action(label, ATTEMPT, when=lambda recall: recall.status == "active", icon=icon)(act)


@admin.register(Recall)
class RecallAdmin(ServiceModelAdmin):
    """The call list."""

    create_service = create_recall
    update_service = change_recall
    list_display = ("patient_name", "type", "due_on", "snoozed_until", "status")
    list_filter = ("status", DueFilter, "type")
    list_select_related = ("patient", "type", "practitioner")
    search_fields = ("patient__last_name", "patient__first_name", "patient__phone")
    search_help_text = _("Name or phone of the patient")
    autocomplete_fields = ("patient",)
    ordering = ("due_on", "pk")
    inlines = (AttemptInline,)
    actions = ("called_no_answer", "called_left_message", "called_calls_back", "called_refused")
    called_no_answer = call_action(Outcome.NO_ANSWER, _("No answer"), "phone_missed")
    called_left_message = call_action(Outcome.LEFT_MESSAGE, _("Message left"), "voicemail")
    called_calls_back = call_action(Outcome.CALLS_BACK, _("Will call back"), "phone_callback")
    called_refused = call_action(Outcome.REFUSED, _("Does not want to come"), "person_off")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for patient and reason first; show how it stands afterwards."""
        asked = ("patient", ("type", "practitioner"), "previous_on", "override_on", "snoozed_until", "note")
        return asked if obj is None else (*asked, ("computed_on", "status"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave patient, reason and state to the services."""
        return () if obj is None else ("patient", "type", "computed_on", "status")

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show tries once there is a recall."""
        return () if obj is None else self.inlines

    def object_label(self, obj: Recall) -> str:
        """Return who is to come."""
        return obj.patient.display_name

    @display(description=_("patient"), ordering="patient__sort_name")
    def patient_name(self, obj: Recall) -> str:
        """Return the patient's name."""
        return obj.patient.display_name
