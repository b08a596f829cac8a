"""Warnings about a patient."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.core.scope import Viewer
from apps.core.service import service
from apps.patients.models import Alert, Patient

WRITABLE: Final = frozenset({"kind", "label", "substance", "substance_class", "severity", "note", "noted_on"})


@service("patients.alert.add")
def add_alert(*, actor: Viewer, patient: Patient, at: datetime, **fields: Any) -> Alert:
    """Warn about a patient; refuses invalid values and a date of the future."""
    alert = Alert(practice_id=patient.practice_id, patient=patient)
    apply(alert, fields, patient, at)
    alert.save()
    return alert


@service("patients.alert.update")
def update_alert(
    *, actor: Viewer, alert: Alert, at: datetime, ended: bool | None = None, **fields: Any
) -> Alert:
    """Correct a warning, end it, or bring it back; ended ones stay in the history."""
    alert = Alert.objects.select_for_update(of=("self",)).select_related("patient__practice").get(pk=alert.pk)
    apply(alert, fields, alert.patient, at)
    written = [*fields, "updated_at"]
    if ended is not None and ended != (alert.ended_at is not None):
        alert.ended_at = at if ended else None
        written.append("ended_at")
    alert.save(update_fields=written)
    return alert


def apply(alert: Alert, fields: dict[str, Any], patient: Patient, at: datetime) -> None:
    """Set fields as they are stored."""
    unknown = set(fields) - WRITABLE
    if unknown:
        raise TypeError(f"not fields of an alert: {', '.join(sorted(unknown))}")
    for name, value in fields.items():
        text = " ".join(value.split()) if isinstance(value, str) and name != "note" else value
        setattr(alert, name, (text or None) if name in {"substance", "note"} else text)
    if alert.noted_on is not None and alert.noted_on > at.astimezone(patient.practice.zone).date():
        raise ValidationError({"noted_on": [_("This date is in the future.")]})
    alert.full_clean(exclude=["practice", "patient"])
