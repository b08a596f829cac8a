"""Who may read the trail, and reading it by object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import Model

if TYPE_CHECKING:
    from apps.core.scope import Viewer

Entry = TypeVar("Entry", bound=Model)


class TrailQuerySet(models.QuerySet[Entry]):
    """Entries of one's own practice or insurer; all of them for the platform's admin."""

    def visible_to(self, viewer: Viewer | None) -> Self:
        """Return the entries `viewer` may read."""
        if viewer is None or not viewer.has_perm(f"audit.view_{self.model._meta.model_name}"):
            return self.none()
        if viewer.practice_id is not None:
            return self.filter(practice_id=viewer.practice_id)
        if viewer.insurer_id is not None:
            return self.filter(insurer_id=viewer.insurer_id)
        return self if viewer.role == "admin" else self.none()

    def about(self, instance: Model) -> Self:
        """Return the entries of one row."""
        kind = ContentType.objects.get_for_model(instance)
        return self.filter(content_type=kind, object_pk=str(instance.pk))
