"""Shapes that several of billing's objects share; amounts are integers of the document's minor unit."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

# The highest price of one piece.
MOST = 100_000_000


class PatientBrief(serializers.Serializer[Any]):
    """A patient by name."""

    id = serializers.UUIDField()
    display_name = serializers.CharField()


class RenderingOutput(serializers.Serializer[Any]):
    """The file is being made."""

    job = serializers.UUIDField()
    status = serializers.CharField()
