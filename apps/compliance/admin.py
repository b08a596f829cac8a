"""Requests about personal data, to read and to answer in time."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.compliance.models import DataRequest
from apps.core.admin import ServiceModelAdmin

COLOURS = {"open": "warning", "in_progress": "info", "done": "success", "refused": "danger"}


@admin.register(DataRequest)
class DataRequestAdmin(ServiceModelAdmin):
    """What was asked, by whom, and until when the answer is due."""

    list_display = ("shown_patient", "kind", "shown_status", "requested_at", "shown_due", "shown_by")
    list_display_links = ("shown_patient",)
    list_filter = ("kind", "status")
    search_fields = ("patient__sort_name",)
    list_select_related = ("patient", "requested_by")
    date_hierarchy = "requested_at"
    fields = (("shown_patient", "kind", "shown_status"), ("requested_at", "shown_due", "shown_by"), "note")
    readonly_fields = ("shown_patient", "shown_status", "shown_due", "shown_by")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the requests, newest first."""
        rows = super().get_queryset(request).select_related("patient", "requested_by")
        return rows.order_by("-requested_at", "-pk")

    def object_label(self, obj: DataRequest) -> str:
        """Kind and patient."""
        return f"{obj.get_kind_display()}, {obj.patient.display_name}"

    @admin.display(description=_("patient"), ordering="patient__sort_name")
    def shown_patient(self, request: DataRequest) -> str:
        """Name and file number."""
        return f"{request.patient.display_name} ({request.patient.file_number})"

    @display(description=_("status"), ordering="status", label=COLOURS)
    def shown_status(self, request: DataRequest) -> tuple[str, str]:
        """Status as a coloured label."""
        return request.status, request.get_status_display()

    @display(description=_("answer due"), ordering="due_at", label={"late": "danger", "fine": "info"})
    def shown_due(self, request: DataRequest) -> tuple[str, str]:
        """Day the answer is due, red once it has passed."""
        late = request.status in {"open", "in_progress"} and request.due_at < timezone.now()
        return ("late" if late else "fine"), f"{timezone.localtime(request.due_at):%d/%m/%Y}"

    @admin.display(description=_("recorded by"))
    def shown_by(self, request: DataRequest) -> str:
        """Name of the user."""
        return request.requested_by.get_full_name() if request.requested_by else "-"
