"""What an export answers."""

from __future__ import annotations

from typing import Any

from apps.core.api.renderers import OrjsonRenderer


class CsvRenderer(OrjsonRenderer):
    """Lets a caller ask for CSV; the rows are streamed past it, so that all it ever renders is a refusal, as JSON."""

    media_type = "text/csv"
    format = "csv"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None
    ) -> bytes:
        """Render a refusal."""
        response = (renderer_context or {}).get("response")
        if response is not None:
            response["Content-Type"] = "application/json"
        return super().render(data, accepted_media_type, renderer_context)
