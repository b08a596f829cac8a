"""The trail as people read it: names of fields, choices and related rows in words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils import formats, timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from apps.audit.models import AccessEntry, AuditEntry
from apps.audit.recorder import in_clear
from apps.core.history import FieldChange, HistoryLine
from apps.core.scope import Viewer

Names = dict[tuple[type[models.Model], str], str]


def history_lines(viewer: Viewer, instance: models.Model, limit: int) -> Sequence[HistoryLine]:
    """Return the newest changes of one object that `viewer` may read."""
    entries = (
        AuditEntry.objects.visible_to(viewer).about(instance).select_related("actor").order_by("-id")[:limit]
    )
    return readable_entries(viewer, list(entries))


def readable_entries(viewer: Viewer | None, entries: Sequence[AuditEntry]) -> list[HistoryLine]:
    """Return entries in words; related rows are named as far as `viewer` may see them, one query per kind.

    Without a viewer nothing is looked up: for lists that show no values.
    """
    names = names_of_related(viewer, entries) if viewer is not None else {}
    return [
        HistoryLine(
            at=entry.timestamp,
            actor=actor_name(entry),
            role=role_name(entry.actor_role),
            action=entry.event,
            verb=verb_name(entry.action),
            changes=list(field_changes(entry, names)),
            address=entry.remote_addr or "",
            request_id=entry.cid,
        )
        for entry in entries
    ]


def actor_name(entry: AuditEntry | AccessEntry) -> str:
    """Return who did it: a person's name, or the name of the unattended work."""
    if entry.actor is not None:
        return str(entry.actor.get_full_name())
    kind, _colon, name = entry.actor_role.partition(":")
    if kind == "service":
        return _("automatic (%(name)s)") % {"name": name}
    return _("unknown")


def role_name(role: str) -> str:
    """Return a role in words."""
    field: Any = get_user_model()._meta.get_field("role")
    return str(dict(field.flatchoices).get(role, "" if ":" in role else role))


def verb_name(action: int) -> str:
    """Return what happened to the row, in a word."""
    return {
        AuditEntry.Action.CREATE: _("created"),
        AuditEntry.Action.UPDATE: _("changed"),
        AuditEntry.Action.DELETE: _("deleted"),
    }.get(action, _("read"))


def model_of(entry: AuditEntry) -> type[models.Model] | None:
    """Return the model an entry speaks of; None when the product no longer has it."""
    return ContentType.objects.get_for_id(entry.content_type_id).model_class()


def field_changes(entry: AuditEntry, names: Names) -> Iterable[FieldChange]:
    """Yield an entry's changes in words."""
    model = model_of(entry)
    for name, (before, after) in (entry.changes or {}).items():
        field = field_of(model, name)
        if model is None or field is None:
            yield FieldChange(name, "", "", hidden=True)
            continue
        label = str(getattr(field, "verbose_name", name))
        if not in_clear(model, field):
            yield FieldChange(label, "", "", hidden=True)
        else:
            yield FieldChange(label, in_words(field, before, names), in_words(field, after, names))


def field_of(model: type[models.Model] | None, name: str) -> Any:
    """Return a model's field, or None when it no longer has it."""
    try:
        return model._meta.get_field(name) if model is not None else None
    except FieldDoesNotExist:
        return None


def in_words(field: Any, value: Any, names: Names) -> str:
    """Return a stored value as a person reads it."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(field, models.ForeignKey):
        return names.get((field.related_model, str(value)), str(value))
    if field.is_relation:
        return plain_words(value)
    if field.flatchoices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(field, models.DateTimeField) and (moment := as_moment(value)):
        return formats.date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")
    return plain_words(value)


def plain_words(value: Any) -> str:
    """Return a value, or the parts of a list or a dictionary, as one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key}: {item}" for key, item in value.items() if item not in (None, ""))
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)


def as_moment(value: Any) -> datetime | None:
    """Return an aware moment from its stored text."""
    moment = parse_datetime(value) if isinstance(value, str) else None
    return moment if moment is not None and timezone.is_aware(moment) else None


def names_of_related(viewer: Viewer, entries: Iterable[AuditEntry]) -> Names:
    """Return what related rows are called, for those `viewer` may see."""
    wanted: dict[type[models.Model], set[str]] = defaultdict(set)
    for entry in entries:
        model = model_of(entry)
        for name, (before, after) in (entry.changes or {}).items():
            field = field_of(model, name)
            if isinstance(field, models.ForeignKey):
                wanted[field.related_model] |= {str(key) for key in (before, after) if key}
    names: Names = {}
    for related, keys in wanted.items():
        manager: Any = related._default_manager
        if hasattr(manager, "visible_to"):
            for row in manager.visible_to(viewer).filter(pk__in=keys):
                names[related, str(row.pk)] = str(getattr(row, "display_name", row))
    return names
