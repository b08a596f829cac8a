"""Every way to write a row leaves one entry with its actor and no personal value."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F, Value
from django.db.models.functions import Concat

from apps.accounts.models import User
from apps.agenda.models import Appointment, AppointmentType
from apps.audit.models import AuditEntry
from apps.audit.recorder import NoActor
from apps.catalog.models import Act, VatCode
from apps.core.context import bind
from apps.directory.models import Practice, Practitioner
from apps.patients.models import Patient

SECRET = "Jeanne-Durand"
OTHER_SECRET = "Paul-Martin"
Action = AuditEntry.Action


def make(practice: Practice, **fields: Any) -> Practitioner:
    return Practitioner.objects.create(practice=practice, last_name=SECRET, color="#aa0000", **fields)


def save_one(practice: Practice, row: Practitioner) -> None:
    row.color = "#0000ff"
    row.save()


def save_named_fields(practice: Practice, row: Practitioner) -> None:
    row.color, row.last_name = "#0000ff", OTHER_SECRET
    row.save(update_fields=["color"])


def update_one(practice: Practice, row: Practitioner) -> None:
    Practitioner.objects.filter(pk=row.pk).update(color="#0000ff", last_name=OTHER_SECRET)


def update_by_expression(practice: Practice, row: Practitioner) -> None:
    Practitioner.objects.filter(pk=row.pk).update(color=Concat(F("title"), Value("#ff0000")))


def update_in_bulk(practice: Practice, row: Practitioner) -> None:
    row.color, row.last_name = "#0000ff", OTHER_SECRET
    Practitioner.objects.bulk_update([row], ["color", "last_name"])


def update_or_create_existing(practice: Practice, row: Practitioner) -> None:
    Practitioner.objects.update_or_create(pk=row.pk, defaults={"color": "#0000ff"})


UPDATES: list[tuple[Callable[..., None], str]] = [
    (save_one, "#0000ff"),
    (save_named_fields, "#0000ff"),
    (update_one, "#0000ff"),
    (update_by_expression, "#ff0000"),
    (update_in_bulk, "#0000ff"),
    (update_or_create_existing, "#0000ff"),
]

CREATIONS: list[Callable[[Practice], Any]] = [
    make,
    lambda practice: Practitioner(practice=practice, last_name=SECRET, color="#aa0000").save(),
    lambda practice: Practitioner.objects.bulk_create(
        [Practitioner(practice=practice, last_name=SECRET, color="#aa0000")]
    ),
    lambda practice: Practitioner.objects.get_or_create(
        practice=practice, last_name=SECRET, defaults={"color": "#aa0000"}
    ),
    lambda practice: Practitioner.objects.update_or_create(
        practice=practice, last_name=SECRET, defaults={"color": "#aa0000"}
    ),
]

DELETIONS: list[Callable[[Practitioner], Any]] = [
    lambda row: row.delete(),
    lambda row: Practitioner.objects.filter(pk=row.pk).delete(),
]


@pytest.fixture
def row(practice: Practice, acting, dora: User) -> Practitioner:
    with acting(dora):
        return Practitioner.objects.get(pk=make(practice).pk)


def entries_of_last_write(before: int) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(id__gt=before).order_by("id"))


def newest() -> int:
    last = AuditEntry.objects.order_by("-id").first()
    return last.pk if last else 0


def assert_one_entry(before: int, dora: User, action: int) -> AuditEntry:
    entries = entries_of_last_write(before)
    assert len(entries) == 1
    (entry,) = entries
    assert entry.action == action
    assert (entry.actor_id, entry.actor_role, entry.practice_id) == (
        dora.pk,
        "practice_admin",
        dora.practice_id,
    )
    assert entry.object_repr == ""
    assert not entry.actor_email
    written = json.dumps(entry.changes)
    assert SECRET not in written
    assert OTHER_SECRET not in written
    assert len(entry.payload_sha256) == 64
    return entry


@pytest.mark.django_db
class TestWritePaths:
    @pytest.mark.parametrize("create", CREATIONS)
    def test_a_creation_leaves_one_entry(self, practice, dora, acting, create) -> None:
        before = newest()
        with acting(dora):
            create(practice)
        entry = assert_one_entry(before, dora, Action.CREATE)
        assert entry.changes["color"] == [None, "#aa0000"]
        assert entry.changes["last_name"][1].startswith("h1:")

    @pytest.mark.parametrize(("change", "color"), UPDATES)
    def test_an_update_leaves_one_entry_with_both_values(
        self, practice, dora, acting, row, change, color
    ) -> None:
        before = newest()
        with acting(dora):
            change(practice, row)
        entry = assert_one_entry(before, dora, Action.UPDATE)
        assert entry.changes["color"] == ["#aa0000", color]
        assert Practitioner.objects.get(pk=row.pk).color == color

    @pytest.mark.parametrize("delete", DELETIONS)
    def test_a_deletion_leaves_one_entry(self, dora, acting, row, delete) -> None:
        before = newest()
        with acting(dora):
            delete(row)
        entry = assert_one_entry(before, dora, Action.DELETE)
        assert entry.changes["color"] == ["#aa0000", None]

    def test_a_save_that_changes_nothing_leaves_none(self, dora, acting, row) -> None:
        before = newest()
        with acting(dora):
            row.save()
        assert entries_of_last_write(before) == []

    def test_an_emptied_personal_field_is_recorded(self, dora, acting, row) -> None:
        before = newest()
        with acting(dora):
            row.last_name = ""
            row.save()
        entry = assert_one_entry(before, dora, Action.UPDATE)
        assert entry.changes["last_name"][1] == ""

    def test_many_rows_leave_one_entry_each(self, practice, dora, acting) -> None:
        with acting(dora):
            for _ in range(3):
                make(practice)
            before = newest()
            Practitioner.objects.filter(last_name=SECRET).update(color="#00ff00")
        assert [entry.changes for entry in entries_of_last_write(before)] == [
            {"color": ["#aa0000", "#00ff00"]}
        ] * 3


@pytest.fixture
def visit(practice: Practice, practitioner, room, at, acting, dora: User) -> Appointment:
    with acting(dora):
        return Appointment.objects.create(
            practice=practice,
            patient=Patient.objects.create(
                practice=practice, first_name="Paul", last_name=SECRET, file_number=1, birth_date=at.date()
            ),
            practitioner=practitioner,
            room=room,
            type=AppointmentType.objects.create(practice=practice, name="Contrôle", duration_minutes=30),
            starts_at=at,
            ends_at=at + timedelta(minutes=30),
            scheduled_at=at,
        )


@pytest.fixture
def act(acting, dora: User) -> Act:
    with acting(dora):
        vat, _created = VatCode.objects.get_or_create(code="EXEMPT", defaults={"rate_bp": 0})
        return Act.objects.create(
            code="TEST001", label_fr="Essai", label_en="Trial", vat_code=vat, duration_minutes=15
        )


@pytest.mark.django_db
class TestRelations:
    def relate(self, acting, dora: User, work: Callable[[], Any]) -> AuditEntry:
        before = newest()
        with acting(dora):
            work()
        return assert_one_entry(before, dora, Action.UPDATE)

    def test_adding_records_the_keys(self, dora, acting, visit, act) -> None:
        entry = self.relate(acting, dora, lambda: visit.acts.add(act))
        assert entry.changes == {"acts": [[], [str(act.pk)]]}

    def test_removing_records_the_keys(self, dora, acting, visit, act) -> None:
        with acting(dora):
            visit.acts.add(act)
        entry = self.relate(acting, dora, lambda: visit.acts.remove(act))
        assert entry.changes == {"acts": [[str(act.pk)], []]}

    def test_clearing_records_the_keys(self, dora, acting, visit, act) -> None:
        with acting(dora):
            visit.acts.add(act)
        entry = self.relate(acting, dora, visit.acts.clear)
        assert entry.changes == {"acts": [[str(act.pk)], []]}


@pytest.mark.django_db
class TestNobody:
    @pytest.mark.parametrize("create", CREATIONS)
    def test_a_creation_without_an_actor_is_refused(self, practice, create) -> None:
        with bind(actor_id=None), pytest.raises(NoActor):
            create(practice)

    @pytest.mark.parametrize(("change", "color"), UPDATES)
    def test_an_update_without_an_actor_is_refused(self, practice, row, change, color) -> None:
        with bind(actor_id=None), pytest.raises(NoActor):
            change(practice, row)

    @pytest.mark.parametrize("delete", DELETIONS)
    def test_a_deletion_without_an_actor_is_refused(self, row, delete) -> None:
        with bind(actor_id=None), pytest.raises(NoActor):
            delete(row)


@pytest.mark.django_db(transaction=True)
class TestRollback:
    def test_a_refused_write_leaves_neither_row_nor_entry(self, practice) -> None:
        before = newest()
        with pytest.raises(NoActor):
            make(practice)
        assert not Practitioner.objects.filter(last_name=SECRET).exists()
        assert entries_of_last_write(before) == []
