"""Who sees which patient, and the adjectives of the patient list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.apps import apps
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from apps.core.querysets import BaseQuerySet

if TYPE_CHECKING:
    from apps.core.scope import Viewer

SEE_RESTRICTED = "patients.view_restricted_patient"
BREAK_GLASS = "patients.add_emergencyaccess"


def open_to(viewer: Viewer | None, path: str = "") -> Q:
    """Say which files are open to a viewer of the practice; `path` leads from a row to its patient, as `patient__`.

    A restricted file is open to who handles requests, and to who broke the glass less than an hour ago. The database's
    clock decides, because a queryset has none.
    """
    unrestricted = Q(**{f"{path}restricted_at__isnull": True})
    if viewer is None or not viewer.has_perm(BREAK_GLASS):
        return unrestricted
    granted = apps.get_model("patients", "EmergencyAccess")._base_manager.filter(
        patient_id=OuterRef(f"{path}pk"), user_id=viewer.id, expires_at__gt=Now()
    )
    return unrestricted | Q(Exists(granted))


def closed_to(viewer: Viewer, rows: Any, path: str = "patient__") -> Any:
    """Return the keys of those rows of the viewer's practice whose patient's file is closed to the viewer.

    None, not an empty query, where nothing is closed to somebody of this right: a caller then asks nothing.
    """
    if viewer.practice_id is None or viewer.has_perm(SEE_RESTRICTED):
        return None
    closed = {f"{path}practice_id": viewer.practice_id, f"{path}restricted_at__isnull": False}
    return rows.filter(**closed).exclude(open_to(viewer, path)).order_by().values("pk")


class PatientQuerySet(BaseQuerySet[Any]):
    """Patients of a practice; restricted ones are left to those who handle their requests."""

    def visible_to(self, viewer: Viewer | None) -> Self:
        """Return the patients of the viewer's practice, the restricted ones only to who may see those."""
        rows = super().visible_to(viewer)
        if viewer is not None and viewer.has_perm(SEE_RESTRICTED):
            return rows
        return rows.filter(open_to(viewer))

    def unmerged(self) -> Self:
        """Leave out the records that were merged into another one."""
        return self.filter(merged_into__isnull=True)

    def in_name_order(self) -> Self:
        """Order as a card index does."""
        return self.order_by("sort_name", "pk")


class OfPatientQuerySet(BaseQuerySet[Any]):
    """Rows about one patient; they are as visible as the patient is."""

    def visible_to(self, viewer: Viewer | None) -> Self:
        """Return the rows of the patients the viewer sees."""
        rows = super().visible_to(viewer)
        if viewer is not None and viewer.has_perm(SEE_RESTRICTED):
            return rows
        return rows.filter(open_to(viewer, "patient__"))


class ContactQuerySet(OfPatientQuerySet):
    """Contacts of a patient."""

    def current(self) -> Self:
        """Leave out contacts that no longer hold."""
        return self.filter(ended_at__isnull=True)


class ConsentQuerySet(OfPatientQuerySet):
    """The append-only history of what a patient agreed to."""

    def newest_first(self) -> Self:
        """Order with the decision that counts first."""
        return self.order_by("-decided_at", "-pk")

    def current_per_kind(self) -> Self:
        """Return the last decision of each kind, of one patient."""
        return self.order_by("patient_id", "kind", "-decided_at", "-pk").distinct("patient_id", "kind")


class AlertQuerySet(OfPatientQuerySet):
    """Warnings shown wherever the patient is."""

    def current(self) -> Self:
        """Leave out warnings that ended."""
        return self.filter(ended_at__isnull=True)

    def gravest_first(self) -> Self:
        """Order by gravity, then by age."""
        return self.order_by("-severity", "pk")
