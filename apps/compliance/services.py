"""Recording what people ask about their own data."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from apps.accounts.models import User
from apps.compliance.models import DataRequest
from apps.core.scope import Viewer
from apps.core.service import service
from apps.patients.hooks import ErasureRequest
from apps.patients.models import Patient

# GDPR article 12-3: within a month, counted here as thirty days.
ANSWER_WITHIN: Final = timedelta(days=30)


@service("compliance.data_request.open")
def open_request(*, actor: Viewer, patient: Patient, kind: str, at: datetime, note: str = "") -> DataRequest:
    """Record a request; a pending request for erasure is answered by itself, the others are recorded each time."""
    # The patient's row is the lock: two people who record the same request find one another.
    Patient.objects.select_for_update(of=("self",)).get(pk=patient.pk)
    if kind == DataRequest.Kind.ERASURE:
        pending: DataRequest | None = DataRequest.objects.filter(patient=patient, kind=kind).pending().first()
        if pending is not None:
            return pending
    request = DataRequest(
        practice_id=patient.practice_id,
        patient=patient,
        kind=kind,
        requested_at=at,
        due_at=at + ANSWER_WITHIN,
        requested_by=actor if isinstance(actor, User) else None,
        note=" ".join(note.split()),
    )
    request.full_clean(exclude=["practice"])
    request.save()
    return request


def open_erasure(actor: Viewer, patient: Patient, at: datetime) -> ErasureRequest:
    """Answer the patient file: record the request, or find the one that is pending."""
    request = open_request(actor=actor, patient=patient, kind=DataRequest.Kind.ERASURE, at=at)
    return ErasureRequest(request.pk, request.status)


def move_to_patient(actor: Viewer, kept: Patient, merged: Patient, at: datetime) -> None:
    """Move a merged file's requests to the kept one."""
    DataRequest.objects.filter(patient=merged).update(patient=kept)
