"""JSON in, strictly."""

from __future__ import annotations

from typing import IO, Any

import orjson
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

# No body of the API nests deeper than a handful of levels; what is read here must be possible to write again
# (orjson writes 254 levels and reads 1,024).
MOST_LEVELS = 64


class StrictJSONParser(BaseParser):
    """Parses JSON bodies; NaN and Infinity are no JSON, and the body of a write is an object."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the parsed object; raises ParseError (400 MALFORMED) on anything else."""
        raw = stream.read()
        if not raw.strip():
            return {}
        try:
            data = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise ParseError(_("This body is not valid JSON.")) from error
        if not isinstance(data, dict):
            raise ParseError(_("The body must be a JSON object."))
        if deeper_than(MOST_LEVELS, data):
            raise ParseError(_("This body is nested too deeply."))
        return data


def deeper_than(levels: int, data: Any) -> bool:
    """Say whether containers stand in one another more than `levels` deep."""
    row = [data]
    for _level in range(levels + 1):
        row = [
            child
            for item in row
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not row:
            return False
    return True
