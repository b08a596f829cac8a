"""Patients and what a practice keeps about them outside the clinical record."""

from __future__ import annotations

from apps.patients.models.alerts import Alert
from apps.patients.models.consents import ConsentForm
from apps.patients.models.contacts import PatientContact
from apps.patients.models.emergencies import EmergencyAccess
from apps.patients.models.people import Household, Language, NameWord, Patient, name_in_use

__all__ = [
    "Alert",
    "ConsentForm",
    "EmergencyAccess",
    "Household",
    "Language",
    "NameWord",
    "Patient",
    "PatientContact",
    "name_in_use",
]
