"""Filters of the agenda that read as adjectives."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from django.db.models import Count, DateField, ExpressionWrapper, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from apps.core.querysets import BaseQuerySet
from apps.patients.querysets import SEE_RESTRICTED

if TYPE_CHECKING:
    from apps.core.scope import Viewer


class AppointmentTypeQuerySet(BaseQuerySet[Any]):
    """Kinds of visit; settings, open to the platform's admin as well."""

    platform_sees = True

    def kept(self) -> Self:
        """Return the types that were not taken out of use."""
        return self.filter(deleted_at__isnull=True)


class PatientRowQuerySet(BaseQuerySet[Any]):
    """Rows about a patient; those of a restricted patient are left to who may see that patient."""

    def visible_to(self, viewer: Viewer | None) -> Self:
        """Return the rows of the viewer's practice whose patient the viewer sees."""
        rows = super().visible_to(viewer)
        if viewer is not None and viewer.has_perm(SEE_RESTRICTED):
            return rows
        return rows.filter(patient__restricted_at__isnull=True)

    def sight_of(self, viewer: Viewer) -> tuple[UUID | None, bool]:
        """Return all that `visible_to` looks at: two viewers of the same sight see the same rows."""
        return viewer.practice_id, viewer.has_perm(SEE_RESTRICTED)


class AppointmentQuerySet(PatientRowQuerySet):
    """Appointments of a practice."""

    def between(self, since: datetime, until: datetime) -> Self:
        """Return those that touch the half-open range."""
        return self.filter(starts_at__lt=until, ends_at__gt=since)

    def of_person(self, practitioner: UUID) -> Self:
        """Return those somebody carries out or assists."""
        return self.filter(Q(practitioner=practitioner) | Q(assistant=practitioner))

    def live(self) -> Self:
        """Return those that still count: neither cancelled nor missed."""
        return self.filter(status__in=("requested", "booked", "arrived", "in_chair", "done"))

    def upcoming(self, at: datetime) -> Self:
        """Return those still to come."""
        return self.filter(status__in=("requested", "booked"), starts_at__gt=at)

    def with_people(self) -> Self:
        """Load the names a card of the agenda shows."""
        return self.select_related("patient", "practitioner", "assistant", "room", "type")

    def with_note_count(self) -> Self:
        """Count the notes beside each row, as `note_count`."""
        from apps.agenda.models import AppointmentNote

        notes = AppointmentNote.objects.filter(appointment=OuterRef("pk")).order_by()
        counted = notes.values("appointment").annotate(n=Count("pk")).values("n")
        return self.annotate(note_count=Coalesce(Subquery(counted), 0))

    def in_order(self) -> Self:
        """Order by start."""
        return self.order_by("starts_at", "pk")


class RecallQuerySet(PatientRowQuerySet):
    """Patients to be seen again."""

    def to_write_to(self, today: date) -> Self:
        """Return the open ones whose date is near, not put off, and not written to for this date yet."""
        near = self.filter(
            status="active",
            type__sends_messages=True,
            type__is_active=True,
            patient__restricted_at__isnull=True,
            due_on__lte=ExpressionWrapper(
                Value(today, DateField()) + F("type__lead_days"), output_field=DateField()
            ),
        )
        fresh = near.filter(Q(messaged_for__isnull=True) | ~Q(messaged_for=F("due_on")))
        return fresh.filter(Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=today))


class PinnedQuerySet(PatientRowQuerySet):
    """Visits without a time."""

    def waiting(self) -> Self:
        """Return those for which a time is still looked for."""
        return self.filter(status="pinned")

    def in_order(self) -> Self:
        """Order by urgency, then by age."""
        return self.order_by(F("priority").desc(), "pinned_at", "pk")


class OccupancyQuerySet(BaseQuerySet[Any]):
    """Held time; derived from appointments and rewritten with them."""

    def of_resources(self, resources: Collection[UUID]) -> Self:
        """Return the time held of these people and rooms."""
        return self.filter(resource_id__in=resources)


class AbsenceQuerySet(BaseQuerySet[Any]):
    """Time in which a practitioner, a room or the whole practice is away."""

    def between(self, since: datetime, until: datetime) -> Self:
        """Return those that touch the half-open range."""
        return self.filter(starts_at__lt=until, ends_at__gt=since)

    def concerning(self, practitioners: Collection[UUID]) -> Self:
        """Return those of these people, and closures of the whole practice."""
        return self.filter(Q(practitioner__in=practitioners) | Q(practitioner__isnull=True))

    def in_order(self) -> Self:
        """Order by start, closures of the practice first."""
        return self.order_by("starts_at", F("practitioner").asc(nulls_first=True), "pk")
