"""The agenda in the admin: the day, its visits and their verbs, kinds of visit, absences."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, RangeDateTimeFilter
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from apps.agenda.lifecycle import allowed_verbs
from apps.agenda.models import Absence, Appointment, AppointmentNote, AppointmentType
from apps.agenda.services import (
    add_note,
    book_appointment,
    cancel_appointment,
    change_absence,
    change_appointment,
    change_type,
    create_absence,
    create_type,
    move_appointment,
    remove_absence,
    remove_type,
)
from apps.agenda.services.pinboard import unschedule
from apps.core.admin import ServiceModelAdmin, ServiceTabularInline, service_action
from apps.core.admin.forms import RefusableForm
from apps.core.clock import start_of_day
from apps.directory.admin import OwnedAdmin, by_sight
from apps.directory.models import Practitioner

CHANGE = "agenda.change_appointment"
COLORS = {
    Appointment.Status.REQUESTED: "info",
    Appointment.Status.BOOKED: "info",
    Appointment.Status.ARRIVED: "warning",
    Appointment.Status.IN_CHAIR: "warning",
    Appointment.Status.DONE: "success",
    Appointment.Status.CANCELLED_BY_PATIENT: "danger",
    Appointment.Status.CANCELLED_BY_PRACTICE: "danger",
    Appointment.Status.NO_SHOW: "danger",
}


class DayFilter(DropdownFilter):  # type: ignore[misc]  # unfold ships no types
    """Visits of a day or a week, by the practice's clock."""

    title = _("day")
    parameter_name = "day"
    spans = {"today": (0, 1), "tomorrow": (1, 2), "week": (0, 7), "month": (0, 31), "yesterday": (-1, 0)}

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer the days people ask for."""
        return [
            ("today", _("Today")),
            ("tomorrow", _("Tomorrow")),
            ("week", _("The next 7 days")),
            ("month", _("The next 31 days")),
            ("yesterday", _("Yesterday")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> Any:
        """Keep the chosen days."""
        span = self.spans.get(self.value() or "")
        practice = getattr(request.user, "practice", None)
        if span is None or practice is None:
            return queryset
        today = timezone.now().astimezone(practice.zone).date()
        since, until = (start_of_day(today + timedelta(days=days), practice.zone) for days in span)
        return queryset.filter(starts_at__gte=since, starts_at__lt=until)


class PractitionerFilter(DropdownFilter):  # type: ignore[misc]  # unfold ships no types
    """Visits of one practitioner of the house."""

    title = _("practitioner")
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Name those who treat."""
        viewer: Any = request.user
        people = Practitioner.objects.visible_to(viewer).exclude(kind=Practitioner.Kind.ASSISTANT)
        return [(str(who.pk), who.display_name) for who in people.order_by("last_name", "pk")[:200]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Appointment]) -> Any:
        """Keep the chosen one's."""
        known = {key for key, _name in self.lookup_choices}
        return queryset.filter(practitioner=self.value()) if self.value() in known else queryset


class AppointmentForm(RefusableForm):
    """Booking and moving; `seen_version` is the one the page was opened with."""

    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    note = forms.CharField(
        label=_("note"), required=False, max_length=4000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 3})
    )


class NoteInline(ServiceTabularInline):
    """Remarks on the visit."""

    model = AppointmentNote
    recorded_read = "agenda.appointment_note.read"
    fields = ("noted_at", "author", "body")
    readonly_fields = fields
    show_change_link = False
    ordering = ("noted_at", "pk")


def verb_action(verb: str, label: Any, icon: str, *, danger: bool = False) -> Any:
    """Make an action of a verb of the lifecycle, offered where the state allows it."""

    def act(self: Any, request: HttpRequest, obj: Appointment) -> None:
        change_appointment(actor=self.actor(request), appointment=obj, verb=verb, at=timezone.now())

    act.__name__ = f"{verb.replace('-', '_')}_visit"
    return service_action(label, CHANGE, confirm=danger, when=allows(verb), icon=icon, danger=danger)(act)


def allows(verb: str) -> Callable[[Appointment], bool]:
    """Say of a visit whether its state allows a verb."""
    return lambda visit: verb in allowed_verbs(visit.status, visit.confirmation)


