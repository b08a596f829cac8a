"""Series: visits booked, moved and cancelled together, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.agenda.lifecycle import OPEN
from apps.agenda.models import Appointment, Occupancy, Series
from apps.agenda.recurrence import MOST, occurrences
from apps.agenda.services.booking import book_appointment, move_appointment
from apps.agenda.services.resources import lock_resources
from apps.agenda.services.visits import cancel_appointment
from apps.core.clock import from_wall_clock
from apps.core.errors import DomainError, InvalidInput, NotVisible, Stale
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice
from apps.patients.models import Patient

SCOPES: Final = ("this", "following", "all")


class SeriesConflicts(DomainError):
    """Some of the visits cannot be; `details.conflicts` says which and why, and nothing was written."""

    code = "SERIES_CONFLICTS"
    message = gettext_lazy("Some of these visits are not possible. Nothing was changed.")


@service("agenda.series.book")
def book_series(
    *,
    actor: Viewer,
    practice: Practice,
    patient: Patient,
    visits: Sequence[dict[str, Any]],
    at: datetime,
    rrule: str = "",
    skip_conflicts: bool = False,
) -> Series:
    """Book several visits of a patient together: the steps of a plan, or one visit repeated by a rule.

    Every visit is tried, so that all conflicts are told at once (SeriesConflicts); nothing is booked unless all can be,
    or those that cannot are to be left out (`skip_conflicts`). Refuses a rule it cannot follow and an empty series.
    """
    if actor.practice_id not in (None, practice.pk) or patient.practice_id != practice.pk:
        raise NotVisible
    planned = repeated(practice, visits, rrule) if rrule else list(visits)
    if not 0 < len(planned) <= MOST:
        raise InvalidInput(visits=[_("At most %(most)d visits at once.") % {"most": MOST}])
    series = Series(practice=practice, patient=patient, rrule=rrule.strip(), booked_at=at)
    series.save()
    lock_resources(*(sketch(practice, patient, visit) for visit in planned))

    def book(number: int, visit: dict[str, Any]) -> None:
        asked = {**visit, "starts_at": moment_of(visit["starts_at"], practice)}
        booked = book_appointment(actor=actor, practice=practice, patient=patient, at=at, **asked)
        booked.series, booked.series_position = series, number
        booked.save(update_fields=["series", "series_position", "updated_at"])

    steps = [
        (visit["starts_at"], lambda n=n, v=visit: book(n, v)) for n, visit in enumerate(planned, start=1)
    ]
    conflicts = attempt_all(practice, steps)
    if conflicts and (not skip_conflicts or len(conflicts) == len(planned)):
        raise SeriesConflicts(conflicts=conflicts)
    return series


@service("agenda.series.change")
def change_series(
    *,
    actor: Viewer,
    series: Series,
    appointment: Appointment,
    scope: str,
    version: int,
    at: datetime,
    starts_at: datetime | None = None,
    cancel: bool = False,
    reason: str = "",
    cancelled_by: str = "practice",
    **changes: Any,
) -> Series:
    """Change one visit of a series (`this`), it and those after it (`following`), or `all` that are still to come.

    A new start moves the others by as many days and to the same time of day. A visit changed by itself is an exception
    from then on: it keeps its change whatever happens to the series, except being cancelled with it. Refuses what moving
    refuses, for all visits at once (SeriesConflicts); nothing is changed then.
    """
    if scope not in SCOPES:
        raise InvalidInput(scope=[", ".join(SCOPES)])
    rows = Appointment.objects.filter(series=series).with_people().select_related("practice")
    visits = {visit.pk: visit for visit in rows.order_by("series_position", "pk")}
    named = visits.get(appointment.pk)
    if named is None:
        raise InvalidInput(appointment=[_("This does not exist.")])
    if named.version != version:
        raise Stale(version=named.version)
    chosen = [visit for visit in visits.values() if is_meant(visit, named, scope, cancel=cancel)]
    shift = shift_of(named, starts_at)
    if cancel:
        steps = [(visit.starts_at, canceller(actor, visit, at, reason, cancelled_by)) for visit in chosen]
    else:
        release(chosen, changes)
        steps = [(visit.starts_at, mover(actor, visit, at, shift, changes)) for visit in chosen]
    conflicts = attempt_all(series.practice, steps)
    if conflicts:
        raise SeriesConflicts(conflicts=conflicts)
    if scope != "this" and not cancel:
        Appointment.objects.filter(pk__in=[visit.pk for visit in chosen]).update(is_exception=False)
    return series


def is_meant(visit: Appointment, named: Appointment, scope: str, *, cancel: bool) -> bool:
    """Say whether a change of `named` in this scope concerns a visit."""
    if visit.pk == named.pk:
        return True
    if scope == "this" or visit.status not in OPEN or (visit.is_exception and not cancel):
        return False
    return scope == "all" or (visit.series_position or 0) > (named.series_position or 0)


def release(visits: Sequence[Appointment], changes: dict[str, Any]) -> None:
    """Lock everything these visits hold and will need, then let go of it: they may take each other's places."""
    moved = []
    for visit in visits:
        target = Appointment(
            practitioner_id=visit.practitioner_id,
            assistant_id=visit.assistant_id,
            room_id=visit.room_id,
            patient_id=visit.patient_id,
        )
        for name in ("practitioner", "assistant", "room"):
            if name in changes:
                setattr(target, name, changes[name])
        moved.append(target)
    lock_resources(*visits, *moved)
    Occupancy.objects.filter(appointment__in=[visit.pk for visit in visits]).delete()


