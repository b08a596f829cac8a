"""Shapes of the requests about personal data."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.compliance.models import DataRequest
from apps.core.api.fields import PracticeTimeField, VisibleKeyField


class RequestedAbout(serializers.Serializer[Any]):
    """Whom a request is about."""

    id = serializers.UUIDField()
    display_name = serializers.CharField()
    file_number = serializers.IntegerField()


class DataRequestOutput(serializers.ModelSerializer[DataRequest]):
    """A request; its answer is due at `due_at`."""

    patient = RequestedAbout()
    requested_by = VisibleKeyField(read_only=True)
    requested_at = PracticeTimeField()
    due_at = PracticeTimeField()

    class Meta:
        model = DataRequest
        fields = ("id", "kind", "status", "patient", "requested_at", "due_at", "requested_by", "note")
