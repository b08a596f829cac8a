"""The OpenAPI description, with the one error shape on every operation."""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiResponse
from rest_framework import serializers


class ErrorDetail(serializers.Serializer[Any]):
    """What went wrong."""

    code = serializers.CharField(help_text="Stable code, upper snake case.")
    message = serializers.CharField(help_text="A sentence in the caller's language.")
    details = serializers.DictField(help_text="Sentences by field, or facts of the refusal.")
    request_id = serializers.CharField(help_text="Names the request in our logs.")


class ErrorAnswer(serializers.Serializer[Any]):
    """The shape of every error."""

    success = serializers.BooleanField(default=False)
    error = ErrorDetail()


class ContractSchema(AutoSchema):
    """AutoSchema with our tags and our errors."""

    def get_tags(self) -> list[str]:
        """Group operations by the first word of the path."""
        parts = [part for part in self.path.split("/") if part and part not in {"api", "v1"}]
        return [parts[0] if parts else "api"]

    def _insert_field_validators(self, field: Any, schema: Any) -> None:
        super()._insert_field_validators(field, schema)
        # "One of a text of this format and nothing": where formats are not checked, nothing is both.
        if {"type": "string", "maxLength": 0} in schema.get("oneOf", ()):
            schema["anyOf"] = schema.pop("oneOf")

    def _get_request_body(self, direction: str = "request") -> Any:
        # A DELETE with an input has a body (the proof before a second factor goes); spectacular knows none.
        if self.method != "DELETE" or getattr(self.view, "action", None) not in getattr(
            self.view, "inputs", {}
        ):
            return super()._get_request_body(direction)
        self.method = "POST"
        try:
            return super()._get_request_body(direction)
        finally:
            self.method = "DELETE"

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        if direction == "response":
            refusals = {
                "4XX": OpenApiResponse(ErrorAnswer, description="A refusal; `error.code` says which."),
            }
            for status, response in refusals.items():
                bodies.setdefault(status, self._get_response_for_code(response, status))
        return bodies
