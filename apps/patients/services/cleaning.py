"""Values of a patient as they are stored: one spelling of names, phones, emails and identifiers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from apps.directory.models import Practice
from apps.patients.identifiers import national_id_index, normalise_national_id, normalise_phone
from apps.patients.models import Patient
from apps.patients.search import search_fields

OLDEST: Final = date(1890, 1, 1)
WRITABLE: Final = frozenset(
    [
        "first_name", "last_name", "birth_name", "birth_date", "sex", "national_id", "identity_status", "email", "phone",
        "phone_secondary", "address", "postal_code", "city", "country", "language", "profession", "household",
        "practitioner", "referred_by", "status", "do_not_contact", "reminder_sms", "reminder_email", "tags", "comment",
    ]
)  # fmt: skip


def apply_fields(
    patient: Patient, fields: Mapping[str, Any], *, practice: Practice, today: date
) -> list[str]:
    """Set fields of a patient as they are stored and return the names of the columns to write.

    Raises Django's ValidationError by field; a name that is no field of a patient is a mistake of the caller.
    """
    unknown = set(fields) - WRITABLE
    if unknown:
        raise TypeError(f"not fields of a patient: {', '.join(sorted(unknown))}")
    errors = assign(patient, fields, practice)
    if patient.birth_date is not None and not OLDEST <= patient.birth_date <= today:
        errors.setdefault("birth_date", [_("A birth date is neither in the future nor before 1890.")])
    check_house(patient, fields, errors)
    if errors:
        raise ValidationError(errors)
    if "national_id" in fields:
        patient.national_id_hash = national_id_index(patient.national_id) if patient.national_id else None
    for name, value in search_fields(patient).items():
        setattr(patient, name, value)
    patient.full_clean(exclude=["practice", "file_number"])
    return [*fields, "national_id_hash", "search_text", "sort_name", "updated_at"]


def assign(row: Model, fields: Mapping[str, Any], practice: Practice) -> dict[str, Any]:
    """Set fields as they are stored and return the sentences of those that are refused."""
    errors: dict[str, Any] = {}
    for name, value in fields.items():
        try:
            setattr(row, name, cleaned(name, value, practice))
        except ValidationError as error:
            errors[name] = error.messages
    return errors


def cleaned(name: str, value: Any, practice: Practice) -> Any:
    """Return one value as it is stored."""
    clean = CLEANERS.get(name)
    if clean is not None:
        return clean(value, practice)
    return " ".join(value.split()) if isinstance(value, str) else value


def clean_phone(value: str, practice: Practice) -> str:
    """Return E.164, or nothing."""
    return normalise_phone(value, practice.country) if value and value.strip() else ""


def clean_email(value: str, practice: Practice) -> str:
    """Return an email in lower case: it is looked up exactly."""
    return (value or "").strip().lower()


def clean_national_id(value: str | None, practice: Practice) -> str | None:
    """Return a checked identifier, or None."""
    return normalise_national_id(value, practice.country) if value and value.strip() else None


def clean_country(value: str, practice: Practice) -> str:
    """Return a country code, the practice's own by default."""
    return (value or practice.country).strip().upper()


def clean_tags(value: list[str] | None, practice: Practice) -> list[str]:
    """Return tags once each, in the order given."""
    return list(dict.fromkeys(filter(None, (" ".join(tag.split()) for tag in value or []))))


CLEANERS: Final[Mapping[str, Callable[[Any, Practice], Any]]] = {
    "phone": clean_phone,
    "phone_secondary": clean_phone,
    "email": clean_email,
    "national_id": clean_national_id,
    "country": clean_country,
    "tags": clean_tags,
}


def check_house(patient: Patient, fields: Mapping[str, Any], errors: dict[str, Any]) -> None:
    """Note references that belong to another practice, worded as for what does not exist."""
    for name in ("household", "practitioner"):
        row = fields.get(name)
        if row is not None and row.practice_id != patient.practice_id:
            errors[name] = [_("This does not exist.")]
