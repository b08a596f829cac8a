"""Pages of the patient list."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

from apps.core.api.pagination import PagePagination

MOST_COUNTED = 10_000


class CappedPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs only
    """Counts no further than 10,000: a full count of a large practice costs more than the page itself."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or 10,000 when there are more."""
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST_COUNTED].count())


class PatientPagination(PagePagination):
    """As everywhere; `count` stops at 10,000."""

    django_paginator_class = CappedPaginator
