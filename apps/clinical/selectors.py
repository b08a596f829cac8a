"""Reads about treatments, for doors and other apps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from apps.clinical.models import Treatment
from apps.clinical.querysets import TreatmentQuerySet
from apps.core.scope import Viewer
from apps.patients.hooks import TimelineEvent
from apps.patients.models import Patient


def treatments_of(*, viewer: Viewer, patient: Patient) -> TreatmentQuerySet:
    """Return a patient's treatments, newest first, as far as the viewer sees them."""
    rows: TreatmentQuerySet = Treatment.objects.visible_to(viewer).filter(patient=patient)
    return rows.with_names().newest_first()


def timeline_of(
    patient: Patient, viewer: Viewer, before: datetime | None, limit: int
) -> Sequence[TimelineEvent]:
    """Return the treatments carried out on a patient, to those who may read treatments."""
    if not viewer.has_perm("clinical.view_treatment"):
        return []
    rows = treatments_of(viewer=viewer, patient=patient).done()
    if before is not None:
        rows = rows.filter(performed_at__lt=before)
    return [
        TimelineEvent(
            at=row.performed_at,
            kind="clinical.treatment",
            object_id=row.pk,
            title=row.act.label,
            facts={"code": row.act.code, "tooth": row.tooth, "surfaces": row.surfaces, "status": row.status},
        )
        for row in rows[:limit]
    ]
