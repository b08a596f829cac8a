"""Which requests are still owed an answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from apps.core.querysets import BaseQuerySet


class DataRequestQuerySet(BaseQuerySet[Any]):
    """Requests of the patients of one practice."""

    def pending(self) -> Self:
        """Leave out requests that were answered."""
        return self.exclude(status__in=["done", "refused"])

    def overdue(self, at: datetime) -> Self:
        """Keep what should have been answered by now."""
        return self.pending().filter(due_at__lt=at)

    def newest_first(self) -> Self:
        """Order with the last request first."""
        return self.order_by("-requested_at", "-pk")
