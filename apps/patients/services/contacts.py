"""People around a patient."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError

from apps.core.scope import Viewer
from apps.core.service import service
from apps.patients.models import Patient, PatientContact
from apps.patients.services.cleaning import assign

WRITABLE: Final = frozenset({"relation", "name", "phone", "email", "address", "is_legal_representative"})


@service("patients.contact.add")
def add_contact(*, actor: Viewer, patient: Patient, at: datetime, **fields: Any) -> PatientContact:
    """Add somebody who speaks for the patient or is called for them; refuses invalid values."""
    contact = PatientContact(practice_id=patient.practice_id, patient=patient)
    apply(contact, patient, fields)
    contact.save()
    return contact


@service("patients.contact.update")
def update_contact(*, actor: Viewer, contact: PatientContact, at: datetime, **fields: Any) -> PatientContact:
    """Change a contact; refuses invalid values."""
    contact = PatientContact.objects.select_for_update(of=("self",)).get(pk=contact.pk)
    apply(contact, contact.patient, fields)
    contact.save(update_fields=[*fields, "updated_at"])
    return contact


@service("patients.contact.end")
def end_contact(*, actor: Viewer, contact: PatientContact, at: datetime) -> PatientContact:
    """Keep a contact that no longer holds out of sight; it is history, hence never deleted."""
    contact = PatientContact.objects.select_for_update(of=("self",)).get(pk=contact.pk)
    if contact.ended_at is None:
        contact.ended_at = at
        contact.save(update_fields=["ended_at", "updated_at"])
    return contact


def apply(contact: PatientContact, patient: Patient, fields: dict[str, Any]) -> None:
    """Set fields as they are stored."""
    unknown = set(fields) - WRITABLE
    if unknown:
        raise TypeError(f"not fields of a contact: {', '.join(sorted(unknown))}")
    errors = assign(contact, fields, patient.practice)
    if errors:
        raise ValidationError(errors)
    contact.full_clean(exclude=["practice", "patient"])
