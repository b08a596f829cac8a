"""Reads of the agenda."""

from __future__ import annotations

from uuid import UUID

from django.db.models import F, Prefetch, QuerySet
from django.utils.translation import gettext_lazy as _

from apps.agenda.models import (
    Absence,
    AgendaChange,
    AgendaSequence,
    Appointment,
    AppointmentNote,
    AppointmentType,
    CalendarToken,
    OpenHoliday,
    PinnedVisit,
    Recall,
    RecallAttempt,
    RecallType,
    Series,
    WaitlistEntry,
    WaitlistOffer,
)
from apps.agenda.querysets import AppointmentQuerySet, PatientRowQuerySet, PinnedQuerySet, RecallQuerySet
from apps.agenda.services.calendars import MANAGE
from apps.core.errors import DomainError
from apps.core.scope import Viewer
from apps.directory.models import Practitioner


class ChangesForgotten(DomainError):
    """The changes asked for are no longer kept."""

    code = "CHANGES_FORGOTTEN"
    message = _("Too much has changed since. Load the agenda again.")


def appointments_of(*, viewer: Viewer) -> AppointmentQuerySet:
    """Return the appointments a viewer sees, ready to be shown, in order."""
    return Appointment.objects.visible_to(viewer).with_people().with_note_count().in_order()


def appointment_for(*, viewer: Viewer, pk: UUID) -> Appointment:
    """Return one appointment as it is shown, with its planned acts."""
    found: Appointment = appointments_of(viewer=viewer).prefetch_related("acts").get(pk=pk)
    return found


def receiving(*, viewer: Viewer) -> QuerySet[Practitioner]:
    """Return the practitioners in use who receive patients."""
    people = Practitioner.objects.visible_to(viewer).active().exclude(kind=Practitioner.Kind.ASSISTANT)
    return people.order_by("last_name", "pk")


def notes_of(*, viewer: Viewer, appointment: Appointment) -> QuerySet[AppointmentNote]:
    """Return the remarks on a visit, oldest first."""
    notes = AppointmentNote.objects.visible_to(viewer).filter(appointment=appointment)
    return notes.select_related("author").order_by("noted_at", "pk")


def types_of(*, viewer: Viewer) -> QuerySet[AppointmentType]:
    """Return the kinds of visit in use."""
    return AppointmentType.objects.visible_to(viewer).kept().order_by("practice", "position", "name", "pk")


def absences_of(*, viewer: Viewer) -> QuerySet[Absence]:
    """Return absences and closures in order."""
    return Absence.objects.visible_to(viewer).in_order()


def waitlist_of(*, viewer: Viewer) -> PatientRowQuerySet:
    """Return waiting patients with what they were offered, the most urgent and then the longest waiting first."""
    offers = Prefetch("offers", WaitlistOffer.objects.order_by("-offered_at", "-pk"))
    rows = WaitlistEntry.objects.visible_to(viewer).select_related("patient", "type", "practitioner")
    return rows.prefetch_related(offers).order_by(F("priority").desc(), "requested_at", "pk")


def pinned_of(*, viewer: Viewer) -> PinnedQuerySet:
    """Return visits without a time, the most urgent and then the oldest first."""
    rows: PinnedQuerySet = PinnedVisit.objects.visible_to(viewer)
    return rows.select_related("patient", "type", "practitioner").in_order()


def recalls_of(*, viewer: Viewer) -> RecallQuerySet:
    """Return patients to be seen again with the tries to reach them, the longest due first."""
    attempts = RecallAttempt.objects.select_related("author").order_by("-attempted_at", "-pk")
    rows = Recall.objects.visible_to(viewer).select_related("patient", "type", "practitioner")
    return rows.prefetch_related(Prefetch("attempts", attempts)).order_by("due_on", "pk")


def recall_types_of(*, viewer: Viewer) -> QuerySet[RecallType]:
    """Return the reasons to come again that were not taken out of use."""
    return RecallType.objects.visible_to(viewer).kept().order_by("name", "pk")


def calendar_tokens_of(*, viewer: Viewer) -> QuerySet[CalendarToken]:
    """Return a viewer's own calendar addresses; all of the practice to who runs it."""
    rows = CalendarToken.objects.visible_to(viewer).order_by("-issued_at", "-pk")
    if viewer.has_perm(MANAGE):
        return rows
    return rows.filter(practitioner=getattr(viewer, "practitioner_id", None))


def open_holidays_of(*, viewer: Viewer) -> QuerySet[OpenHoliday]:
    """Return the public holidays worked, the last first."""
    return OpenHoliday.objects.visible_to(viewer).select_related("practice").order_by("-day", "pk")


def series_of(*, viewer: Viewer) -> PatientRowQuerySet:
    """Return series with their visits (`shown_appointments`), in their order."""
    visits = Appointment.objects.with_people().with_note_count().order_by("series_position", "pk")
    rows: PatientRowQuerySet = Series.objects.visible_to(viewer)
    return rows.prefetch_related(Prefetch("appointments", visits, to_attr="shown_appointments"))


def last_sequence(practice_id: UUID | None) -> int:
    """Return the number of a practice's last committed change."""
    last = AgendaSequence.objects.filter(practice=practice_id).values_list("last", flat=True).first()
    return last or 0


def changes_since(*, viewer: Viewer, since: int, limit: int) -> list[AgendaChange]:
    """Return what was committed after change number `since`, oldest first, with each visit as it is now.

    A visit the viewer may not see is left out of `shown`, its number is not. Refuses (ChangesForgotten) when changes
    between were forgotten, or the number was never given.
    """
    rows = AgendaChange.objects.visible_to(viewer).filter(sequence__gt=since).order_by("sequence")
    changes = list(rows[:limit])
    following = changes[0].sequence if changes else last_sequence(viewer.practice_id) + 1
    if following != since + 1:
        raise ChangesForgotten(last=last_sequence(viewer.practice_id))
    visits = appointments_of(viewer=viewer).in_bulk([change.appointment_id for change in changes])
    for change in changes:
        change.shown = visits.get(change.appointment_id)  # type: ignore[attr-defined]
    return changes
