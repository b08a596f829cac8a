"""Reads of the requests about personal data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.compliance.models import DataRequest
from apps.core.scope import Viewer
from apps.patients.hooks import TimelineEvent
from apps.patients.models import Patient

SEE = "compliance.view_datarequest"


def listed_requests(viewer: Viewer) -> Any:
    """Return the requests a viewer handles, newest first, with whom they are about and who recorded them."""
    rows = DataRequest.objects.visible_to(viewer).select_related("patient", "requested_by")
    return rows.newest_first()


def timeline_of(
    patient: Patient, viewer: Viewer, before: datetime | None, limit: int
) -> Sequence[TimelineEvent]:
    """Tell a patient's requests to those who handle them."""
    if not viewer.has_perm(SEE):
        return []
    rows = DataRequest.objects.filter(patient=patient)
    if before is not None:
        rows = rows.filter(requested_at__lt=before)
    return [
        TimelineEvent(
            request.requested_at,
            "compliance.data_request",
            request.pk,
            title_of(request),
            {"kind": request.kind, "status": request.status, "due_at": request.due_at},
        )
        for request in rows.newest_first()[:limit]
    ]


def title_of(request: DataRequest) -> Any:
    """Say in a sentence what was asked."""
    return {
        DataRequest.Kind.ACCESS: _("Access to the data requested"),
        DataRequest.Kind.RECTIFICATION: _("Rectification of the data requested"),
        DataRequest.Kind.ERASURE: _("Erasure requested; visits already booked stay in the agenda"),
    }[DataRequest.Kind(request.kind)]
