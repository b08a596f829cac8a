"""GET /health: the parts the site stands on."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.permissions import ANONYMOUS
from apps.core.api.views import BaseViewSet
from apps.core.health import report, status_of


class CheckShape(serializers.Serializer[Any]):
    """One part's answer."""

    status = serializers.ChoiceField(choices=["ok", "down"])
    latency_ms = serializers.FloatField()


class ChecksShape(serializers.Serializer[Any]):
    """The parts."""

    database = CheckShape()
    cache = CheckShape()
    storage = CheckShape()
    queue = CheckShape()
    network = CheckShape(help_text="Whether the last proof found the payer network's books in agreement.")


class HealthShape(serializers.Serializer[Any]):
    """How the site is."""

    status = serializers.ChoiceField(choices=["healthy", "degraded"])
    version = serializers.CharField()
    environment = serializers.CharField()
    checks = ChecksShape()
    uptime = serializers.CharField(help_text="As 3d 12h 45m.")
    uptime_seconds = serializers.IntegerField()


class HealthViewSet(BaseViewSet):
    """Health, for people and probes; asks for no login and reads none."""

    permissions = {"show": ANONYMOUS}
    serializers = {"show": HealthShape}
    authentication_classes = ()
    throttle_classes = ()
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        auth=[],
        responses={200: HealthShape, 503: OpenApiResponse(HealthShape, description="The database is down.")},
    )
    def show(self, request: Request) -> Response:
        """Ask every part, side by side, within three seconds; 503 only when the database is down."""
        found = report()
        return Response(found, status=status_of(found))
