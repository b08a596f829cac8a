"""Every audited model, by every way to write a row: one entry each, with its actor and no personal value."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.fields import ArrayField, RangeField
from django.db import connection, models

from apps.accounts.models import User
from apps.audit.models import AuditEntry
from apps.core.models import AuditedModel, new_id

MARKER = "Zq7Durand"
AUDITED = sorted(
    (
        model
        for model in apps.get_models()
        if model.__module__.startswith("apps.") and issubclass(model, AuditedModel) and model.audited
    ),
    key=lambda model: model._meta.label,
)
# What a person could be known by: no model may show these.
PERSONAL = frozenset(
    "first_name last_name birth_name birth_date email phone national_id national_id_hash address body note notes"
    " description cancel_reason recipient context rendered seed signer_name comment name_on_card iban".split()
)
# A house's address stands on every invoice; the texts of templates and acts speak of nobody.
NO_PERSON = frozenset(
    {"directory.Practice", "directory.Insurer", "notifications.NotificationTemplate", "catalog.Act"}
)


def filled(model: type[models.Model]) -> Any:
    """Build an instance with something in every field; texts that may not show carry the marker."""
    values: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if (
            field.primary_key
            or field.generated
            or field.attname in {"created_at", "updated_at", "deleted_at"}
        ):
            continue
        values[field.attname] = value_for(model, field)
    return model(**values)


def value_for(model: Any, field: Any) -> Any:
    """Return a value of a field's kind."""
    if field.is_relation:
        return None if field.null else new_id()
    if field.flatchoices:
        return field.get_default() if field.has_default() else field.flatchoices[0][0]
    if isinstance(field, models.CharField | models.TextField):
        marked = MARKER if field.name not in model.audit_clear else uuid4().hex
        return marked[: field.max_length or 100]
    if field.has_default():
        return field.get_default()
    if field.null:
        return None
    for kind, value in PLAIN:
        if isinstance(field, kind):
            return value() if callable(value) else value
    raise AssertionError(f"no value for {field}")


PLAIN: list[tuple[Any, Any]] = [
    (models.DateTimeField, datetime(2026, 11, 23, 8, tzinfo=UTC)),
    (models.DateField, date(1980, 2, 3)),
    (models.TimeField, time(9)),
    (models.BooleanField, True),
    (models.IntegerField, 1),
    (models.DecimalField, Decimal(1)),
    (models.UUIDField, uuid4),
    (models.BinaryField, b"x"),
    (models.JSONField, dict),
    (ArrayField, list),
    (RangeField, None),
]


def changeable(model: Any) -> tuple[str, Any]:
    """Return a field a test may change, and another value for it: a text that may not show, where there is one."""
    # A sealed column is written by save() and bulk_create() only; its tests are elsewhere.
    fields = [
        f
        for f in model._meta.concrete_fields
        if not f.primary_key and f.editable and not f.is_relation and not hasattr(f, "context")
    ]
    texts = [f for f in fields if isinstance(f, models.CharField | models.TextField) and not f.flatchoices]
    plain = [f for f in texts if f.name not in model.audit_clear]
    for field in [*plain, *texts]:
        if (field.max_length or 100) >= 12:
            return field.name, "changed-text" if field.name in model.audit_clear else f"{MARKER}-2"
    for field in fields:
        if isinstance(field, models.BooleanField):
            return field.name, not field.get_default()
        if isinstance(field, models.IntegerField) and not field.flatchoices:
            return field.name, 2
        if isinstance(field, models.DateTimeField):
            return field.name, datetime(2026, 11, 24, 8, tzinfo=UTC)
        if isinstance(field, models.DateField):
            return field.name, date(1981, 2, 3)
    if fields:
        return fields[0].name, fields[0].get_default()
    # Nothing of its own: a row that joins others; it joins another.
    joins = [f for f in model._meta.concrete_fields if f.is_relation]
    return next((f for f in joins if f.editable), joins[0]).attname, uuid4()


@pytest.fixture(autouse=True)
def _rows_that_stand_for_themselves(db: None, request: pytest.FixtureRequest) -> Any:
    """Switch off foreign keys and rules between columns: what they ask for is no matter here."""
    model = request.node.callspec.params["model"]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'c' AND conrelid = %s::regclass",
            [model._meta.db_table],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {model._meta.db_table} DROP CONSTRAINT "{name}"')
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = origin")


def entries(before: int) -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(id__gt=before).order_by("id"))


def newest() -> int:
    return AuditEntry.objects.order_by("-id").values_list("id", flat=True).first() or 0


def create_by_save(model: Any) -> Any:
    row = filled(model)
    row.save(force_insert=True)
    return row


def create_in_bulk(model: Any) -> Any:
    return model.objects.bulk_create([filled(model)])[0]


def change_by_save(model: Any, row: Any) -> None:
    name, value = changeable(model)
    setattr(row, name, value)
    row.save(update_fields=[name])


def change_by_update(model: Any, row: Any) -> None:
    name, value = changeable(model)
    model.objects.filter(pk=row.pk).update(**{name: value})


def change_in_bulk(model: Any, row: Any) -> None:
    name, value = changeable(model)
    setattr(row, name, value)
    model.objects.bulk_update([row], [name])


def delete_one(model: Any, row: Any) -> None:
    row.delete()


def delete_by_query(model: Any, row: Any) -> None:
    model.objects.filter(pk=row.pk).delete()


CREATIONS = [create_by_save, create_in_bulk]
CHANGES = [change_by_save, change_by_update, change_in_bulk]
DELETIONS = [delete_one, delete_by_query]


def assert_one(before: int, model: Any, pk: Any, dora: User, verb: int) -> AuditEntry:
    """Check the one entry of a write."""
    found = entries(before)
    assert [(e.action, e.object_pk) for e in found] == [(verb, str(pk))]
    entry = found[0]
    assert entry.content_type == ContentType.objects.get_for_model(model)
    assert (entry.actor_id, entry.actor_role, entry.event) == (dora.pk, "practice_admin", "test.acting")
    assert MARKER not in json.dumps(entry.changes)
    assert (entry.object_repr, entry.actor_email, entry.serialized_data) == ("", None, None)
    return entry


@pytest.mark.parametrize("model", AUDITED, ids=lambda model: model._meta.label)
class TestEveryModel:
    @pytest.mark.parametrize("create", CREATIONS)
    def test_creation(self, model, dora: User, acting, create: Callable[[Any], Any]) -> None:
        before = newest()
        with acting(dora):
            row = create(model)
        assert_one(before, model, row.pk, dora, AuditEntry.Action.CREATE)

    @pytest.mark.parametrize("change", CHANGES)
    def test_change(self, model, dora: User, acting, change: Callable[[Any, Any], None]) -> None:
        with acting(dora):
            row = model.objects.get(pk=create_by_save(model).pk)
            before = newest()
            change(model, row)
        entry = assert_one(before, model, row.pk, dora, AuditEntry.Action.UPDATE)
        assert list(entry.changes) == [model._meta.get_field(changeable(model)[0]).name]

    @pytest.mark.parametrize("delete", DELETIONS)
    def test_deletion(self, model, dora: User, acting, delete: Callable[[Any, Any], None]) -> None:
        with acting(dora):
            row = model.objects.get(pk=create_by_save(model).pk)
            before, pk = newest(), row.pk
            delete(model, row)
        assert_one(before, model, pk, dora, AuditEntry.Action.DELETE)

    def test_shows_nothing_a_person_is_known_by(self, model) -> None:
        if model._meta.label not in NO_PERSON:
            assert not model.audit_clear & PERSONAL
