"""Writes of the patient file, one module per use case."""

from __future__ import annotations

from apps.patients.services.alerts import add_alert, update_alert
from apps.patients.services.consents import record_consent, state_of
from apps.patients.services.contacts import add_contact, end_contact, update_contact
from apps.patients.services.duplicates import PossibleDuplicate, find_duplicates
from apps.patients.services.emergencies import break_glass
from apps.patients.services.erasing import request_erasure
from apps.patients.services.households import create_household, update_household
from apps.patients.services.merging import merge_patients
from apps.patients.services.registration import (
    archive_patient,
    register_patient,
    restore_patient,
    update_patient,
)

__all__ = [
    "PossibleDuplicate",
    "add_alert",
    "add_contact",
    "archive_patient",
    "break_glass",
    "create_household",
    "end_contact",
    "find_duplicates",
    "merge_patients",
    "record_consent",
    "register_patient",
    "request_erasure",
    "restore_patient",
    "state_of",
    "update_alert",
    "update_contact",
    "update_household",
    "update_patient",
]
