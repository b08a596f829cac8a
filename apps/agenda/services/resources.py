"""Time held of people and rooms: who is needed when, locked in one order, checked once, written afresh.

Why row locks: `FOR NO KEY UPDATE` on the rows themselves costs what an advisory lock costs, needs no key
function that could collide, and re-reads under the lock what the rules look at (in use, practice, room kind).
Foreign-key checks of other writers take `FOR KEY SHARE`, which it does not block. The order is the same for
everybody: practitioners by key, rooms by key, patients by key. The exclusion constraint keeps the last word.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.agenda.lifecycle import HOLDING
from apps.agenda.models import STEP_MINUTES, Appointment, Occupancy
from apps.core.errors import DomainError
from apps.directory.models import Practitioner, Room
from apps.patients.models import Patient

NO_OVERLAP = "agenda_occupancy_no_overlap"
EXCLUSION_VIOLATION = "23P01"
Kind = Occupancy.Kind


class SlotTaken(DomainError):
    """The practitioner or the assistant is already with somebody."""

    code = "SLOT_TAKEN"
    message = gettext_lazy("The practitioner already has an appointment at this time.")


class RoomTaken(DomainError):
    """The room is already in use."""

    code = "ROOM_TAKEN"
    message = gettext_lazy("The room is already taken at this time.")


class PatientBusy(DomainError):
    """The patient has another appointment then."""

    code = "PATIENT_BUSY"
    message = gettext_lazy("The patient already has an appointment at this time.")


REFUSALS: dict[str, type[DomainError]] = {
    Kind.PRACTITIONER: SlotTaken,
    Kind.ASSISTANT: SlotTaken,
    Kind.ROOM: RoomTaken,
    Kind.PATIENT: PatientBusy,
}


@dataclass(frozen=True, slots=True)
class Claim:
    """Time an appointment needs of one resource, half-open."""

    kind: str
    resource_id: UUID
    starts_at: datetime
    ends_at: datetime

    @property
    def period(self) -> DateTimeTZRange:
        """The range as PostgreSQL takes it."""
        return DateTimeTZRange(self.starts_at, self.ends_at, "[)")


@dataclass(slots=True)
class Locked:
    """Rows held until the transaction ends, as they are now."""

    practitioners: dict[UUID, Practitioner] = field(default_factory=dict)
    rooms: dict[UUID, Room] = field(default_factory=dict)
    patients: dict[UUID, Patient] = field(default_factory=dict)


def lock_resources(*appointments: Appointment) -> Locked:
    """Lock the people and rooms of these appointments; always in the same order, once per transaction."""
    people = {a.practitioner_id for a in appointments} | {
        a.assistant_id for a in appointments if a.assistant_id
    }
    return Locked(
        practitioners=locked(Practitioner, people),
        rooms=locked(Room, {a.room_id for a in appointments}),
        patients=locked(Patient, {a.patient_id for a in appointments}),
    )


def locked(model: Any, keys: Collection[UUID]) -> dict[UUID, Any]:
    """Lock rows by key order and return them."""
    rows = model.objects.filter(pk__in=keys).order_by("pk").select_for_update(no_key=True, of=("self",))
    return {row.pk: row for row in rows}


def claims_of(appointment: Appointment) -> list[Claim]:
    """Return the time an appointment needs; none when it is cancelled or missed, less when it ended early.

    The room is held for its preparation and cleaning as well; the pattern says when the practitioner and the
    assistant are needed inside the visit, so that one practitioner can serve two chairs.
    """
    starts_at, ends_at = appointment.starts_at, appointment.ends_at
    if appointment.status not in HOLDING:
        return []
    if appointment.dismissed_at is not None:
        ends_at = min(ends_at, appointment.dismissed_at)
    if ends_at <= starts_at:
        return []
    kind = appointment.type
    before = timedelta(minutes=kind.buffer_before_minutes)
    after = timedelta(minutes=kind.buffer_after_minutes)
    claims = [
        Claim(Kind.ROOM, appointment.room_id, starts_at - before, ends_at + after),
        Claim(Kind.PATIENT, appointment.patient_id, starts_at, ends_at),
    ]
    for since, until in stretches(appointment.pattern, "X", starts_at, ends_at):
        claims.append(Claim(Kind.PRACTITIONER, appointment.practitioner_id, since, until))
    if appointment.assistant_id:
        for since, until in stretches(appointment.pattern, "X/", starts_at, ends_at):
            claims.append(Claim(Kind.ASSISTANT, appointment.assistant_id, since, until))
    return sorted(claims, key=lambda claim: (claim.resource_id, claim.starts_at))


def stretches(
    pattern: str, signs: str, starts_at: datetime, ends_at: datetime
) -> list[tuple[datetime, datetime]]:
    """Return the runs of `signs` in a pattern as periods; the whole time when the pattern names nobody.

    The pattern is cut where the visit is shorter; where it is longer its last sign goes on.
    """
    step = timedelta(minutes=STEP_MINUTES)
    runs: list[tuple[datetime, datetime]] = []
    moment, index = starts_at, 0
    while pattern and moment < ends_at:
        following = min(moment + step, ends_at)
        if pattern[min(index, len(pattern) - 1)] in signs:
            touching = bool(runs) and runs[-1][1] == moment
            runs[-1:] = [(runs[-1][0], following)] if touching else [*runs[-1:], (moment, following)]
        moment, index = following, index + 1
    return runs or [(starts_at, ends_at)]


def refuse_conflicts(appointment: Appointment, claims: Collection[Claim], *, rows: Locked) -> None:
    """Raise the refusal that names what is taken; the practitioner comes before room and patient."""
    found = conflicts(appointment, claims)
    if not found:
        return
    order = [Kind.PRACTITIONER, Kind.ASSISTANT, Kind.ROOM, Kind.PATIENT]
    claim, taken = min(found, key=lambda pair: order.index(Kind(pair[0].kind)))
    raise refusal(appointment, claim, taken, rows)


def conflicts(appointment: Appointment, claims: Iterable[Claim]) -> list[tuple[Claim, DateTimeTZRange]]:
    """Return each claim that meets time held by another appointment, with that time.

    Time held by a visit that was itself booked over others counts too: a third one needs its own decision.
    """
    wanted = Q()
    for claim in claims:
        wanted |= Q(resource_id=claim.resource_id, period__overlap=claim.period)
    if not wanted:
        return []
    held = Occupancy.objects.filter(wanted).exclude(appointment=appointment.pk)
    taken = list(held.order_by("period").values_list("resource_id", "period"))
    return [
        (claim, period)
        for claim in claims
        for resource_id, period in taken
        if resource_id == claim.resource_id
        and period.lower < claim.ends_at
        and claim.starts_at < period.upper
    ]


def refusal(appointment: Appointment, claim: Claim, taken: DateTimeTZRange, rows: Locked) -> DomainError:
    """Word a conflict for people: who or what is taken, from when to when, on the practice's clock."""
    zone = appointment.practice.zone
    since, until = (moment.astimezone(zone).strftime("%H:%M") for moment in (taken.lower, taken.upper))
    match claim.kind:
        case Kind.ROOM:
            sentence = _("%(name)s is already taken from %(since)s to %(until)s.")
            name = rows.rooms[claim.resource_id].name
        case Kind.PATIENT:
            sentence = _("%(name)s already has an appointment from %(since)s to %(until)s.")
            name = rows.patients[claim.resource_id].display_name
        case _kind:
            sentence = _("%(name)s already has an appointment from %(since)s to %(until)s.")
            name = rows.practitioners[claim.resource_id].display_name
    return REFUSALS[claim.kind](
        sentence % {"name": name, "since": since, "until": until},
        resource=str(claim.resource_id),
        kind=str(claim.kind),
        starts_at=taken.lower.astimezone(zone).isoformat(),
        ends_at=taken.upper.astimezone(zone).isoformat(),
    )


