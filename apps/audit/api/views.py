"""Reading the trail."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from apps.audit.api.filters import AuditEntryFilter
from apps.audit.api.serializers import AuditEntryOutput
from apps.audit.models import AuditEntry
from apps.core.api.pagination import HistoryPagination
from apps.core.api.views import BaseViewSet
from apps.core.scope import Viewer


class AuditViewSet(BaseViewSet):
    """Entries of the caller's house, newest first, a cursor at a time."""

    permissions = {"list": "audit.view_auditentry"}
    serializers = {"list": AuditEntryOutput}
    pagination_class = HistoryPagination
    filterset_class = AuditEntryFilter
    queryset = AuditEntry.objects.none()

    def get_queryset(self) -> QuerySet[AuditEntry]:
        """Return what the caller may read."""
        return AuditEntry.objects.visible_to(cast("Viewer", self.request.user))

    def get_serializer_class(self) -> Any:
        """Return the one shape."""
        return AuditEntryOutput

    def list(self, request: Request) -> Response:
        """List entries by object, actor, action and day."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))
