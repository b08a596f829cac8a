"""The patient file over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.http import StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.core.api.renderers import OrjsonRenderer
from apps.core.api.views import BaseViewSet
from apps.core.clock import in_calendar
from apps.core.errors import InvalidInput
from apps.patients.api.filters import PatientFilter
from apps.patients.api.pagination import PatientPagination
from apps.patients.api.renderers import CsvRenderer
from apps.patients.api.serializers import (
    BalanceOutput,
    BreakGlassInput,
    EmergencyAccessOutput,
    ErasureOutput,
    MergeInput,
    PatientChange,
    PatientInput,
    PatientListed,
    PatientOutput,
    TimelineEventOutput,
    TimelineOutput,
)
from apps.patients.models import Patient
from apps.patients.selectors import FamilyBalance, balance_of, listed_patients, patient_files, timeline_of
from apps.patients.services import (
    break_glass,
    merge_patients,
    register_patient,
    request_erasure,
    update_patient,
)
from apps.patients.services.exporting import export_chunks, record_export


class PatientViewSet(BaseViewSet):
    """Patients of the caller's practice."""

    queryset = Patient.objects.none()
    permissions = {
        "list": "patients.view_patient",
        "retrieve": "patients.view_patient",
        "create": "patients.add_patient",
        "partial_update": "patients.change_patient",
        "destroy": "patients.delete_patient",
        "merge": "patients.merge_patient",
        "break_glass": "patients.add_emergencyaccess",
        "timeline": "patients.view_patient",
        "balance": "patients.view_patient",
        "export_csv": "patients.export_patient",
    }
    serializers = {"list": PatientListed, "retrieve": PatientOutput}
    inputs = {
        "create": PatientInput,
        "partial_update": PatientChange,
        "merge": MergeInput,
        "break_glass": BreakGlassInput,
    }
    pagination_class = PatientPagination

    @property
    def filterset_class(self) -> type[PatientFilter] | None:
        """Filter lists only: a file is found by its key."""
        return PatientFilter if self.action in {"list", "export_csv", None} else None

    @property
    def query_parameters(self) -> frozenset[str]:
        """Name what a timeline takes besides."""
        return frozenset({"before"}) if self.action == "timeline" else frozenset()

    def get_queryset(self) -> Any:
        """Return the patients the caller sees, as much of them as the action shows."""
        if self.action == "list":
            return listed_patients(self.caller)
        if self.action == "export_csv":
            return Patient.objects.visible_to(self.caller).unmerged().in_name_order()
        if self.action in {"timeline", "balance"}:
            return Patient.objects.visible_to(self.caller).select_related("practice", "household")
        return patient_files(self.caller)

    @extend_schema(responses=PatientListed(many=True))
    def list(self, request: Request) -> Response:
        """List patients by name, or find them, best match first."""
        return self.answer_list(self.filter_queryset(self.get_queryset()))

    @extend_schema(responses=PatientOutput)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return a file."""
        return self.answer(self.get_object())

    @extend_schema(request=PatientInput, responses={201: PatientOutput})
    def create(self, request: Request) -> Response:
        """Open a file; refused with 409 POSSIBLE_DUPLICATE when somebody like this is in the files."""
        patient = register_patient(
            actor=self.caller, practice=self.caller.practice, at=timezone.now(), **self.parsed()
        )
        return self.answer(self.get_queryset().get(pk=patient.pk), status=201)

    @extend_schema(request=PatientChange, responses=PatientOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change some fields of a file."""
        patient = self.get_object()
        update_patient(actor=self.caller, patient=patient, at=timezone.now(), **self.parsed(partial=True))
        return self.answer(self.get_object())

    @extend_schema(responses={202: ErasureOutput})
    def destroy(self, request: Request, pk: str) -> Response:
        """Open a request for erasure; the file is archived and restricted, and visits already booked stay."""
        opened = request_erasure(actor=self.caller, patient=self.get_object(), at=timezone.now())
        body = {"data_request": opened.id, "status": opened.status, "appointments": "kept"}
        return Response(ErasureOutput(body).data, status=202)

    @extend_schema(request=BreakGlassInput, responses={201: EmergencyAccessOutput})
    @action(detail=True, methods=["post"], url_path="break-glass")
    def break_glass(self, request: Request, pk: str) -> Response:
        """Open a restricted file of the practice for an hour, with a reason that its administrator reads."""
        # The one look past `visible_to`: it finds what is restricted, never what is another practice's.
        files = Patient.objects.filter(practice_id=self.caller.practice_id)
        patient = get_object_or_404(files, pk=pk)
        access = break_glass(actor=self.caller, patient=patient, at=timezone.now(), **self.parsed())
        shape = EmergencyAccessOutput(access, context=self.get_serializer_context())
        return Response(shape.data, status=201)

    @extend_schema(request=MergeInput, responses=PatientOutput)
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, pk: str) -> Response:
        """Move everything of another file into this one."""
        kept = self.get_object()
        merge_patients(actor=self.caller, kept=kept, merged=self.parsed()["duplicate"], at=timezone.now())
        return self.answer(self.get_object())

    @extend_schema(
        responses=TimelineOutput,
        parameters=[OpenApiParameter("before", OpenApiTypes.DATETIME, description="Only what is older.")],
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def timeline(self, request: Request, pk: str) -> Response:
        """Return everything that happened, newest first, fifty events at a time."""
        patient = self.get_object()
        events, following = timeline_of(
            viewer=self.caller, patient=patient, before=moment(request.query_params.get("before"))
        )
        shown = TimelineEventOutput(events, many=True, context=self.get_serializer_context()).data
        onward = None
        if following is not None:
            onward = (
                f"{request.build_absolute_uri(request.path)}?{urlencode({'before': following.isoformat()})}"
            )
        return Response({"count": None, "next": onward, "previous": None, "results": shown})

    @extend_schema(responses=BalanceOutput)
    @action(detail=True, methods=["get"], pagination_class=None)
    def balance(self, request: Request, pk: str) -> Response:
        """Return what is open on the account, and on the household's."""
        found = balance_of(viewer=self.caller, patient=self.get_object())
        self.tell_shown([member for member, _balance in found.members])
        return Response(BalanceOutput(balance_body(found)).data)

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    @action(
        detail=False,
        methods=["get"],
        url_path="export.csv",
        url_name="export",
        pagination_class=None,
        renderer_classes=[OrjsonRenderer, CsvRenderer],
    )
    def export_csv(self, request: Request) -> StreamingHttpResponse:
        """Stream the list, filtered as asked, as CSV."""
        rows: Any = self.filter_queryset(self.get_queryset())
        record_export(
            actor=self.caller,
            practice=self.caller.practice,
            filters=list(request.query_params),
            at=timezone.now(),
        )
        self.tell_shown(list(rows.filter(restricted_at__isnull=False)))
        chunks: Any = export_chunks(rows)
        if hasattr(request._request, "scope"):
            chunks = unblocked(chunks)
        headers = {"Content-Disposition": 'attachment; filename="patients.csv"'}
        return StreamingHttpResponse(chunks, content_type="text/csv; charset=utf-8", headers=headers)


def moment(text: str | None) -> datetime | None:
    """Read a moment with its offset out of a query."""
    if text is None:
        return None
    try:
        # In a query a plus sign that was not escaped arrives as a space.
        found = parse_datetime(text.replace(" ", "+"))
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidInput(before=[str(_("This is not a date and time with an offset (ISO 8601)."))])
    return in_calendar(found)


def balance_body(found: FamilyBalance) -> dict[str, Any]:
    """Lay a family's accounts out as the contract shows them."""
    body: dict[str, Any] = {**asdict(found.patient), "household": None}
    if found.household is not None and found.household_total is not None:
        body["household"] = {
            "id": found.household.pk,
            "name": found.household.name,
            "total": asdict(found.household_total),
            "members": [
                {"patient": member.pk, "display_name": member.display_name, "balance": asdict(balance)}
                for member, balance in found.members
            ],
        }
    return body


async def unblocked(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Read chunks in the thread of the database, for a server that runs an event loop."""

    def following() -> bytes | None:
        return next(chunks, None)

    read = sync_to_async(following)
    while (chunk := await read()) is not None:
        yield chunk
