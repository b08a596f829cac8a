"""Opening a restricted file in an emergency."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.audit.access import record_read
from apps.core.errors import DomainError, InvalidInput, NotVisible, PermissionRefused
from apps.core.scope import Viewer
from apps.core.service import service
from apps.patients.models import EmergencyAccess, Patient
from apps.patients.querysets import SEE_RESTRICTED

BREAK_GLASS = "patients.add_emergencyaccess"
OPEN_FOR = timedelta(hours=1)
SHORTEST_REASON = 10
EMERGENCY_READ = "patients.patient.emergency_read"


class NotRestricted(DomainError):
    """The file is open to the caller as it is."""

    code = "NOT_RESTRICTED"
    message = _("This file is not restricted; no emergency access is needed.")


@service("patients.emergency_access.open")
def break_glass(*, actor: Viewer, patient: Patient, reason: str, at: datetime) -> EmergencyAccess:
    """Let a practitioner of the practice see one restricted file for an hour; the reason is kept, and shown to the
    practice's administrator.

    Refuses who may not (PermissionRefused), another practice's file (NotVisible), a file that is not restricted
    (NotRestricted) and a reason of fewer than ten characters (InvalidInput).
    """
    if not actor.has_perm(BREAK_GLASS):
        raise PermissionRefused
    if patient.practice_id != actor.practice_id:
        raise NotVisible
    if patient.restricted_at is None:
        raise NotRestricted
    reason = reason.strip()
    if len(reason) < SHORTEST_REASON:
        raise InvalidInput(reason=[str(_("Say why, in ten characters at least."))])
    access = EmergencyAccess(
        practice_id=patient.practice_id,
        patient=patient,
        user_id=actor.id,
        reason=reason,
        opened_at=at,
        expires_at=at + OPEN_FOR,
    )
    access.clean_fields(exclude=["practice", "patient", "user"])
    access.save()
    return access


def record_emergency_reads(viewer: Viewer, rows: Sequence[Any], told: set[Any]) -> None:
    """Record that rows of a restricted file are shown under an emergency access: who, which file, which access.

    Once per file and request (`told`). Costs nothing where the rows say that their patient's file is open.
    """
    if not viewer.has_perm(BREAK_GLASS) or viewer.has_perm(SEE_RESTRICTED):
        return
    keys = set(files_of(rows)) - told
    if not keys:
        return
    told |= keys
    accesses = EmergencyAccess.objects.filter(
        user=viewer.id, patient__in=keys, patient__restricted_at__isnull=False, expires_at__gt=Now()
    )
    for access in accesses.select_related("patient").order_by("patient", "-opened_at").distinct("patient"):
        record_read(
            viewer=viewer, rows=[access.patient], event=EMERGENCY_READ, detail={"access": str(access.pk)}
        )


def files_of(rows: Sequence[Any]) -> Iterator[UUID]:
    """Yield the keys of the patients rows are about, but of those known to be open."""
    for row in rows:
        patient = row if isinstance(row, Patient) else None
        if patient is None and isinstance(row, Model):
            patient = row._state.fields_cache.get("patient")
        if isinstance(patient, Patient):
            if patient.restricted_at is not None:
                yield patient.pk
        elif (key := getattr(row, "patient_id", None)) is not None:
            yield key
