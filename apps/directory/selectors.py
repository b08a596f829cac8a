"""Reads of the directory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date
from uuid import UUID

from django.db.models import Prefetch, QuerySet

from apps.core.scope import Viewer
from apps.directory.models import BankAccount, Insurer, OpeningHours, Practitioner, Room


def practitioners_of(*, viewer: Viewer) -> QuerySet[Practitioner]:
    """Return the practitioners a viewer sees, with their own hours loaded."""
    own = Prefetch("opening_hours", queryset=OpeningHours.objects.order_by("weekday", "opens_at", "pk"))
    return (
        Practitioner.objects.visible_to(viewer)
        .prefetch_related(own)
        .order_by("practice", "last_name", "first_name", "pk")
    )


def account_of(*, viewer: Viewer) -> BankAccount | None:
    """Return the account of the viewer's own practice."""
    row: BankAccount | None = BankAccount.objects.visible_to(viewer).order_by("pk").first()
    return row


def accounts_paid(*, practices: Collection[UUID]) -> dict[UUID, str]:
    """Return the IBANs of practices that are about to be paid; those without one are left out."""
    rows = BankAccount.objects.filter(practice__in=list(practices))
    return {row.practice_id: row.iban for row in rows}


def rooms_of(*, viewer: Viewer) -> QuerySet[Room]:
    """Return the rooms a viewer sees, those taken out of use left out."""
    return Room.objects.visible_to(viewer).kept().order_by("practice", "position", "name", "pk")


def insurers_for(*, viewer: Viewer) -> QuerySet[Insurer]:
    """Return the insurers of the network."""
    return Insurer.objects.visible_to(viewer).filter(deleted_at__isnull=True).order_by("name", "pk")


def house_hours(*, practices: Collection[UUID]) -> dict[UUID, list[OpeningHours]]:
    """Return the hours of each practice itself, in one query."""
    found: dict[UUID, list[OpeningHours]] = defaultdict(list)
    rows = OpeningHours.objects.filter(practice__in=practices).of_practice_itself()
    for row in rows.order_by("weekday", "opens_at", "pk"):
        found[row.practice_id].append(row)
    return dict(found)


def hours_for(*, practice_id: UUID, practitioners: Collection[UUID]) -> dict[UUID, list[OpeningHours]]:
    """Return the hours that count for each practitioner: their own if they have any, else the practice's."""
    rows = OpeningHours.objects.filter(practice=practice_id)
    house: list[OpeningHours] = []
    own: dict[UUID, list[OpeningHours]] = defaultdict(list)
    for row in rows.order_by("weekday", "opens_at", "pk"):
        (house if row.practitioner_id is None else own[row.practitioner_id]).append(row)
    return {person: own.get(person, house) for person in practitioners}


def in_force(hours: Collection[OpeningHours], day: date) -> list[OpeningHours]:
    """Return those of `hours` that apply on `day`."""
    return [
        row
        for row in hours
        if row.weekday == day.isoweekday()
        and (row.valid_from is None or row.valid_from <= day)
        and (row.valid_until is None or day < row.valid_until)
    ]
