"""Shape of an entry."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.audit.models import AuditEntry
from apps.core.api.fields import PracticeTimeField


class ActorOutput(serializers.Serializer[Any]):
    """Who acted, and the role they had."""

    id = serializers.UUIDField(source="actor_id", allow_null=True)
    role = serializers.CharField(source="actor_role")


class AuditEntryOutput(serializers.ModelSerializer[AuditEntry]):
    """One changed row; `changes` maps a field to its values before and after, or to their keyed hashes."""

    at = PracticeTimeField(source="timestamp", read_only=True)
    action = serializers.CharField(source="event", help_text="Dotted name of what was done.")
    object_type = serializers.CharField(help_text="Kind of object, as `billing.invoice`.")
    object_id = serializers.CharField(source="object_pk")
    actor = ActorOutput(source="*")
    practice = serializers.UUIDField(source="practice_id", allow_null=True)
    insurer = serializers.UUIDField(source="insurer_id", allow_null=True)
    address = serializers.CharField(source="remote_addr", allow_null=True)
    request_id = serializers.CharField(source="cid")
    changes = serializers.SerializerMethodField()

    class Meta:
        model = AuditEntry
        fields = (
            "id", "at", "action", "object_type", "object_id", "actor", "practice", "insurer", "address",
            "user_agent", "request_id", "changes", "payload_sha256",
        )  # fmt: skip

    @extend_schema_field(
        {"type": "object", "additionalProperties": {"type": "array", "minItems": 2, "maxItems": 2}}
    )
    def get_changes(self, entry: AuditEntry) -> dict[str, Any]:
        """Return the changed fields."""
        return entry.changes or {}
