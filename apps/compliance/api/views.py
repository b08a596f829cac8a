"""Requests about personal data over HTTP."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.compliance.api.filters import DataRequestFilter
from apps.compliance.api.serializers import DataRequestOutput
from apps.compliance.models import DataRequest
from apps.compliance.selectors import SEE, listed_requests
from apps.core.api.views import BaseViewSet


class DataRequestViewSet(BaseViewSet):
    """Requests of the patients of the caller's practice."""

    queryset = DataRequest.objects.none()
    permissions = {"list": SEE}
    serializers = {"list": DataRequestOutput}
    filterset_class = DataRequestFilter

    def get_queryset(self) -> Any:
        """Return the requests the caller handles."""
        return listed_requests(self.caller)

    @extend_schema(responses=DataRequestOutput(many=True))
    def list(self, request: Request) -> Response:
        """List requests, newest first."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))
