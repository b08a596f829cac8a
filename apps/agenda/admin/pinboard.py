"""The pinboard in the admin: what waits for a time, and putting it on the agenda."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.agenda.admin.asking import (
    AskForm,
    AskingAdmin,
    FormPage,
    NamedChoice,
    helpers,
    moment_field,
    practitioners,
    rooms,
)
from apps.agenda.models import PinnedVisit
from apps.agenda.services.booking import OVERRIDE
from apps.agenda.services.pinboard import change_pinned, pin_visit, place_pinned, remove_pinned
from apps.agenda.slots import Slot, find_slots
from apps.core.access import rows_read
from apps.core.admin import service_action
from apps.core.admin.forms import RefusableForm
from apps.core.errors import DomainError
from apps.directory.models import Practitioner, Room

WISHES = ("type", "practitioner", "duration_minutes", "priority", "reason", "note")
AHEAD = timedelta(days=20)
SHOWN = 10
COLOURS = {"pinned": "warning", "placed": "success", "removed": "info"}
URGENCY = {0: "info", 1: "warning", 2: "danger"}


def is_pinned(pin: PinnedVisit) -> bool:
    """Say whether a time is still looked for."""
    return pin.status == PinnedVisit.Status.PINNED


class PlaceForm(AskForm):
    """Where and when."""

    practitioner = NamedChoice(Practitioner.objects.none(), label=_("practitioner"))
    assistant = NamedChoice(Practitioner.objects.none(), label=_("assistant"), required=False)
    room = NamedChoice(Room.objects.none(), label=_("room"))
    starts_at = moment_field(label=_("starts"))
    duration_minutes = forms.IntegerField(label=_("duration (minutes)"), min_value=5, max_value=720)
    override_reason = forms.CharField(
        label=_("reason of the overbooking"),
        max_length=200,
        required=False,
        help_text=_("Only to book over other visits or outside the opening hours."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["practitioner"].queryset = practitioners(self.viewer)  # type: ignore[attr-defined]  # a choice of rows
        self.fields["assistant"].queryset = helpers(self.viewer)  # type: ignore[attr-defined]  # a choice of rows
        self.fields["room"].queryset = rooms(self.viewer)  # type: ignore[attr-defined]  # a choice of rows
        if not self.viewer.has_perm(OVERRIDE):
            del self.fields["override_reason"]


class PinForm(RefusableForm):
    """What is wanted."""

    class Meta:
        widgets = {"note": UnfoldAdminTextareaWidget(attrs={"rows": 4})}


@admin.register(PinnedVisit)
class PinnedVisitAdmin(AskingAdmin):
    """Visits without a time: pinned here or taken off the agenda, put back from here."""

    create_service = pin_visit
    update_service = change_pinned
    service_object = "pin"
    form = PinForm
    list_display = (
        "patient_name",
        "type",
        "practitioner_name",
        "shown_minutes",
        "shown_priority",
        "reason",
        "pinned_at",
        "shown_status",
    )
    list_filter = ("status", "priority", "type")
    list_select_related = ("patient", "type", "practitioner")
    search_fields = ("patient__last_name", "patient__first_name", "patient__phone")
    search_help_text = _("Name or phone of the patient")
    autocomplete_fields = ("patient",)
    # Those that wait come first: pinned stands before placed and removed.
    ordering = ("status", "-priority", "pinned_at", "pk")
    actions = ("remove_pin",)
    form_pages = (
        FormPage("place", _("Put on the agenda"), "agenda.add_appointment", "event_available", is_pinned),
    )

    @service_action(
        _("Remove"), "agenda.delete_pinnedvisit", reason=True, when=is_pinned, icon="delete", danger=True
    )
    def remove_pin(self, request: HttpRequest, obj: PinnedVisit, reason: str) -> None:
        """Take it down for a reason."""
        remove_pinned(actor=self.actor(request), pin=obj, reason=reason, at=timezone.now())

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Leave what has a time or was removed as it is."""
        return super().has_change_permission(request, obj) and (obj is None or is_pinned(obj))

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for patient and wishes; show how it stands afterwards."""
        asked = ("patient", ("type", "practitioner"), ("duration_minutes", "priority"), "reason", "note")
        if obj is None:
            return ((None, {"fields": asked}),)
        course: list[Any] = [("shown_status", "pinned_at")]
        if obj.former_id:
            course.append("former")
        if obj.closed_at:
            course.append("closed_at")
        if obj.appointment_id:
            course.append("appointment")
        if obj.closed_reason:
            course.append("closed_reason")
        return ((None, {"fields": asked}), (_("Course of the visit"), {"fields": course}))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave the patient and the state to the services."""
        shown = ("shown_status", "pinned_at", "former", "closed_at", "appointment", "closed_reason")
        return () if obj is None else ("patient", *shown)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Record the reading of the note before it shows."""
        obj = kwargs.get("obj")
        if obj is not None and obj.pk and not context.get("add"):
            rows_read.send(self.actor(request), [obj], "agenda.pinned_visit.read")
        return super().render_change_form(request, context, *args, **kwargs)

    def choices_for(self, db_field: Any, request: HttpRequest) -> Any:
        """Offer what is in use."""
        if db_field.name == "practitioner":
            return practitioners(request.user)
        rows = super().choices_for(db_field, request)
        return rows.filter(is_active=True, deleted_at=None) if db_field.name == "type" else rows

    def place_page(self, request: HttpRequest, obj: PinnedVisit) -> HttpResponse:
        """Ask where and when, beside the next free times; book, or say why not."""
        form = PlaceForm(request.POST or None, viewer=request.user, initial=proposed(request, obj))
        if request.method == "POST" and form.is_valid():
            try:
                booked = place_pinned(
                    actor=self.actor(request), pin=obj, at=timezone.now(), **form.cleaned_data
                )
            except (DomainError, ValidationError) as refusal:
                form.refuse(refusal)
            else:
                start = timezone.localtime(booked.starts_at)
                messages.success(request, _now("Booked on %(when)s.") % {"when": f"{start:%d/%m/%Y %H:%M}"})
                return HttpResponseRedirect(reverse("admin:agenda_appointment_change", args=(booked.pk,)))
        return self.show_form(request, obj, form, "place", free=free_times(request, obj))

    def object_label(self, obj: PinnedVisit) -> str:
        """Return who is to come, and what for."""
        return f"{obj.patient.display_name}, {obj.type.name}"

    @display(description=_("patient"), ordering="patient__sort_name")
    def patient_name(self, obj: PinnedVisit) -> str:
        """Return the patient's name."""
        return obj.patient.display_name

    @display(description=_("practitioner"), ordering="practitioner__last_name")
    def practitioner_name(self, obj: PinnedVisit) -> str:
        """Return the wished practitioner's name."""
        return obj.practitioner.display_name if obj.practitioner else ""

    @display(description=_("duration (minutes)"))
    def shown_minutes(self, obj: PinnedVisit) -> int:
        """Return how long it would be."""
        return obj.minutes

    @display(description=_("priority"), ordering="priority", label=URGENCY)
    def shown_priority(self, obj: PinnedVisit) -> tuple[int, str]:
        """Return the priority as a coloured label."""
        return obj.priority, obj.get_priority_display()

    @display(description=_("status"), ordering="status", label=COLOURS)
    def shown_status(self, obj: PinnedVisit) -> tuple[str, str]:
        """Return the status as a coloured label."""
        return obj.status, obj.get_status_display()


