"""Booking and moving."""

from __future__ import annotations

from collections.abc import Collection
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any, overload
from uuid import UUID

from django.utils.translation import gettext as _

from apps.agenda.lifecycle import CHANGE_COMPLETED, HOLDING, allowed_verbs
from apps.agenda.live import announce
from apps.agenda.models import Appointment, AppointmentType
from apps.agenda.services import reminders
from apps.agenda.services.freed import note_freed
from apps.agenda.services.notes import add_note
from apps.agenda.services.recalls import follow_visit
from apps.agenda.services.resources import claims_of, conflicts, hold, lock_resources, refuse_conflicts
from apps.agenda.services.rules import (
    check_absences,
    check_hours,
    check_house,
    check_length,
    check_room_kind,
)
from apps.catalog.models import Act
from apps.core.errors import InvalidInput, NotVisible, PermissionRefused, Stale
from apps.core.scope import Viewer
from apps.core.service import service
from apps.core.transitions import IllegalTransition
from apps.directory.models import Practice, Practitioner, Room
from apps.patients.models import Patient

OVERRIDE = "agenda.override_appointment"
REFERENCES = ("practice", "patient", "practitioner", "assistant", "room", "type", "acts")
DECIDES_TIME = ("starts_at", "ends_at", "practitioner_id", "assistant_id", "room_id", "type_id")
MOVABLE_FIELDS = frozenset({"practitioner", "assistant", "room", "type", "color"})


@service("agenda.appointment.book")
def book_appointment(
    *,
    actor: Viewer,
    practice: Practice,
    patient: Patient,
    practitioner: Practitioner,
    room: Room,
    type: AppointmentType,  # noqa: A002 - the contract's word
    starts_at: datetime,
    at: datetime,
    ends_at: datetime | None = None,
    duration_minutes: int | None = None,
    assistant: Practitioner | None = None,
    acts: Collection[Act] = (),
    note: str = "",
    color: str = "",
    override_reason: str = "",
) -> Appointment:
    """Book a visit; without an end or a duration it lasts as long as its type.

    Refuses time that is taken (SlotTaken, RoomTaken, PatientBusy) or closed (OutsideHours,
    PractitionerAbsent), an unsuitable room (RoomNotSuitable) and anything of another practice. With
    `override_reason`, and the permission for it, taken and closed time is allowed: the visit then holds what
    is free, and shares the rest.
    """
    if actor.practice_id not in (None, practice.pk):
        raise NotVisible
    starts_at, ends_at = in_utc(starts_at), in_utc(ends_at)
    appointment = Appointment(
        practice=practice,
        patient=patient,
        practitioner=practitioner,
        assistant=assistant,
        room=room,
        type=type,
        starts_at=starts_at,
        ends_at=end_of_visit(starts_at, ends_at, duration_minutes)
        or starts_at + timedelta(minutes=type.duration_minutes),
        scheduled_at=at,
        color=color,
        pattern=type.pattern,
        override_reason=override_reason.strip(),
    )
    shared = settle(actor, appointment, override=bool(appointment.override_reason))
    appointment.reminders_planned_at = reminders.planning_moment(appointment, at)
    appointment.save(force_insert=True)
    if acts:
        appointment.acts.set(acts)
    hold(appointment, claims_of(appointment), shared=shared)
    follow_visit(appointment, at)
    if note.strip():
        add_note(actor=actor, appointment=appointment, body=note, at=at)
    reminders.plan(actor=actor, appointment=appointment, at=at)
    announce(appointment, "appointment.created")
    return appointment


