"""Opening and changing a patient's file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice
from apps.notifications.services import enqueue
from apps.patients.hooks import patient_reach_changed
from apps.patients.models import ConsentForm, Patient
from apps.patients.services.cleaning import apply_fields
from apps.patients.services.consents import record_consent, state_of
from apps.patients.services.contacts import add_contact
from apps.patients.services.duplicates import PossibleDuplicate, find_duplicates, shown

# What decides whether and where a message reaches a person.
REACH: Final = ("phone", "email", "language", "do_not_contact", "reminder_sms", "reminder_email", "status")


class PatientMerged(DomainError):
    """The record was merged into another one, which is the one to change."""

    code = "PATIENT_MERGED"
    message = _("This file was merged into another one. Change that one.")


@service("patients.patient.register")
def register_patient(
    *,
    actor: Viewer,
    practice: Practice,
    at: datetime,
    contacts: Sequence[Mapping[str, Any]] = (),
    consents: Sequence[Mapping[str, Any]] = (),
    allow_duplicate: bool = False,
    **fields: Any,
) -> Patient:
    """Open a file for a person, with contacts and consents, and queue the welcome email where it is wanted.

    Refuses values that are not valid (Django's ValidationError) and, unless `allow_duplicate`, a person who seems to be
    in the files already (PossibleDuplicate).
    """
    patient = Patient(practice=practice)
    fields.setdefault("country", practice.country)
    apply_fields(patient, fields, practice=practice, today=at.astimezone(practice.zone).date())
    # From here on registrations of one practice wait for each other: two desks that register one person at the same
    # moment must see each other, and a file number is given once.
    lock_files(practice)
    if not allow_duplicate:
        alike = find_duplicates(actor=actor, patient=patient)
        if alike:
            raise PossibleDuplicate(candidates=[shown(like) for like in alike])
    patient.file_number = next_file_number(practice)
    patient.save()
    with naming("contacts"):
        for contact in contacts:
            add_contact(actor=actor, patient=patient, at=at, **contact)
    with naming("consents"):
        for consent in consents:
            record_consent(actor=actor, patient=patient, at=at, **consent)
    welcome(actor=actor, patient=patient, at=at)
    return patient


@service("patients.patient.update")
def update_patient(*, actor: Viewer, patient: Patient, at: datetime, **fields: Any) -> Patient:
    """Change some fields of a file; refuses invalid values and a file that was merged away (PatientMerged)."""
    patient = Patient.objects.select_for_update(of=("self",)).select_related("practice").get(pk=patient.pk)
    if patient.merged_into_id is not None:
        raise PatientMerged(merged_into=str(patient.merged_into_id))
    today = at.astimezone(patient.practice.zone).date()
    former = reach_of(patient)
    written = apply_fields(patient, fields, practice=patient.practice, today=today)
    patient.save(update_fields=written)
    if reach_of(patient) != former:
        patient_reach_changed.send(actor, patient, at)
    return patient


def reach_of(patient: Patient) -> tuple[Any, ...]:
    """Return what decides whether and where a message reaches a person."""
    return tuple(getattr(patient, name) for name in REACH)


@service("patients.patient.archive")
def archive_patient(*, actor: Viewer, patient: Patient, at: datetime) -> Patient:
    """Take a file out of daily use; archiving twice changes nothing."""
    return update_patient(actor=actor, patient=patient, at=at, status=Patient.Status.ARCHIVED)


@service("patients.patient.restore")
def restore_patient(*, actor: Viewer, patient: Patient, at: datetime) -> Patient:
    """Bring an archived file back into use."""
    return update_patient(actor=actor, patient=patient, at=at, status=Patient.Status.ACTIVE)


@contextmanager
def naming(part: str) -> Iterator[None]:
    """Put what is wrong inside a part of the file under that part's name."""
    try:
        yield
    except ValidationError as error:
        raise ValidationError({part: error.messages}) from error


def lock_files(practice: Practice) -> None:
    """Hold the practice's card index until the transaction ends."""
    digest = hashlib.sha256(f"patients.files:{practice.pk}".encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], "big", signed=True)])


def next_file_number(practice: Practice) -> int:
    """Return the number after the highest; the caller holds the practice's card index."""
    highest = Patient.objects.filter(practice=practice).aggregate(highest=Max("file_number"))["highest"]
    return int(highest or 0) + 1


def welcome(*, actor: Viewer, patient: Patient, at: datetime) -> None:
    """Queue the welcome email for who left an address, read the data notice and did not refuse emails."""
    if not patient.email or patient.do_not_contact or patient.status == Patient.Status.DECEASED:
        return
    state = state_of(patient)
    given = ConsentForm.Decision.GIVEN
    wants_email = state.get(ConsentForm.Kind.EMAIL, state.get(ConsentForm.Kind.DATA_NOTICE)) == given
    if not wants_email:
        return
    enqueue(
        actor=actor,
        practice=patient.practice,
        template="patient.welcome",
        channel="email",
        recipient=patient.email,
        language=patient.language,
        context={"first_name": patient.first_name},
        due_at=at,
        unique_key=f"patient.welcome:{patient.pk}",
        cause_type="patients.patient",
        cause_id=patient.pk,
        at=at,
    )
