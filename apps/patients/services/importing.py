"""Patients out of a file, all of them or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice
from apps.patients.services.duplicates import PossibleDuplicate
from apps.patients.services.registration import register_patient
from apps.patients.sheets import Line, Sheet

CREATED: Final = "created"
SKIPPED: Final = "skipped"
REFUSED: Final = "refused"
ALL: Final = "__all__"


@dataclass(frozen=True, slots=True)
class LineReport:
    """What became of one line: `created`, `skipped` (known already) or `refused`, and why."""

    line: Line
    outcome: str
    problems: dict[str, list[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a file; `written` says whether anything of it is in the database."""

    lines: tuple[LineReport, ...]
    dry_run: bool

    def count(self, outcome: str) -> int:
        """Return how many lines ended so."""
        return sum(1 for line in self.lines if line.outcome == outcome)

    @property
    def refused(self) -> list[LineReport]:
        """The lines that stand in the way."""
        return [line for line in self.lines if line.outcome == REFUSED]

    @property
    def written(self) -> bool:
        """Whether the file was imported."""
        return not self.dry_run and not self.refused


@service("patients.patient.import")
def import_patients(
    *,
    actor: Viewer,
    practice: Practice,
    sheet: Sheet,
    at: datetime,
    dry_run: bool = False,
    skip_known: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Register every person of a list, as the front desk would, and report line by line.

    One line that is refused, and nothing is written: neither half a file nor half a line. A person who seems to be in
    the files already, or twice in the list, is refused; with `skip_known` passed over. A dry run does all of it and
    takes it back, so that its report is the one the import would give.
    """
    lines = []
    for done, line in enumerate(sheet.lines, start=1):
        lines.append(import_line(actor, practice, line, at, skip_known=skip_known))
        if progress is not None:
            progress(done, len(sheet))
    report = ImportReport(tuple(lines), dry_run)
    if not report.written:
        transaction.set_rollback(True)
    return report


def import_line(
    actor: Viewer, practice: Practice, line: Line, at: datetime, *, skip_known: bool
) -> LineReport:
    """Register one person, in a transaction of their own, and say what became of it."""
    if line.problems:
        return LineReport(line, REFUSED, line.problems)
    try:
        with transaction.atomic():
            register_patient(actor=actor, practice=practice, at=at, **line.fields)
    except PossibleDuplicate as refusal:
        if skip_known:
            return LineReport(line, SKIPPED)
        known = ", ".join(
            f"{who['display_name']} ({who['file_number']})" for who in refusal.details["candidates"]
        )
        return LineReport(line, REFUSED, {ALL: [f"{refusal} {known}"]})
    except ValidationError as error:
        problems = error.message_dict if hasattr(error, "error_dict") else {ALL: error.messages}
        return LineReport(line, REFUSED, problems)
    return LineReport(line, CREATED)
