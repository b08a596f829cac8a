"""Reads about treatments for other apps."""

from __future__ import annotations

from apps.clinical.models import Treatment
from apps.clinical.querysets import TreatmentQuerySet
from apps.core.scope import Viewer
from apps.patients.models import Patient


def treatments_of(*, viewer: Viewer, patient: Patient) -> TreatmentQuerySet:
    """Return a patient's treatments, newest first, as far as the viewer sees them."""
    rows: TreatmentQuerySet = (
        Treatment.objects.visible_to(viewer).filter(patient=patient).with_names().newest_first()
    )
    return rows