@service("agenda.appointment.move")
def move_appointment(
    *,
    actor: Viewer,
    appointment: Appointment,
    version: int,
    at: datetime,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    duration_minutes: int | None = None,
    override_reason: str = "",
    acts: Collection[Act] | None = None,
    **changes: Any,
) -> Appointment:
    """Move, resize or reassign a visit; the length stays unless an end or a duration is given.

    Refuses what booking refuses, a visit that was changed since `version` was read (Stale), a cancelled or
    missed one (IllegalTransition), and a finished one without the stronger permission. A new start asks the
    patient anew.
    """
    if unknown := set(changes) - MOVABLE_FIELDS:
        raise TypeError(f"a move does not change {sorted(unknown)}")
    moved: Appointment = Appointment.objects.with_people().select_related("practice").get(pk=appointment.pk)
    former = copy(moved)
    starts_at, ends_at = in_utc(starts_at), in_utc(ends_at)
    for name, value in changes.items():
        setattr(moved, name, value)
    if "type" in changes:
        moved.pattern = moved.type.pattern
    moved.starts_at = starts_at or moved.starts_at
    moved.ends_at = end_of_visit(moved.starts_at, ends_at, duration_minutes) or (
        moved.starts_at + (former.ends_at - former.starts_at)
    )
    needs_time = any(getattr(moved, name) != getattr(former, name) for name in DECIDES_TIME)
    if needs_time or override_reason.strip():
        moved.override_reason = override_reason.strip()
    shared = settle(actor, moved, override=bool(moved.override_reason), former=former, version=version)
    if moved.starts_at != former.starts_at:
        moved.scheduled_at = at
        moved.reminders_planned_at = reminders.planning_moment(moved, at)
        moved.confirmation = Appointment.Confirmation.UNCONFIRMED
    if needs_time and moved.series_id is not None:
        moved.is_exception = True
    moved.version = former.version + 1
    moved.save()
    if acts is not None:
        moved.acts.set(acts)
    hold(moved, claims_of(moved), shared=shared)
    if needs_time:
        note_freed(former, at)
    if moved.starts_at != former.starts_at:
        reminders.replan(actor=actor, appointment=moved, at=at)
    announce(moved, "appointment.updated")
    return moved


@overload
def in_utc(moment: datetime) -> datetime: ...
@overload
def in_utc(moment: None) -> None: ...
def in_utc(moment: datetime | None) -> datetime | None:
    """Return the moment in UTC: minutes added to a zoned one follow the wall clock, off on some nights."""
    return None if moment is None else moment.astimezone(UTC)


def end_of_visit(starts_at: datetime, ends_at: datetime | None, minutes: int | None) -> datetime | None:
    """Return the end that was asked for, if any; refuse an end and a duration that contradict each other."""
    if minutes is None:
        return ends_at
    by_length = starts_at + timedelta(minutes=minutes)
    if ends_at is not None and ends_at != by_length:
        raise InvalidInput(duration_minutes=[_("The duration and the end contradict each other.")])
    return by_length


def settle(
    actor: Viewer,
    appointment: Appointment,
    *,
    override: bool,
    former: Appointment | None = None,
    version: int = 0,
) -> set[UUID]:
    """Lock what the visit needs and run every check under the locks; return the resources it will share.

    The locks cover the former resources of a moved visit too, so that two moves that swap places never
    wait for each other.
    """
    check_length(appointment.starts_at, appointment.ends_at)
    appointment.clean_fields(exclude=REFERENCES)
    if override and not actor.has_perm(OVERRIDE):
        raise PermissionRefused
    rows = lock_resources(appointment, *([former] if former else []))
    if former is not None:
        check_unchanged(actor, former, version)
    check_house(appointment, rows)
    check_room_kind(appointment, rows)
    claims = claims_of(appointment)
    if override:
        return {claim.resource_id for claim, _taken in conflicts(appointment, claims)}
    check_hours(appointment, rows)
    check_absences(appointment, rows)
    refuse_conflicts(appointment, claims, rows=rows)
    return set()


def check_unchanged(actor: Viewer, appointment: Appointment, version: int) -> None:
    """Lock the visit itself and refuse to move what changed meanwhile, or no longer stands."""
    stored = Appointment.objects.select_for_update(no_key=True, of=("self",)).get(pk=appointment.pk)
    if stored.version != version or stored.version != appointment.version:
        raise Stale(version=stored.version)
    if stored.status not in HOLDING:
        raise IllegalTransition(
            status=stored.status, allowed=allowed_verbs(stored.status, stored.confirmation)
        )
    if stored.status == Appointment.Status.DONE and not actor.has_perm(CHANGE_COMPLETED):
        raise PermissionRefused
