"""What the agenda's form pages share: its choices, its moments, its template."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSplitDateTimeWidget

from apps.core.admin.asking import AskForm, FormPage
from apps.core.admin.asking import AskingAdmin as FormPagesAdmin
from apps.core.admin.forms import WallClockField
from apps.directory.models import Practitioner, Room

__all__ = [
    "AskForm",
    "AskingAdmin",
    "FormPage",
    "NamedChoice",
    "helpers",
    "moment_field",
    "practitioners",
    "rooms",
]


class NamedChoice(forms.ModelChoiceField[Any]):
    """A choice of rows by the name people know."""

    def label_from_instance(self, obj: Any) -> str:
        """Return the name."""
        return str(getattr(obj, "display_name", None) or obj.name)


def moment_field(**kwargs: Any) -> WallClockField:
    """Return a field for a moment on the practice's clock."""
    return WallClockField(widget=UnfoldAdminSplitDateTimeWidget(), **kwargs)


def practitioners(viewer: Any) -> Any:
    """Return those who receive patients."""
    people = Practitioner.objects.visible_to(viewer).active().exclude(kind=Practitioner.Kind.ASSISTANT)
    return people.order_by("last_name", "pk")


def helpers(viewer: Any) -> Any:
    """Return everybody who can assist."""
    return Practitioner.objects.visible_to(viewer).active().order_by("last_name", "pk")


def rooms(viewer: Any) -> Any:
    """Return the rooms in use."""
    return Room.objects.visible_to(viewer).filter(is_active=True, deleted_at=None).order_by("name", "pk")


class AskingAdmin(FormPagesAdmin):
    """A page of the agenda with further form pages, free times beside them."""

    form_template = "admin/agenda_form.html"