def mover(
    actor: Viewer,
    visit: Appointment,
    at: datetime,
    shift: Callable[[Appointment], datetime | None],
    changes: Any,
) -> Callable[[], object]:
    """Return the step that moves one visit."""
    return lambda: move_appointment(
        actor=actor, appointment=visit, version=visit.version, starts_at=shift(visit), at=at, **changes
    )


def canceller(
    actor: Viewer, visit: Appointment, at: datetime, reason: str, cancelled_by: str
) -> Callable[[], object]:
    """Return the step that cancels one visit."""
    return lambda: cancel_appointment(
        actor=actor, appointment=visit, at=at, reason=reason, cancelled_by=cancelled_by
    )


def shift_of(named: Appointment, starts_at: datetime | None) -> Callable[[Appointment], datetime | None]:
    """Return how a new start of one visit moves another: by as many days, to the same time of day."""
    if starts_at is None:
        return lambda visit: None
    zone = named.practice.zone
    target = starts_at.astimezone(zone)
    days = target.date() - named.starts_at.astimezone(zone).date()

    def moved(visit: Appointment) -> datetime:
        if visit.pk == named.pk:
            return starts_at
        day = visit.starts_at.astimezone(zone).date() + days
        return from_wall_clock(datetime.combine(day, target.time()), zone)

    return moved


def attempt_all(
    practice: Practice, steps: Sequence[tuple[datetime, Callable[[], object]]]
) -> list[dict[str, Any]]:
    """Try every step, each by itself, and return what was refused."""
    conflicts = []
    for starts_at, step in steps:
        try:
            with transaction.atomic():
                step()
        except DomainError as refusal:
            shown = starts_at if starts_at.tzinfo is None else starts_at.astimezone(practice.zone)
            conflicts.append(
                {
                    "starts_at": shown.isoformat(),
                    "code": refusal.code,
                    "message": str(refusal),
                    "details": refusal.details,
                }
            )
    return conflicts


def repeated(practice: Practice, visits: Sequence[dict[str, Any]], rule: str) -> list[dict[str, Any]]:
    """Return one visit at each time of a rule."""
    if len(visits) != 1:
        raise InvalidInput(rrule=[_("A rule repeats one visit.")])
    times = occurrences(rule, visits[0]["starts_at"], practice.zone)
    return [{**visits[0], "starts_at": moment} for moment in times]


def moment_of(moment: datetime, practice: Practice) -> datetime:
    """Return a moment; a time of a rule is the practice's wall clock, and may not exist on the day."""
    return from_wall_clock(moment, practice.zone) if moment.tzinfo is None else moment


def sketch(practice: Practice, patient: Patient, visit: dict[str, Any]) -> Appointment:
    """Return a visit as far as locking needs it."""
    return Appointment(
        practice=practice,
        patient=patient,
        practitioner=visit["practitioner"],
        assistant=visit.get("assistant"),
        room=visit["room"],
    )
