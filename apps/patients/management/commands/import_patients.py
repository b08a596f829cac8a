"""Register the patients of a CSV or XLSX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from apps.core.scope import SystemActor
from apps.directory.models import Practice
from apps.patients.services.importing import ALL, CREATED, SKIPPED, LineReport, import_patients
from apps.patients.sheets import BadFile, read_sheet

LONG = 500


class Command(BaseCommand):
    """Imports a list of patients; nothing is written when a line is wrong."""

    help = "Register the patients of a CSV or XLSX file, all of them or none."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the file and the practice."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--practice", required=True, help="identifier or licence number of the practice")
        parser.add_argument("--dry-run", action="store_true", help="report, and write nothing")
        parser.add_argument("--skip-known", action="store_true", help="pass over people in the files already")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, and report line by line."""
        try:
            sheet = read_sheet(options["file"].read_bytes())
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from error
        except BadFile as error:
            raise CommandError(str(error)) from error
        report = import_patients(
            actor=SystemActor("import-patients"),
            practice=practice_named(options["practice"]),
            sheet=sheet,
            at=timezone.now(),
            dry_run=options["dry_run"],
            skip_known=options["skip_known"],
            progress=self.show if len(sheet) > LONG else None,
        )
        for line in report.refused:
            self.tell(line)
        told = (
            f"{report.count(CREATED)} registered, {report.count(SKIPPED)} known already, "
            f"{len(report.refused)} refused"
        )
        if report.refused:
            raise CommandError(f"{told}: nothing was written.")
        self.stdout.write(f"{told}{' (dry run: nothing was written)' if report.dry_run else ''}.")

    def tell(self, line: LineReport) -> None:
        """Print why a line is refused."""
        for column, sentences in line.problems.items():
            for sentence in sentences:
                where = "" if column == ALL else f", {column}"
                self.stderr.write(f"line {line.line.number}{where}: {sentence}")

    def show(self, done: int, total: int) -> None:
        """Print how far it is."""
        if done % 50 and done != total:
            return
        width = 30 * done // total
        self.stderr.write(
            f"\r[{'#' * width}{'.' * (30 - width)}] {done}/{total}", ending="\n" if done == total else ""
        )


def practice_named(text: str) -> Practice:
    """Return the practice of an identifier or a licence number."""
    try:
        found = Practice.objects.filter(pk=UUID(text))
    except ValueError:
        found = Practice.objects.filter(license_no=text)
    practice: Practice | None = found.first()
    if practice is None:
        raise CommandError(f"no practice {text}")
    return practice
