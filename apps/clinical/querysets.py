"""Reading treatments."""

from __future__ import annotations

from typing import Self

from apps.patients.querysets import OfPatientQuerySet


class TreatmentQuerySet(OfPatientQuerySet):
    """Treatments, as visible as their patient."""

    def planned(self) -> Self:
        """Return the treatments still to be carried out."""
        return self.filter(status="planned")

    def done(self) -> Self:
        """Return the treatments carried out."""
        return self.filter(status="done")

    def with_names(self) -> Self:
        """Load what a line of a list shows."""
        return self.select_related("act", "practitioner", "patient")

    def newest_first(self) -> Self:
        """Order by when they were carried out; planned ones first."""
        return self.order_by("-performed_at", "-id")
