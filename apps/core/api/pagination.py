"""Pages of a list, and cursors of a history."""

from __future__ import annotations

from typing import Any

from rest_framework.pagination import CursorPagination, PageNumberPagination
from rest_framework.response import Response


class PagePagination(PageNumberPagination):
    """`page` and `page_size`, at most 200 rows; the envelope is `count, next, previous, results`."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe the envelope."""
        return envelope(schema, {"type": "integer"})


class HistoryPagination(CursorPagination):
    """Newest first by key, for histories too long to count; `count` is null because counting is what it avoids."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"
    ordering = "-id"

    def get_paginated_response(self, data: Any) -> Response:
        """Answer the same envelope as a page."""
        return Response(
            {
                "count": None,
                "next": self.get_next_link(),
                "previous": self.get_previous_link(),
                "results": data,
            }
        )

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe the envelope."""
        return envelope(schema, {"type": ["integer", "null"]})


class WholePagination(PagePagination):
    """The same envelope in one answer, for lists bounded by their filter (the agenda's window) or by nature (rooms)."""

    most = 2000

    def paginate_queryset(self, queryset: Any, request: Any, view: Any = None) -> list[Any]:
        """Return all rows; more than `most` is refused as too wide a window."""
        from django.utils.translation import gettext_lazy as _

        from apps.core.errors import InvalidInput

        rows = list(queryset[: self.most + 1])
        if len(rows) > self.most:
            raise InvalidInput(
                _("This asks for too many rows at once. Choose a shorter period."), most=self.most
            )
        self.rows = rows
        return rows

    def get_paginated_response(self, data: Any) -> Response:
        """Answer everything, with nothing before and after."""
        return Response({"count": len(data), "next": None, "previous": None, "results": data})

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Name no page parameters: there is one page."""
        return []


def envelope(rows: dict[str, Any], count: dict[str, Any]) -> dict[str, Any]:
    """Describe `count, next, previous, results`, in the words of OpenAPI 3.1."""
    link = {"type": ["string", "null"], "format": "uri"}
    return {
        "type": "object",
        "required": ["count", "next", "previous", "results"],
        "properties": {"count": count, "next": link, "previous": link, "results": rows},
    }
