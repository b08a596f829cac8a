"""Turns changes into audit entries, hashing what is personal."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import models

from apps.audit.models import AuditEntry
from apps.core.changes import Change, emit
from apps.core.context import current
from apps.core.crypto import blind_index
from apps.core.models import AuditedModel
from apps.core.querysets import owner_of

ACTIONS = {
    "create": AuditEntry.Action.CREATE,
    "update": AuditEntry.Action.UPDATE,
    "relate": AuditEntry.Action.UPDATE,
    "delete": AuditEntry.Action.DELETE,
}


class NoActor(RuntimeError):
    """A write was tried outside a service, request, task or command: nobody would answer for it."""


def record(changes: Sequence[Change]) -> None:
    """Store one entry per change; refuses when nobody is bound, so that the write rolls back with it."""
    bound = current()
    if bound.actor_id is None:
        raise NoActor(f"nobody is bound for {changes[0].verb} of {changes[0].model._meta.label}")
    AuditEntry.objects.bulk_create([entry(change) for change in changes])


def entry(change: Change) -> AuditEntry:
    """Build the entry of one change; values outside the model's `audit_clear` become keyed hashes."""
    names = list(dict.fromkeys([*change.before, *change.after]))
    shown = {
        name: [
            readable(change, name, change.before.get(name)),
            readable(change, name, change.after.get(name)),
        ]
        for name in names
    }
    bound = current()
    verb = "update" if change.verb == "relate" else change.verb
    payload = {"model": change.model._meta.label_lower, "pk": str(change.pk), "verb": verb, "changes": shown}
    return AuditEntry(
        content_type=ContentType.objects.get_for_model(change.model, for_concrete_model=True),
        object_pk=str(change.pk),
        action=ACTIONS[change.verb],
        event=bound.action or f"{change.model._meta.label_lower}.{verb}",
        changes=shown,
        practice_id=change.practice_id or bound.practice_id,
        insurer_id=change.insurer_id or bound.insurer_id,
        payload_sha256=hashlib.sha256(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)).hexdigest(),
    )


def readable(change: Change, name: str, value: Any) -> Any:
    """Return what an entry shows of `value`: itself in a clear field, else a keyed hash; null as null."""
    if value is None:
        return None
    plain = plain_value(value)
    if change.verb == "relate" or plain == "" or in_clear(change.model, change.model._meta.get_field(name)):
        return plain
    text = plain if isinstance(plain, str) else orjson.dumps(plain, option=orjson.OPT_SORT_KEYS).decode()
    if not text.strip():
        return ""
    return blind_index(text, purpose=f"audit.{change.model._meta.label_lower}.{name}")


def in_clear(model: type[models.Model], field: Any) -> bool:
    """Say whether entries show the values of `field`: its model says so, or they are keys or yes-no."""
    clear: frozenset[str] = getattr(model, "audit_clear", frozenset())
    return field.name in clear or field.is_relation or isinstance(field, models.BooleanField)


def audited_kinds() -> list[ContentType]:
    """Return the kinds of object that leave entries."""
    audited = [model for model in apps.get_models() if issubclass(model, AuditedModel) and model.audited]
    return list(ContentType.objects.get_for_models(*audited).values())


def plain_value(value: Any) -> Any:
    """Return a JSON-ready form that does not depend on session or locale."""
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case UUID() | Decimal():
            return str(value)
        case bytes() | memoryview():
            return hashlib.sha256(bytes(value)).hexdigest()
        case bool() | int() | str() | list() | dict():
            return value
        case _:
            return str(value)


def record_relation(
    sender: type[models.Model], instance: models.Model, action: str, pk_set: set[Any] | None, **kwargs: Any
) -> None:
    """Record a many-to-many change as the keys that came or went, never as names."""
    if action not in {"post_add", "post_remove", "pre_clear"} or (action != "pre_clear" and not pk_set):
        return
    owner, name, keys = relation_of(sender, instance, pk_set, reverse=bool(kwargs.get("reverse")))
    if not keys:
        return
    listed = sorted(str(key) for key in keys)
    before, after = ([], listed) if action == "post_add" else (listed, [])
    emit(
        [
            Change(
                "relate",
                type(owner),
                owner.pk,
                owner_of(owner, "practice_id"),
                owner_of(owner, "insurer_id"),
                {name: before},
                {name: after},
            )
        ]
    )


def relation_of(
    through: type[models.Model], instance: models.Model, pk_set: set[Any] | None, *, reverse: bool
) -> tuple[models.Model, str, set[Any]]:
    """Find the relation's field and keys as seen from `instance`, whichever side the change was made on."""
    for field in type(instance)._meta.many_to_many:
        if field.remote_field.through is through and not reverse:
            keys = pk_set or set(getattr(instance, field.name).values_list("pk", flat=True))
            return instance, field.name, keys
    for relation in type(instance)._meta.related_objects:
        if getattr(relation, "through", None) is through:
            accessor = relation.get_accessor_name()
            keys = pk_set or set(getattr(instance, str(accessor)).values_list("pk", flat=True))
            return instance, relation.name, keys
    return instance, through._meta.model_name or "", pk_set or set()
