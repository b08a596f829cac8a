"""Statements of account."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request

from apps.billing.statements import render_statement, statement_of
from apps.core.access import rows_read
from apps.core.api.views import BaseViewSet
from apps.core.storage import attachment
from apps.patients.models import Patient


class StatementViewSet(BaseViewSet):
    """What a patient owes, on paper; the key is the patient's."""

    queryset = Patient.objects.none()
    permissions = {"pdf": "billing.view_invoice"}

    def get_queryset(self) -> QuerySet[Patient]:
        """Return the patients the caller sees."""
        rows: QuerySet[Patient] = Patient.objects.visible_to(self.caller).select_related("practice")
        return rows

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def pdf(self, request: Request, pk: Any = None) -> HttpResponse:
        """Return the statement of today; each one is recorded."""
        patient = self.get_object()
        data = render_statement(statement_of(patient=patient, at=timezone.now()))
        rows_read.send(self.caller, [patient], "billing.statement.print")
        name = f"statement-{patient.file_number}.pdf"
        headers = {"Content-Disposition": attachment(name)}
        return HttpResponse(data, content_type="application/pdf", headers=headers)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Take any Accept header for the file, whose refusals are JSON like all others."""
        return super().perform_content_negotiation(request, force=True)
