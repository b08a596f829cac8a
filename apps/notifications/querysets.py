"""Who sees which text, message and log entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from django.db.models import F, Q

from apps.core.querysets import BaseQuerySet, ScopedQuerySet
from apps.notifications.causes import hidden_causes

if TYPE_CHECKING:
    from uuid import UUID

    from apps.core.scope import Viewer


class TemplateQuerySet(BaseQuerySet[Any]):
    """Texts: the practice's own, and the house's, which everybody at a practice may read."""

    def visible_to(self, viewer: Viewer | None) -> Self:
        """Return the viewer's practice's texts and the house's."""
        if viewer is None or viewer.practice_id is None:
            return self.none()
        return self.filter(Q(practice_id=viewer.practice_id) | Q(practice__isnull=True))

    def of_practice(self, practice_id: UUID | None) -> Self:
        """Return a practice's own texts, or the house's without one."""
        return self.filter(practice_id=practice_id) if practice_id else self.filter(practice__isnull=True)

    def chosen_for(self, practice_id: UUID | None) -> Self:
        """Return texts in use, a practice's own before the house's."""
        own = Q(practice_id=practice_id) if practice_id else Q(practice__isnull=True)
        return self.filter(own | Q(practice__isnull=True), is_active=True).order_by(
            F("practice").asc(nulls_last=True), "pk"
        )


class MessageQuerySet(ScopedQuerySet[Any]):
    """Messages and their log: not audited row by row, the log is their history."""

    def visible_to(self, viewer: Viewer | None) -> Self:
        """Return the practice's messages, but those about somebody whose file is closed to the viewer."""
        rows = super().visible_to(viewer)
        if viewer is None:
            return rows
        path = "" if any(field.name == "cause_id" for field in self.model._meta.fields) else "job__"
        for answer in hidden_causes.gather(viewer):
            for cause_type, keys in answer.items():
                rows = rows.exclude(**{f"{path}cause_type": cause_type, f"{path}cause_id__in": keys})
        return rows


class SuppressionQuerySet(BaseQuerySet[Any]):
    """Suppressed recipients."""

    def active(self) -> Self:
        """Return those still in force."""
        return self.filter(lifted_at__isnull=True)

    def covering(self, *, practice_id: UUID | None, channel: str, recipient_hash: str) -> Self:
        """Return what forbids this message."""
        scope = Q(practice__isnull=True)
        if practice_id:
            scope |= Q(practice_id=practice_id)
        return self.active().filter(scope, channel=channel, recipient_hash=recipient_hash)
