"""Reconciliations, their lines, files and disputes over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.views import BaseViewSet
from apps.core.storage import attachment
from apps.insurance.api.filters import ReconciliationFilter
from apps.insurance.api.people import insurer_of
from apps.insurance.api.reconciliation_serializers import (
    CancelInput,
    DecisionInput,
    DisputeInput,
    JobAnswer,
    LineOutput,
    PaidReconciliationOutput,
    PaymentOfReconciliationInput,
    PeriodInput,
    ReconciliationJobOutput,
    ReconciliationOutput,
    ReconciliationPreviewOutput,
)
from apps.insurance.bordereau_files import csv_lines, json_lines
from apps.insurance.hooks import settlements_open
from apps.insurance.models import Reconciliation, ReconciliationJob, ReconciliationLine
from apps.insurance.reconciliation_preview import preview_reconciliation
from apps.insurance.reconciliation_selectors import jobs_for, lines_for, reconciliations_for
from apps.insurance.rendering import render_bordereau
from apps.insurance.services.disputes import decide_dispute, open_dispute
from apps.insurance.services.jobs import is_large, request_reconciliation
from apps.insurance.services.reconciling import generate_reconciliation
from apps.insurance.services.settling import cancel_reconciliation, pay_reconciliation, send_reconciliation
from apps.insurance.transfers import payment_lines

FILES = {"pdf", "csv", "content", "payments"}


class ReconciliationViewSet(BaseViewSet):
    """What an insurer pays for a period; a provider reads its own amounts and lines."""

    queryset = Reconciliation.objects.none()
    permissions = {
        "list": "insurance.view_reconciliation",
        "retrieve": "insurance.view_reconciliation",
        "create": "insurance.generate_reconciliation",
        "preview": "insurance.generate_reconciliation",
        "send": "insurance.send_reconciliation",
        "pay": "insurance.pay_reconciliation",
        "cancel": "insurance.cancel_reconciliation",
        "lines": "insurance.view_reconciliationline",
        "pdf": "insurance.view_reconciliation",
        "csv": "insurance.view_reconciliation",
        "content": "insurance.view_reconciliation",
        "payments": "insurance.view_reconciliation",
    }
    serializers = {
        "list": ReconciliationOutput,
        "retrieve": ReconciliationOutput,
        "lines": LineOutput,
        "preview": ReconciliationPreviewOutput,
    }
    inputs = {
        "create": PeriodInput,
        "preview": PeriodInput,
        "pay": PaymentOfReconciliationInput,
        "cancel": CancelInput,
    }

    @property
    def filterset_class(self) -> type[ReconciliationFilter] | None:
        """Filter lists only."""
        return ReconciliationFilter if self.action in {"list", None} else None

    def get_queryset(self) -> QuerySet[Reconciliation]:
        """Return those of the caller's house."""
        return reconciliations_for(viewer=self.caller)

    def show(self, row: Reconciliation, status: int = 200) -> Response:
        """Answer a reconciliation as it now stands."""
        return self.answer(self.get_queryset().get(pk=row.pk), status=status)

    def list(self, request: Request) -> Response:
        """List reconciliations, the newest period first."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Return one reconciliation."""
        return self.answer(self.get_object())

    @extend_schema(
        request=PeriodInput,
        responses={
            201: ReconciliationOutput,
            200: OpenApiResponse(ReconciliationOutput, description="It stands already."),
            202: OpenApiResponse(JobAnswer, description="So many claims that a worker makes it."),
        },
    )
    def create(self, request: Request) -> Response:
        """Reconcile a period."""
        body, at = self.parsed(), timezone.now()
        insurer = insurer_of(self.caller, body)
        if is_large(insurer=insurer, at=at):
            job = request_reconciliation(actor=self.caller, insurer=insurer, at=at, **body)
            return Response({"job": str(job.pk)}, status=202)
        row = generate_reconciliation(actor=self.caller, insurer=insurer, at=at, **body)
        return self.show(row, status=201 if row.generated_at == at else 200)

    @extend_schema(request=PeriodInput, responses={200: ReconciliationPreviewOutput})
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """Say what reconciling a period would come to; nothing is stored."""
        body = self.parsed()
        insurer = insurer_of(self.caller, body)
        found = preview_reconciliation(viewer=self.caller, insurer=insurer, at=timezone.now(), **body)
        return Response(ReconciliationPreviewOutput(found, context=self.get_serializer_context()).data)

    @extend_schema(request=None, responses=ReconciliationOutput)
    @action(detail=True, methods=["post"])
    def send(self, request: Request, pk: Any = None) -> Response:
        """Hand it over to the providers; it never changes from now on."""
        row = self.get_object()
        return self.show(send_reconciliation(actor=self.caller, reconciliation=row, at=timezone.now()))

    @extend_schema(request=PaymentOfReconciliationInput, responses=PaidReconciliationOutput)
    @action(detail=True, methods=["post"])
    def pay(self, request: Request, pk: Any = None) -> Response:
        """Record its payment; the shares of few invoices are settled with it, those of many by a worker."""
        row, at = self.get_object(), timezone.now()
        body = self.parsed()
        paid = pay_reconciliation(
            actor=self.caller,
            reconciliation=row,
            payment_date=body["payment_date"],
            reference=body["payment_reference"],
            at=at,
        )
        row = self.get_queryset().get(pk=paid.pk)
        context = {**self.get_serializer_context(), "invoices_to_settle": sum(settlements_open.gather(paid))}
        self.record_read([row])
        return Response(PaidReconciliationOutput(row, context=context).data)

    @extend_schema(request=CancelInput, responses=ReconciliationOutput)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: Any = None) -> Response:
        """Take it back before it is sent."""
        row = self.get_object()
        return self.show(
            cancel_reconciliation(actor=self.caller, reconciliation=row, at=timezone.now(), **self.parsed())
        )

    @extend_schema(responses=LineOutput(many=True))
    @action(detail=True, methods=["get"])
    def lines(self, request: Request, pk: Any = None) -> Response:
        """List its lines, provider by provider."""
        return self.answer_list(lines_for(viewer=self.caller).filter(reconciliation=self.get_object()))

    @extend_schema(responses={(200, "application/pdf"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def pdf(self, request: Request, pk: Any = None) -> HttpResponse:
        """Return the bordereau; the same rows give the same bytes."""
        row = self.get_object()
        data = render_bordereau(row, self.caller)
        return HttpResponse(data, content_type="application/pdf", headers=self.headers_of(row, "pdf"))

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"])
    def csv(self, request: Request, pk: Any = None) -> StreamingHttpResponse:
        """Return the lines for a spreadsheet or for matching with the bank."""
        row = self.get_object()
        return self.stream(row, csv_lines(row, self.caller), "csv", "text/csv; charset=utf-8")

    @extend_schema(responses={(200, "application/json"): OpenApiTypes.OBJECT})
    @action(detail=True, methods=["get"], url_path="json")
    def content(self, request: Request, pk: Any = None) -> StreamingHttpResponse:
        """Return the canonical content, and the lines it is hashed over."""
        row = self.get_object()
        return self.stream(row, json_lines(row, self.caller), "json", "application/json")

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"], url_path=r"payments\.csv")
    def payments(self, request: Request, pk: Any = None) -> StreamingHttpResponse:
        """Return one line per payment, to match with the bank's, and one that closes the lot."""
        row = self.get_object()
        text = payment_lines(row, self.caller)
        return self.stream(row, text, "payments.csv", "text/csv; charset=utf-8")

    def stream(
        self, row: Reconciliation, text: Iterator[str], kind: str, content_type: str
    ) -> StreamingHttpResponse:
        """Answer a file piece by piece."""
        return StreamingHttpResponse(text, content_type=content_type, headers=self.headers_of(row, kind))

    def headers_of(self, row: Reconciliation, kind: str) -> dict[str, str]:
        """Return the name to save a file under, and the hash every form of it carries."""
        return {
            "Content-Disposition": attachment(f"{row.number}.{kind}"),
            "X-Content-SHA256": row.content_sha256,
        }

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Take any Accept header for the files, whose refusals are JSON like all others."""
        return super().perform_content_negotiation(request, force=force or self.action in FILES)


class ReconciliationLineViewSet(BaseViewSet):
    """Lines, by the key their reconciliation lists them under."""

    queryset = ReconciliationLine.objects.none()
    permissions = {"dispute": "insurance.dispute_reconciliationline", "resolve": "insurance.decide_dispute"}
    serializers = {"retrieve": LineOutput}
    inputs = {"dispute": DisputeInput, "resolve": DecisionInput}

    def get_queryset(self) -> QuerySet[ReconciliationLine]:
        """Return those of the caller's house."""
        return lines_for(viewer=self.caller).exclude(reconciliation__status="cancelled")

    @extend_schema(request=DisputeInput, responses={201: LineOutput})
    @action(detail=True, methods=["post"])
    def dispute(self, request: Request, pk: Any = None) -> Response:
        """Dispute a line."""
        line = self.get_object()
        open_dispute(actor=self.caller, line=line, at=timezone.now(), **self.parsed())
        return self.answer(self.get_queryset().get(pk=line.pk), status=201)

    @extend_schema(request=DecisionInput, responses=LineOutput)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, pk: Any = None) -> Response:
        """Accept or reject what is disputed of a line."""
        line = self.get_object()
        body = self.parsed()
        decide_dispute(actor=self.caller, line=line, verb=body.pop("decision"), at=timezone.now(), **body)
        return self.answer(self.get_queryset().get(pk=line.pk))


class ReconciliationJobViewSet(BaseViewSet):
    """Reconciliations a worker is making."""

    queryset = ReconciliationJob.objects.none()
    permissions = {"retrieve": "insurance.view_reconciliationjob"}
    serializers = {"retrieve": ReconciliationJobOutput}

    def get_queryset(self) -> QuerySet[ReconciliationJob]:
        """Return the insurer's own."""
        return jobs_for(viewer=self.caller)

    def retrieve(self, request: Request, pk: Any = None) -> Response:
        """Say how far it is."""
        return self.answer(self.get_object())