def hold(appointment: Appointment, claims: Collection[Claim], *, shared: Collection[UUID] = ()) -> None:
    """Write the time an appointment holds, replacing what it held.

    Resources in `shared` are knowingly booked twice: their rows do not block. A transaction that got past the
    check meets the exclusion constraint here and is refused in the same words.
    """
    Occupancy.objects.filter(appointment=appointment.pk).delete()
    rows = [
        Occupancy(
            practice_id=appointment.practice_id,
            appointment=appointment,
            resource_id=claim.resource_id,
            kind=claim.kind,
            period=claim.period,
            blocking=claim.resource_id not in shared,
        )
        for claim in claims
    ]
    try:
        Occupancy.objects.bulk_create(rows)
    except IntegrityError as error:
        raise taken_meanwhile(error, claims) from error


def taken_meanwhile(error: IntegrityError, claims: Collection[Claim]) -> Exception:
    """Return the refusal a violation of the exclusion constraint means; any other is a fault."""
    diagnosis = getattr(error.__cause__, "diag", None)
    if (
        diagnosis is None
        or diagnosis.sqlstate != EXCLUSION_VIOLATION
        or diagnosis.constraint_name != NO_OVERLAP
    ):
        return error
    detail = diagnosis.message_detail or ""
    kind = next((claim.kind for claim in claims if str(claim.resource_id) in detail), Kind.PRACTITIONER)
    return REFUSALS[kind](kind=str(kind))
