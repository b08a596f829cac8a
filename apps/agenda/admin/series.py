"""Series in the admin: their visits, and changing one, those from it on, or all that are still to come."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Max, Min, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display

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
from apps.agenda.lifecycle import OPEN
from apps.agenda.models import Appointment, AppointmentType, Series
from apps.agenda.services.series import SeriesConflicts, book_series, change_series
from apps.core.admin import ServiceTabularInline
from apps.core.admin.forms import RefusableForm
from apps.core.errors import DomainError
from apps.directory.models import Practitioner, Room

CHANGE: Final = "agenda.change_appointment"
SCOPES = [
    ("this", _("this visit only")),
    ("following", _("this visit and those after it")),
    ("all", _("all that are still to come")),
]
RHYTHMS = [
    ("FREQ=WEEKLY", _("every week")),
    ("FREQ=WEEKLY;INTERVAL=2", _("every two weeks")),
    ("FREQ=WEEKLY;INTERVAL=3", _("every three weeks")),
    ("FREQ=WEEKLY;INTERVAL=4", _("every four weeks")),
    ("FREQ=MONTHLY", _("every month")),
    ("FREQ=MONTHLY;INTERVAL=3", _("every three months")),
    ("FREQ=MONTHLY;INTERVAL=6", _("every six months")),
]


def has_more(series: Series) -> bool:
    """Say whether a visit of it is still to come."""
    return series.appointments.filter(status__in=OPEN).exists()


class VisitsForm(AskForm):
    """Which visits; the choice carries the version that was seen."""

    appointment = forms.ChoiceField(label=_("visit"))
    scope = forms.ChoiceField(label=_("which visits"), choices=SCOPES)

    def __init__(self, *args: Any, series: Series, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        visits = series.appointments.filter(status__in=OPEN).select_related("practitioner", "room")
        shown = [
            (f"{visit.pk}:{visit.version}", spoken(visit)) for visit in visits.order_by("series_position")
        ]
        field: Any = self.fields["appointment"]
        field.choices = shown

    def chosen(self, series: Series) -> dict[str, Any]:
        """Return the visit, the version that was seen, and the scope."""
        key, _colon, version = self.cleaned_data["appointment"].partition(":")
        visit = series.appointments.get(pk=key)
        return {"appointment": visit, "version": int(version), "scope": self.cleaned_data["scope"]}


class EditForm(VisitsForm):
    """What is to be different; what stays empty stays as it is."""

    starts_at = moment_field(
        label=_("new start of this visit"),
        required=False,
        help_text=_("The others move by as many days, to the same time of day."),
    )
    duration_minutes = forms.IntegerField(
        label=_("duration (minutes)"), min_value=5, max_value=720, required=False
    )
    practitioner = NamedChoice(
        Practitioner.objects.none(), label=_("practitioner"), required=False, empty_label=_("(as it is)")
    )
    room = NamedChoice(Room.objects.none(), label=_("room"), required=False, empty_label=_("(as it is)"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people: Any = self.fields["practitioner"]
        places: Any = self.fields["room"]
        people.queryset, places.queryset = practitioners(self.viewer), rooms(self.viewer)

    def clean(self) -> dict[str, Any]:
        """Refuse a change of nothing."""
        data = super().clean() or {}
        if not self.errors and not any(data.get(name) for name in self.wishes):
            raise ValidationError(_now("Say what is to be different."))
        return data

    wishes = ("starts_at", "duration_minutes", "practitioner", "room")

    def changes(self) -> dict[str, Any]:
        """Return what is to be different."""
        return {name: value for name in self.wishes if (value := self.cleaned_data.get(name))}


class CancelForm(VisitsForm):
    """Who cancels, and why."""

    cancelled_by = forms.ChoiceField(
        label=_("cancelled by"), choices=[("patient", _("the patient")), ("practice", _("the practice"))]
    )
    reason = forms.CharField(label=_("reason"), max_length=200)


class BookForm(RefusableForm):
    """One visit and how it is repeated."""

    practitioner = NamedChoice(Practitioner.objects.none(), label=_("practitioner"))
    assistant = NamedChoice(Practitioner.objects.none(), label=_("assistant"), required=False)
    room = NamedChoice(Room.objects.none(), label=_("room"))
    type = NamedChoice(AppointmentType.objects.none(), label=_("type"))
    starts_at = moment_field(label=_("first visit"))
    rhythm = forms.ChoiceField(label=_("repeated"), choices=RHYTHMS)
    count = forms.IntegerField(label=_("how many visits"), min_value=2, max_value=104, initial=4)
    skip_conflicts = forms.BooleanField(
        label=_("leave out what is not possible"),
        required=False,
        help_text=_("Otherwise nothing is booked unless all can be."),
    )


class MemberInline(ServiceTabularInline):
    """The visits, in their order."""

    model = Appointment
    fields = ("series_position", "starts_at", "ends_at", "practitioner", "room", "status", "by_itself")
    readonly_fields = fields
    ordering = ("series_position", "pk")

    @display(description=_("changed by itself"))
    def by_itself(self, obj: Appointment) -> str:
        """Say so of a visit that was; a cross beside the others would look like a fault."""
        return _now("yes") if obj.is_exception else ""


@admin.register(Series)
class SeriesAdmin(AskingAdmin):
    """Visits that were booked together."""

    form = BookForm
    list_display = ("patient_name", "shown_rule", "first_visit", "last_visit", "visits", "to_come")
    list_select_related = ("patient",)
    search_fields = ("patient__last_name", "patient__first_name")
    search_help_text = _("Name of the patient")
    autocomplete_fields = ("patient",)
    ordering = ("-booked_at", "pk")
    inlines = (MemberInline,)
    form_pages = (
        FormPage("edit_visits", _("Change visits"), CHANGE, "edit_calendar", has_more),
        FormPage("cancel_visits", _("Cancel visits"), CHANGE, "event_busy", has_more, danger=True),
    )

    def may(self, request: HttpRequest, verb: str) -> bool:
        """Follow the rights of the visits it is made of."""
        return bool(request.user.has_perm(f"agenda.{verb}_appointment"))

    def get_queryset(self, request: HttpRequest) -> Any:
        """Count the visits, and those still to come."""
        rows = super().get_queryset(request)
        return rows.annotate(
            first_at=Min("appointments__starts_at"),
            last_at=Max("appointments__starts_at"),
            visit_count=Count("appointments"),
            open_count=Count("appointments", filter=Q(appointments__status__in=OPEN)),
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the first visit and its rhythm; show what became of it afterwards."""
        if obj is not None:
            return ((None, {"fields": (("patient", "shown_rule", "booked_at"),)}),)
        asked = (
            "patient", ("practitioner", "assistant"), ("room", "type"), "starts_at", ("rhythm", "count"), "skip_conflicts",
        )  # fmt: skip
        return ((None, {"fields": asked}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Change nothing but through the buttons."""
        return () if obj is None else ("patient", "shown_rule", "booked_at")

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show visits once there are any."""
        return () if obj is None else self.inlines

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Offer who and what is in use."""
        form = super().get_form(request, obj, change=change, **kwargs)
        viewer: Any = request.user
        types = AppointmentType.objects.visible_to(viewer).kept().filter(is_active=True)
        offered = {
            "practitioner": practitioners(viewer),
            "assistant": helpers(viewer),
            "room": rooms(viewer),
            "type": types.order_by("position", "name", "pk"),
        }
        for name, choices in offered.items():
            if name in form.base_fields:
                form.base_fields[name].queryset = choices
        return form

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Book all of them, or say of each why not."""
        visit = {name: data[name] for name in ("practitioner", "assistant", "room", "type", "starts_at")}
        try:
            return book_series(
                actor=self.actor(request),
                practice=self.actor(request).practice,
                patient=data["patient"],
                visits=[visit],
                rrule=f"{data['rhythm']};COUNT={data['count']}",
                skip_conflicts=data["skip_conflicts"],
                at=timezone.now(),
            )
        except SeriesConflicts as refusal:
            lines = [f"{line['when']}: {line['message']}" for line in told(refusal)]
            raise ValidationError([str(refusal), *lines]) from refusal

    # --- further pages

    def edit_visits_page(self, request: HttpRequest, obj: Series) -> HttpResponse:
        """Ask what is to be different; change all that is meant, or show every conflict and change nothing."""
        form = EditForm(request.POST or None, viewer=request.user, series=obj)
        changes = form.changes() if form.is_valid() else {}
        return self.apply(request, obj, form, "edit_visits", **changes)

    def cancel_visits_page(self, request: HttpRequest, obj: Series) -> HttpResponse:
        """Ask which visits, by whom and why; cancel them."""
        form = CancelForm(request.POST or None, viewer=request.user, series=obj)
        asked = (
            {name: form.cleaned_data[name] for name in ("reason", "cancelled_by")} if form.is_valid() else {}
        )
        return self.apply(request, obj, form, "cancel_visits", cancel=True, **asked)

    def apply(
        self, request: HttpRequest, obj: Series, form: VisitsForm, page: str, **changes: Any
    ) -> HttpResponse:
        """Call the service with a valid form; show the form otherwise, with what was refused."""
        conflicts: list[dict[str, str]] = []
        if form.is_valid():
            try:
                change_series(
                    actor=self.actor(request), series=obj, at=timezone.now(), **form.chosen(obj), **changes
                )
            except (DomainError, ValidationError) as refusal:
                form.refuse(refusal)
                conflicts = told(refusal) if isinstance(refusal, SeriesConflicts) else []
            else:
                messages.success(request, _now("The series was changed."))
                return HttpResponseRedirect(self.page("change", obj.pk))
        return self.show_form(request, obj, form, page, conflicts=conflicts)

    # --- what people read

    def object_label(self, obj: Series) -> str:
        """Return whose visits they are."""
        return f"{obj.patient.display_name}, {rule_in_words(obj)}"

    @display(description=_("patient"), ordering="patient__sort_name")
    def patient_name(self, obj: Series) -> str:
        """Return the patient's name."""
        return obj.patient.display_name

    @display(description=_("repeated"))
    def shown_rule(self, obj: Series) -> str:
        """Return how the first visit was repeated."""
        return rule_in_words(obj)

    @display(description=_("first visit"), ordering="first_at")
    def first_visit(self, obj: Any) -> datetime | None:
        """Return when it begins."""
        first: datetime | None = obj.first_at
        return first

    @display(description=_("last visit"), ordering="last_at")
    def last_visit(self, obj: Any) -> datetime | None:
        """Return when it ends."""
        last: datetime | None = obj.last_at
        return last

    @display(description=_("visits"), ordering="visit_count")
    def visits(self, obj: Any) -> int:
        """Return how many there are."""
        return int(obj.visit_count)

    @display(description=_("still to come"), ordering="open_count")
    def to_come(self, obj: Any) -> int:
        """Return how many are still to come."""
        return int(obj.open_count)


def spoken(visit: Appointment) -> str:
    """Return a visit as people say it."""
    start = date_format(timezone.localtime(visit.starts_at), "D j F Y, H:i")
    return f"{visit.series_position}. {start}, {visit.practitioner.display_name}, {visit.room.name}"


def told(refusal: SeriesConflicts) -> list[dict[str, str]]:
    """Return each visit that is not possible, and why."""
    return [
        {
            "when": date_format(datetime.fromisoformat(conflict["starts_at"]), "D j F Y, H:i"),
            "message": conflict["message"],
        }
        for conflict in refusal.details["conflicts"]
    ]


def rule_in_words(series: Series) -> str:
    """Return the rhythm in words; the rule itself where there are none, and what a plan's steps are called."""
    if not series.rrule:
        return _now("steps of a plan")
    parts = dict(part.partition("=")[::2] for part in series.rrule.removeprefix("RRULE:").split(";"))
    count = parts.pop("COUNT", "")
    bare = ";".join(f"{name}={value}" for name, value in parts.items())
    words = dict(RHYTHMS).get(bare)
    if words is None or not count.isdigit():
        return series.rrule
    times = ngettext("%(count)d time", "%(count)d times", int(count)) % {"count": int(count)}
    return f"{words}, {times}"
