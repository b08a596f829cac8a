"""A person asks to be forgotten."""

from __future__ import annotations

from datetime import datetime

from apps.core.errors import DependencyDown
from apps.core.scope import Viewer
from apps.core.service import service
from apps.patients.hooks import ErasureRequest, erasure_requested, patient_reach_changed
from apps.patients.models import Patient
from apps.patients.services.registration import PatientMerged


@service("patients.patient.request_erasure")
def request_erasure(*, actor: Viewer, patient: Patient, at: datetime) -> ErasureRequest:
    """Open a request for erasure, archive the file and restrict it to those who handle requests.

    Nothing is deleted here: a clinical record is kept for twenty years after the last care, so what may go is decided
    one category at a time. Visits already booked stay in the agenda. Asked again, it answers the pending request.
    Refuses a file that was merged into another (PatientMerged).
    """
    patient = Patient.objects.select_for_update(of=("self",)).select_related("practice").get(pk=patient.pk)
    if patient.merged_into_id is not None:
        raise PatientMerged(merged_into=str(patient.merged_into_id))
    answers = erasure_requested.gather(actor, patient, at)
    if not answers:
        raise DependencyDown
    written = []
    if patient.status not in {Patient.Status.ARCHIVED, Patient.Status.DECEASED}:
        patient.status = Patient.Status.ARCHIVED
        written.append("status")
    if patient.restricted_at is None:
        patient.restricted_at = at
        written.append("restricted_at")
    if written:
        patient.save(update_fields=[*written, "updated_at"])
        patient_reach_changed.send(actor, patient, at)
    return answers[0]
