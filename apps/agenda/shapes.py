"""The one shape in which an appointment leaves the house: in lists, alone, and over the web socket.

Plain dictionaries, not serializers, and rows without models where a list is long: a week of 500 visits is the API's most
frequent long answer. Keys and moments stay what they are; whoever sends the shape writes it as JSON with orjson.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import reduce
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db.models import F, FloatField, Func, QuerySet, Value

from apps.agenda.lifecycle import allowed_verbs
from apps.agenda.models import Appointment
from apps.patients.models import name_in_use

# What a card is made of, in the order `laid_out` takes it.
CARD: Final = (
    "id", "patient_id", "patient__first_name", "patient__last_name", "practitioner_id", "assistant_id", "room_id",
    "type_id", "status", "confirmation", "color", "type__color", "note_count", "version", "override_reason",
)  # fmt: skip
TIMES: Final = ("starts_at", "ends_at", "arrived_at", "seated_at", "dismissed_at", "cancelled_at")


def card_rows(appointments: QuerySet[Any]) -> Any:
    """Return appointments (`with_note_count`) as the tuples `cards_of` lays out.

    Moments come as seconds since 1970: turning those into the practice's time costs a fifth of reading time stamps.
    """
    seconds = [
        Func(Value("epoch"), F(name), function="date_part", output_field=FloatField()) for name in TIMES
    ]
    return appointments.values_list(*CARD, *seconds)


def cards_of(rows: Iterable[Sequence[Any]], zone: ZoneInfo) -> list[dict[str, Any]]:
    """Return the cards of tuples read by `card_rows`."""
    at = datetime.fromtimestamp
    return [laid_out(row, lambda seconds: at(seconds, zone)) for row in rows]


def card(appointment: Appointment, zone: ZoneInfo) -> dict[str, Any]:
    """Return one appointment as lists and the web socket show it."""
    row = [value_of(appointment, path) for path in (*CARD, *TIMES)]
    return laid_out(row, lambda moment: moment.astimezone(zone))


def value_of(appointment: Appointment, path: str) -> Any:
    """Return the value at a path; an appointment read without its notes being counted has none."""
    if path == "note_count":
        return getattr(appointment, path, 0)
    return reduce(getattr, path.split("__"), appointment)


def laid_out(row: Sequence[Any], when: Callable[[Any], datetime]) -> dict[str, Any]:
    """Lay the values of `CARD` and `TIMES` out; `when` makes a moment of the practice's time of one of the latter."""
    (
        key, patient, first_name, last_name, practitioner, assistant, room, kind, status, confirmation, color,
        kind_color, notes, version, override, starts_at, ends_at, arrived_at, seated_at, dismissed_at, cancelled_at,
    ) = row  # fmt: skip
    return {
        "id": key,
        "patient": {"id": patient, "display_name": name_in_use(first_name, last_name)},
        "practitioner": practitioner,
        "assistant": assistant,
        "room": room,
        "type": kind,
        "starts_at": when(starts_at),
        "ends_at": when(ends_at),
        "status": status,
        "confirmation": confirmation,
        "color": color or kind_color,
        "note_count": notes,
        "version": version,
        "arrived_at": arrived_at and when(arrived_at),
        "seated_at": seated_at and when(seated_at),
        "dismissed_at": dismissed_at and when(dismissed_at),
        "cancelled_at": cancelled_at and when(cancelled_at),
        "is_overbooked": bool(override),
    }


def detail(appointment: Appointment, zone: ZoneInfo) -> dict[str, Any]:
    """Return an appointment with what only its own page needs."""
    return {
        **card(appointment, zone),
        "acts": [act.pk for act in appointment.acts.all()],
        "cancel_reason": appointment.cancel_reason,
        "override_reason": appointment.override_reason,
        "allowed": allowed_verbs(appointment.status, appointment.confirmation),
    }