def proposed(request: HttpRequest, pin: PinnedVisit) -> dict[str, Any]:
    """Return what the form starts with: the wish, the former room, or the free time that was chosen."""
    asked = request.GET
    try:
        starts_at = parse_datetime(asked.get("starts_at", ""))
    except ValueError:
        starts_at = None
    return {
        "practitioner": asked.get("practitioner") or pin.practitioner_id,
        "room": asked.get("room") or (pin.former.room_id if pin.former else None),
        "assistant": pin.former.assistant_id if pin.former else None,
        "starts_at": starts_at if starts_at is not None and starts_at.tzinfo else None,
        "duration_minutes": pin.minutes,
    }


def free_times(request: HttpRequest, pin: PinnedVisit) -> list[dict[str, Any]]:
    """Return the next free times that suit, one in the morning and one in the afternoon of each day."""
    practice, at = pin.practice, timezone.now()
    today = timezone.localtime(at, practice.zone).date()
    people = {person.pk: person for person in practitioners(request.user)}
    wished = [people[pin.practitioner_id]] if pin.practitioner_id in people else list(people.values())
    slots = find_slots(
        practice=practice, kind=pin.type, practitioners=wished, first=today, last=today + AHEAD, at=at,
        minutes=pin.minutes, step=30, limit=2000,
    )  # fmt: skip
    halves: dict[tuple[Any, bool], Slot] = {}
    for slot in slots:
        start = timezone.localtime(slot.starts_at, practice.zone)
        halves.setdefault((start.date(), start.hour < 13), slot)
    names = {room.pk: room.name for room in rooms(request.user)}
    return [
        {
            "starts_at": slot.starts_at,
            "who": people[slot.practitioner_id].display_name,
            "room": names.get(slot.room_id, ""),
            "query": {
                "practitioner": slot.practitioner_id,
                "room": slot.room_id,
                "starts_at": slot.starts_at.isoformat(),
            },
        }
        for slot in list(halves.values())[:SHOWN]
    ]
