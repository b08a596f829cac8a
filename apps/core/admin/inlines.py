"""Rows shown inside another row's page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from unfold.admin import StackedInline, TabularInline

from apps.core.admin.forms import themed
from apps.core.admin.scoped import ScopedAdmin


class ServiceInline(ScopedAdmin):
    """Read-only, unless `service_argument` names the keyword by which the parent's service takes the rows."""

    service_argument: str = ""
    extra = 0
    show_change_link = True
    # The line above each row would be the row's `__str__`, which is a key.
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are added only where the parent's service takes them."""
        return self.is_editable(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows change only where the parent's service takes them."""
        return self.is_editable(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows go only where the parent's service takes them."""
        return self.is_editable(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Rows are shown to those whose role may view the model."""
        return bool(self.may(request, "view")) or self.is_editable(request, obj)

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Return the formset, its declared fields drawn like the others."""
        parent: Any = super()
        formset = parent.get_formset(request, obj, **kwargs)
        themed(formset.form.base_fields)
        return formset

    def is_editable(self, request: HttpRequest, obj: Any) -> bool:
        """Say whether the parent's form may take these rows; override to add the parent's state."""
        if not self.service_argument:
            return False
        parent = self.admin_site.get_model_admin(self.parent_model)  # type: ignore[attr-defined]  # set by Django's inline
        if obj is None:
            return bool(parent.has_add_permission(request))
        return bool(parent.has_change_permission(request, obj))


class ServiceTabularInline(ServiceInline, TabularInline):  # type: ignore[misc]  # unfold ships no types
    """Rows in a table."""


class ServiceStackedInline(ServiceInline, StackedInline):  # type: ignore[misc]  # unfold ships no types
    """Rows one below the other."""


def rows_of(formset: Any) -> list[dict[str, Any]]:
    """Return the rows a formset asks for: kept and new ones, in order, with `id` where the row exists."""
    rows = []
    for form in formset.forms:
        data = getattr(form, "cleaned_data", None)
        if (
            not data
            or data.get("DELETE")
            or (not form.instance._state.adding and form in formset.deleted_forms)
        ):
            continue
        if form.instance._state.adding and not form.has_changed():
            continue
        row = {name: value for name, value in data.items() if name not in {"DELETE", "id", formset.fk.name}}
        if not form.instance._state.adding:
            row["id"] = form.instance.pk
        rows.append(row)
    return rows
