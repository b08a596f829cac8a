"""Lists of patients in and out of the admin, by the pages of django-import-export and the services of the house."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

import tablib
from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from import_export.admin import ImportExportMixin
from import_export.formats.base_formats import CSV, XLSX
from import_export.resources import Resource
from import_export.results import Result, RowResult
from import_export.tmp_storages import BaseStorage
from unfold.contrib.import_export.forms import ExportForm, ImportForm

from apps.core.admin.forms import refusal_text
from apps.core.crypto import open_sealed, seal
from apps.core.errors import DomainError
from apps.patients.services.exporting import COLUMNS, cell, following, record_export
from apps.patients.services.importing import CREATED, REFUSED, SKIPPED, ImportReport, import_patients
from apps.patients.sheets import HEADINGS, BadFile, Sheet, read_sheet

KEPT_SECONDS: Final = 900
# A page waits for its import; longer lists are for the command.
MOST_LINES: Final = 2_000
FIELDS: Final = tuple(sorted({field for field in HEADINGS.values() if field}))
TYPES: Final = {CREATED: "new", SKIPPED: "skip", REFUSED: "invalid"}


class SealedStorage(BaseStorage):  # type: ignore[misc]  # import_export ships no types
    """Keeps an uploaded list between the preview and its confirmation: encrypted, and a quarter of an hour at most."""

    def save(self, data: bytes) -> None:
        """Keep the file under a name nobody guesses."""
        self.name = uuid4().hex
        cache.set(self.key, seal(data, context=self.key), KEPT_SECONDS)

    def read(self) -> bytes:
        """Return the file; raises BadFile when it is gone."""
        kept = cache.get(self.key)
        if kept is None:
            raise BadFile(_("This took too long. Choose the file again."))
        return open_sealed(kept, context=self.key)

    def remove(self) -> None:
        """Forget the file."""
        cache.delete(self.key)

    @property
    def key(self) -> str:
        """Where the file is kept."""
        return f"patients.import:{self.name}"


class PatientList:
    """Reads a list by the house's own reader, whatever the format is called."""

    def is_binary(self) -> bool:
        """Take the bytes as they are: the reader knows encodings."""
        return True

    def get_read_mode(self) -> str:
        """Read bytes."""
        return "rb"

    def create_dataset(self, in_stream: bytes) -> Sheet:
        """Return the list; raises BadFile."""
        sheet = read_sheet(in_stream)
        if len(sheet) > MOST_LINES:
            raise BadFile(_("This file has too many lines for this page: have it imported by command."))
        return sheet


class PatientCSV(PatientList, CSV):  # type: ignore[misc]  # import_export ships no types
    """Comma, semicolon or tab between cells."""

    def export_data(self, dataset: Any, **kwargs: Any) -> bytes:
        """Return the file."""
        return str(super().export_data(dataset, **kwargs)).encode()


class PatientXLSX(PatientList, XLSX):  # type: ignore[misc]  # import_export ships no types
    """A workbook."""


class PatientResource(Resource):  # type: ignore[misc]  # import_export ships no types
    """Hands a list to the service, and its report to the page."""

    @classmethod
    def get_display_name(cls) -> str:
        """Name the list."""
        return _("Patients")

    def get_user_visible_fields(self) -> list[Any]:
        """Name the columns the page tells of."""
        return [_Column(name) for name in FIELDS]

    def import_data(self, dataset: Sheet, dry_run: bool = False, **kwargs: Any) -> Result:
        """Import, or try to, and lay the report out as the page shows it."""
        user = kwargs["user"]
        report = import_patients(
            actor=user, practice=user.practice, sheet=dataset, at=timezone.now(), dry_run=dry_run
        )
        return result_of(report, dataset)


class _Column:
    """A column as the import page names it."""

    def __init__(self, name: str) -> None:
        self.column_name = name


def result_of(report: ImportReport, sheet: Sheet) -> Result:
    """Lay a report out as import_export's pages show it."""
    result = Result()
    result.diff_headers = list(sheet.columns)
    result.total_rows = len(report.lines)
    for told in report.lines:
        row = RowResult()
        row.import_type = TYPES[told.outcome]
        row.diff = [cell(told.line.fields.get(name)) for name in sheet.columns]
        result.append_row_result(row)
        result.increment_row_result_total(row)
        if told.outcome == REFUSED:
            values = dict(zip(sheet.columns, row.diff, strict=True))
            result.append_invalid_row(told.line.number, values, ValidationError(told.problems))
    return result


class ExchangeMixin(ImportExportMixin):  # type: ignore[misc]  # import_export ships no types
    """Import and export buttons of the patient list."""

    resource_classes = [PatientResource]
    import_formats = [PatientCSV, PatientXLSX]
    export_formats = [PatientCSV, PatientXLSX]
    import_form_class = ImportForm
    export_form_class = ExportForm
    tmp_storage_class = SealedStorage
    actor: Any

    def has_import_permission(self, request: HttpRequest) -> bool:
        """Follow the role matrix."""
        return request.user.has_perm("patients.import_patient") and self.actor(request).practice is not None

    def has_export_permission(self, request: HttpRequest) -> bool:
        """Follow the role matrix."""
        return request.user.has_perm("patients.export_patient") and self.actor(request).practice is not None

    # --- import

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        """Say what is wrong with the file."""
        form.add_error("import_file", str(e) if isinstance(e, BadFile) else str(BadFile()))

    def process_import(self, request: HttpRequest, **kwargs: Any) -> Any:
        """Import what was previewed; back to the file when it is gone."""
        try:
            return super().process_import(request, **kwargs)
        except BadFile as refusal:
            messages.error(request, str(refusal))
            return HttpResponseRedirect("../import/")

    def process_result(self, result: Result, request: HttpRequest) -> Any:
        """Tell what was done; a list that was refused at the last moment is told as such."""
        if result.has_errors() or result.has_validation_errors():
            messages.error(
                request, _("Nothing was imported: the files have changed meanwhile. Try the list again.")
            )
            return HttpResponseRedirect("../import/")
        done = {"count": result.totals[RowResult.IMPORT_TYPE_NEW]}
        messages.success(request, _("%(count)d patients were registered.") % done)
        return HttpResponseRedirect("../")

    # --- export

    def get_export_data(self, file_format: Any, request: HttpRequest, queryset: Any, **kwargs: Any) -> bytes:
        """Count and record the export, then write the rows, none of whose cells is a formula."""
        if not self.has_export_permission(request):
            raise PermissionDenied
        actor = self.actor(request)
        try:
            record_export(actor=actor, practice=actor.practice, filters=list(request.GET), at=timezone.now())
        except DomainError as refusal:
            # What the page of import_export shows as a message.
            raise ValueError(refusal_text(refusal)) from refusal
        rows = queryset.filter(following(None)).order_by("sort_name", "pk").prefetch_related(None)
        data = tablib.Dataset(headers=COLUMNS)
        for patient in rows.only("pk", "sort_name", *COLUMNS).select_related(None).iterator(500):
            data.append([cell(getattr(patient, name)) for name in COLUMNS])
        content: bytes = file_format.export_data(data)
        return content
