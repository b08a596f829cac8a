"""Pages of the patient file."""

from __future__ import annotations

from apps.patients.admin.people import HouseholdAdmin, PatientAdmin
from apps.patients.admin.records import AlertAdmin, ConsentFormAdmin, PatientContactAdmin

__all__ = ["AlertAdmin", "ConsentFormAdmin", "HouseholdAdmin", "PatientAdmin", "PatientContactAdmin"]
