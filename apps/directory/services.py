"""Writes of the directory: people, rooms, hours and an insurer's own card."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInput, NotVisible, PermissionRefused
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.identifiers import account_number
from apps.directory.insurer_config import check_config, merged
from apps.directory.models import BankAccount, Insurer, OpeningHours, Practice, Practitioner, Room

Hours = Sequence[dict[str, Any]]


@service("directory.practice.create")
def create_practice(*, actor: Viewer, opening_hours: Hours = (), **fields: Any) -> Practice:
    """Open a practice; refuses a licence number in use."""
    practice = Practice(**fields)
    practice.full_clean()
    practice.save()
    replace_hours(practice, None, opening_hours)
    return practice


@service("directory.practice.change")
def change_practice(
    *, actor: Viewer, practice: Practice, opening_hours: Hours | None = None, **changes: Any
) -> Practice:
    """Change a practice; given hours replace all former ones of the house itself."""
    lock_settings(practice)
    assign(practice, changes)
    practice.full_clean()
    practice.save()
    if opening_hours is not None:
        replace_hours(practice, None, opening_hours)
    return practice


@service("directory.bank_account.set")
def set_bank_account(*, actor: Viewer, practice: Practice, iban: str) -> BankAccount:
    """Say where a practice is paid from now on: what was generated before keeps the account it was frozen with.

    `iban` is an IBAN or a Tunisian RIB. Refuses VALIDATION_ERROR (a wrong check digit) and FORBIDDEN: whoever runs a
    house keeps its account, so not the doctors of a clinic.
    """
    if not keeps_account(actor, practice):
        raise PermissionRefused
    try:
        number = account_number(iban)
    except ValidationError as error:
        raise InvalidInput(iban=error.messages) from error
    lock_settings(practice)
    row = BankAccount.objects.filter(practice=practice).first() or BankAccount(practice=practice)
    if row._state.adding or row.iban != number:
        row.iban = number
        row.full_clean()
        row.save()
    return row


def keeps_account(viewer: Viewer, practice: Practice) -> bool:
    """Whether somebody runs this house, so that its account is theirs to read and to change."""
    runs_it = practice.kind != Practice.Kind.CLINIC or viewer.role == "clinic_admin"
    return viewer.practice_id == practice.pk and runs_it


@service("directory.practitioner.create")
def create_practitioner(
    *, actor: Viewer, practice: Practice, opening_hours: Hours = (), **fields: Any
) -> Practitioner:
    """Add somebody who treats or assists; refuses a usual room of another practice and a doubled RPPS."""
    lock_settings(practice)
    person = Practitioner(practice=practice, **fields)
    check_usual_room(person)
    person.full_clean()
    person.save()
    replace_hours(practice, person, opening_hours)
    return person


@service("directory.practitioner.change")
def change_practitioner(
    *, actor: Viewer, practitioner: Practitioner, opening_hours: Hours | None = None, **changes: Any
) -> Practitioner:
    """Change a practitioner; given hours replace all former ones."""
    lock_settings(practitioner.practice)
    assign(practitioner, changes)
    check_usual_room(practitioner)
    practitioner.full_clean()
    practitioner.save()
    if opening_hours is not None:
        replace_hours(practitioner.practice, practitioner, opening_hours)
    return practitioner


@service("directory.room.create")
def create_room(*, actor: Viewer, practice: Practice, **fields: Any) -> Room:
    """Add a room; refuses a name in use."""
    lock_settings(practice)
    room = Room(practice=practice, **fields)
    room.full_clean()
    room.save()
    return room


@service("directory.room.change")
def change_room(*, actor: Viewer, room: Room, **changes: Any) -> Room:
    """Change a room; refuses one that was taken out of use."""
    lock_settings(room.practice)
    room.refresh_from_db()
    if room.is_deleted:
        raise NotVisible
    assign(room, changes)
    room.full_clean()
    room.save()
    return room


@service("directory.room.remove")
def remove_room(*, actor: Viewer, room: Room, at: datetime) -> None:
    """Take a room out of use; its past visits keep it."""
    lock_settings(room.practice)
    room.is_active = False
    room.deleted_at = at
    room.save(update_fields=["is_active", "deleted_at", "updated_at"])


@service("directory.opening_hours.set")
def set_opening_hours(
    *, actor: Viewer, practice: Practice, practitioner: Practitioner | None = None, hours: Hours
) -> list[OpeningHours]:
    """Replace the hours of the practice itself, or of one practitioner."""
    lock_settings(practice)
    if practitioner is not None and practitioner.practice_id != practice.pk:
        raise InvalidInput(practitioner=[_("This does not exist.")])
    return replace_hours(practice, practitioner, hours)


@service("directory.insurer.change")
def change_insurer(
    *, actor: Viewer, insurer: Insurer, config: dict[str, Any] | None = None, **changes: Any
) -> Insurer:
    """Change an insurer's own card and rules; nobody changes another's.

    `config` is merged into what is there (RFC 7396): what it does not name stays, null takes a rule away. Refuses rules
    that do not fit the schema (InvalidInput), each with its path.
    """
    if actor.insurer_id != insurer.pk:
        raise PermissionRefused
    insurer = Insurer.objects.select_for_update(no_key=True).get(pk=insurer.pk)
    assign(insurer, changes)
    if config is not None:
        insurer.config = merged(insurer.config, config)
        check_config(insurer.config)
        insurer.currency = insurer.config.get("currency", insurer.currency)
    insurer.full_clean()
    insurer.save()
    return insurer


def lock_settings(practice: Practice) -> None:
    """Let one change of a practice's settings run at a time: two rooms of one name cannot slip past."""
    Practice.objects.select_for_update(no_key=True).order_by("pk").get(pk=practice.pk)


def assign(row: Any, changes: dict[str, Any]) -> None:
    """Set attributes."""
    for name, value in changes.items():
        setattr(row, name, value)


def check_usual_room(person: Practitioner) -> None:
    """Refuse a usual room that another practice owns."""
    room = person.default_room
    if room is not None and (room.practice_id != person.practice_id or room.is_deleted):
        raise InvalidInput(default_room=[_("This does not exist.")])


def replace_hours(practice: Practice, person: Practitioner | None, hours: Hours) -> list[OpeningHours]:
    """Write hours afresh; refuses stretches of one weekday that overlap while both are in force."""
    rows = [OpeningHours(practice=practice, practitioner=person, **stretch) for stretch in hours]
    for row in rows:
        row.full_clean(validate_unique=False)
    for index, row in enumerate(rows):
        if any(overlap(row, other) for other in rows[:index]):
            raise InvalidInput(opening_hours=[_("Two of these stretches overlap.")])
    OpeningHours.objects.filter(practice=practice, practitioner=person).delete()
    return OpeningHours.objects.bulk_create(rows)


def overlap(one: OpeningHours, other: OpeningHours) -> bool:
    """Say whether two stretches share time on some day."""
    same_days = (
        one.valid_until is None or other.valid_from is None or other.valid_from < one.valid_until
    ) and (other.valid_until is None or one.valid_from is None or one.valid_from < other.valid_until)
    same_hours = one.opens_at < other.closes_at and other.opens_at < one.closes_at
    return one.weekday == other.weekday and same_days and same_hours