@admin.register(Appointment)
class AppointmentAdmin(ServiceModelAdmin):
    """The day's visits: book, move, and every verb."""

    create_service = book_appointment
    update_service = move_appointment
    form = AppointmentForm
    list_display = (
        "starts_at",
        "patient_name",
        "practitioner_name",
        "room",
        "type",
        "shown_status",
        "confirmation",
    )
    list_filter = (
        DayFilter,
        ("starts_at", RangeDateTimeFilter),
        PractitionerFilter,
        "status",
        "confirmation",
    )
    list_select_related = ("patient", "practitioner", "assistant", "room", "type")
    search_fields = ("patient__last_name", "patient__first_name", "patient__phone")
    search_help_text = _("Name or phone of the patient")
    autocomplete_fields = ("patient", "acts")
    ordering = ("-starts_at", "pk")
    inlines = (NoteInline,)
    actions = (
        "confirm_visit",
        "arrive_visit",
        "seat_visit",
        "complete_visit",
        "decline_visit",
        "no_show_visit",
        "cancel_for_patient",
        "cancel_for_practice",
        "unschedule_visit",
        "undo_visit",
        "note_visit",
    )
    confirm_visit = verb_action("confirm", _("Confirmed"), "event_available")
    arrive_visit = verb_action("arrive", _("Arrived"), "meeting_room")
    seat_visit = verb_action("seat", _("In the chair"), "airline_seat_recline_normal")
    complete_visit = verb_action("complete", _("Done"), "check_circle")
    decline_visit = verb_action("decline", _("Declined by the patient"), "event_busy")
    no_show_visit = verb_action("no-show", _("Did not come"), "person_off", danger=True)
    undo_visit = verb_action("undo", _("Take the last step back"), "undo")

    @service_action(
        _("Cancel for the patient"), CHANGE, reason=True, when=allows("cancel"), icon="cancel", danger=True
    )
    def cancel_for_patient(self, request: HttpRequest, obj: Appointment, reason: str) -> None:
        """Cancel because the patient cannot come."""
        self.cancel(request, obj, reason, "patient")

    @service_action(
        _("Cancel for the practice"), CHANGE, reason=True, when=allows("cancel"), icon="cancel", danger=True
    )
    def cancel_for_practice(self, request: HttpRequest, obj: Appointment, reason: str) -> None:
        """Cancel because the practice cannot receive."""
        self.cancel(request, obj, reason, "practice")

    @service_action(
        _("Take off the agenda, keep on the pinboard"),
        CHANGE,
        reason=True,
        when=allows("cancel"),
        icon="push_pin",
    )
    def unschedule_visit(self, request: HttpRequest, obj: Appointment, reason: str) -> None:
        """Free the time; the visit waits for another one."""
        unschedule(actor=self.actor(request), appointment=obj, reason=reason, at=timezone.now())

    @service_action(_("Add a note"), "agenda.add_appointmentnote", reason=True, icon="sticky_note_2")
    def note_visit(self, request: HttpRequest, obj: Appointment, reason: str) -> None:
        """Add a remark."""
        add_note(actor=self.actor(request), appointment=obj, body=reason, at=timezone.now())

    def cancel(self, request: HttpRequest, obj: Appointment, reason: str, who: str) -> None:
        """Call the service."""
        cancel_appointment(
            actor=self.actor(request), appointment=obj, reason=reason, cancelled_by=who, at=timezone.now()
        )

    def get_ordering(self, request: HttpRequest) -> Any:
        """Read chosen days in their order, everything else latest first."""
        return ("starts_at", "pk") if request.GET.get(DayFilter.parameter_name) else self.ordering

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for a patient and a note when booking; show the visit's course afterwards."""
        when = ("starts_at", "ends_at")
        people = ("practitioner", "assistant")
        place = ("room", "type")
        over = (_("Overbooking"), {"fields": ("override_reason",), "classes": ("collapse",)})
        if obj is None:
            asked = ("patient", when, people, place, "acts", "color", "note")
            return ((None, {"fields": asked}), over)
        state = (("status", "confirmation"), ("arrived_at", "seated_at", "dismissed_at"))
        past = ("cancelled_at", "cancel_reason") if obj.cancelled_at else ()
        with_others = ("series",) if obj.series_id else ()
        return (
            (None, {"fields": ("patient", when, people, place, "acts", "color", "seen_version")}),
            (_("Course of the visit"), {"fields": (*state, *([past] if past else []), *with_others)}),
            over,
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave the patient and the course of the visit to the verbs."""
        if obj is None:
            return ()
        course = ("status", "confirmation", "arrived_at", "seated_at", "dismissed_at")
        return ("patient", *course, "cancelled_at", "cancel_reason", "series")

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show remarks once there is a visit."""
        return () if obj is None else self.inlines

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Carry the version the page was opened with."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None and "seen_version" in form.base_fields:
            form.base_fields["seen_version"].initial = obj.version
        return form

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Let the type say how long a visit lasts; choose the colour by sight."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and db_field.name == "ends_at":
            field.required = field.widget.is_required = False
            field.help_text = _("Empty: as long as the type says.")
        return by_sight(field, db_field)

    def choices_for(self, db_field: Any, request: HttpRequest) -> QuerySet[Any]:
        """Offer what is in use."""
        rows = super().choices_for(db_field, request)
        if db_field.name in {"practitioner", "assistant", "room", "type"}:
            rows = rows.filter(is_active=True)
        if db_field.name == "practitioner":
            rows = rows.exclude(kind=Practitioner.Kind.ASSISTANT)
        return rows

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Book."""
        data.pop("seen_version", None)
        return super().create_object(request, data)

    def update_object(self, request: HttpRequest, obj: Any, data: dict[str, Any]) -> Any:
        """Move, with the version the page was opened with."""
        asked = {name: value for name, value in data.items() if name not in {"note", "seen_version"}}
        seen = request.POST.get("seen_version", "")
        return super().update_object(request, obj, {**asked, "version": int(seen) if seen.isdigit() else 0})

    def object_label(self, obj: Appointment) -> str:
        """Return patient and time."""
        start = timezone.localtime(obj.starts_at, obj.practice.zone)
        return f"{obj.patient.display_name}, {start:%d/%m/%Y %H:%M}"

    @display(description=_("patient"), ordering="patient__sort_name")
    def patient_name(self, obj: Appointment) -> str:
        """Return the patient's name."""
        return obj.patient.display_name

    @display(description=_("practitioner"), ordering="practitioner__last_name")
    def practitioner_name(self, obj: Appointment) -> str:
        """Return the practitioner's name."""
        return obj.practitioner.display_name

    @display(description=_("status"), ordering="status", label=COLORS)
    def shown_status(self, obj: Appointment) -> tuple[str, str]:
        """Return the status as a coloured label."""
        return obj.status, obj.get_status_display()


@admin.register(AppointmentType)
class AppointmentTypeAdmin(OwnedAdmin):
    """Kinds of visit."""

    create_service = create_type
    update_service = change_type
    delete_service = remove_type
    service_object = "appointment_type"
    list_display = ("name", "duration_minutes", "room_kind", "is_online_bookable", "is_active")
    list_filter = ("is_active", "is_online_bookable", "room_kind")
    list_select_related = ("practice",)
    search_fields = ("name",)
    ordering = ("position", "name", "pk")
    fieldsets = (
        (None, {"fields": (("name", "duration_minutes"), ("color", "position"), "is_active")}),
        (_("Place"), {"fields": ("room_kind", ("buffer_before_minutes", "buffer_after_minutes"))}),
        (_("People"), {"fields": ("pattern", "is_online_bookable")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[AppointmentType]:
        """Leave out the types taken out of use."""
        rows: QuerySet[AppointmentType] = super().get_queryset(request).filter(deleted_at__isnull=True)
        return rows

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Choose the colour by sight."""
        return by_sight(super().formfield_for_dbfield(db_field, request, **kwargs), db_field)


@admin.register(Absence)
class AbsenceAdmin(ServiceModelAdmin):
    """Who is away, and when the practice is closed."""

    create_service = create_absence
    update_service = change_absence
    delete_service = remove_absence
    list_display = ("who", "kind", "starts_at", "ends_at", "reason")
    list_filter = (("starts_at", RangeDateTimeFilter), "kind")
    list_select_related = ("practitioner",)
    search_fields = ("practitioner__last_name", "practitioner__first_name")
    ordering = ("-starts_at", "pk")
    fields = ("practitioner", "kind", ("starts_at", "ends_at"), "reason")

    def object_label(self, obj: Absence) -> str:
        """Return who is away."""
        return str(self.who(obj))

    @display(description=_("who"))
    def who(self, obj: Absence) -> str:
        """Return the practitioner's name, or the practice."""
        return obj.practitioner.display_name if obj.practitioner else str(_("the whole practice"))
