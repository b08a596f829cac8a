"""Opening a restricted file in an emergency."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError, InvalidInput, NotVisible, PermissionRefused
from apps.core.scope import Viewer
from apps.core.service import service
from apps.patients.models import EmergencyAccess, Patient

BREAK_GLASS = "patients.add_emergencyaccess"
OPEN_FOR = timedelta(hours=1)
SHORTEST_REASON = 10


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
