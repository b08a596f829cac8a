"""Pages that only show: related rows under the name their own page gives them, states as the lists colour them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import ForeignKey
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.utils import display_for_label


def name_related(request: HttpRequest, shown: Any, page: Any, *, all_readonly: bool = False) -> None:
    """Let an admin form, or an inline's, say its read-only foreign keys and its coloured labels."""
    readonly = set(shown.readonly_fields)
    sayings = {}
    for name in flat(shown.fieldsets):
        if (all_readonly or name in readonly) and (field := foreign_key(page.model, name)) is not None:
            sayings[name] = saying(request, page, field)
        elif isinstance(name, str) and getattr(getattr(page, name, None), "label", None):
            sayings[name] = labelled(page, name)
    if not sayings:
        return
    shown.fieldsets = [
        (title, {**options, "fields": [exchanged(entry, sayings) for entry in options["fields"]]})
        for title, options in shown.fieldsets
    ]
    shown.readonly_fields = [*shown.readonly_fields, *sayings.values()]


def flat(fieldsets: Any) -> list[Any]:
    """Return the fields of all rows."""
    rows = [entry for _title, options in fieldsets for entry in options["fields"]]
    return [name for row in rows for name in (row if isinstance(row, (list, tuple)) else [row])]


def exchanged(entry: Any, sayings: dict[Any, Any]) -> Any:
    """Return a field, or a row of fields, with the said ones exchanged."""
    if isinstance(entry, (list, tuple)):
        return [sayings.get(name, name) for name in entry]
    return sayings.get(entry, entry)


def foreign_key(model: Any, name: Any) -> Any:
    """Return the foreign key of that name, or None."""
    try:
        field = model._meta.get_field(name) if isinstance(name, str) else None
    except FieldDoesNotExist:
        return None
    return field if isinstance(field, ForeignKey) else None


def saying(request: HttpRequest, page: Any, field: Any) -> Callable[[Any], Any]:
    """Return a display of a related row: its name, leading to its page for those who may open it."""
    related = page.admin_site._registry.get(field.related_model)

    def said(obj: Any) -> Any:
        row = getattr(obj, field.name)
        if row is None:
            return None
        label = getattr(related, "object_label", str)(row)
        if related is None or not related.has_view_permission(request, row):
            return label
        meta = field.related_model._meta
        address = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=(row.pk,))
        return format_html(
            '<a class="text-primary-700 dark:text-primary-400" href="{}">{}</a>', address, label
        )

    said.short_description = field.verbose_name  # type: ignore[attr-defined]  # Django reads the label here
    said.__name__ = field.name
    return said


def labelled(page: Any, name: str) -> Callable[[Any], Any]:
    """Return a page's display with its coloured label: Unfold draws them in lists only."""
    method = getattr(page, name)

    def said(obj: Any) -> Any:
        return display_for_label(method(obj), page.get_empty_value_display(), method.label)

    said.short_description = method.short_description  # type: ignore[attr-defined]  # Django reads the label here
    said.__name__ = name
    return said
