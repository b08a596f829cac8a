"""Who sees which patient, and the adjectives of the patient list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from apps.core.querysets import BaseQuerySet

if TYPE_CHECKING:
    from apps.core.scope import Viewer

SEE_RESTRICTED = "patients.view_restricted_patient"


class PatientQuerySet(BaseQuerySet[Any]):
    """Patients of a practice; restricted ones are left to those who handle their requests."""

    def visible_to(self, viewer: Viewer | None) -> Self:
        """Return the patients of the viewer's practice, the restricted ones only to who may see those."""
        rows = super().visible_to(viewer)
        if viewer is not None and viewer.has_perm(SEE_RESTRICTED):
            return rows
        return rows.filter(restricted_at__isnull=True)

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
        return rows.filter(patient__restricted_at__isnull=True)


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
