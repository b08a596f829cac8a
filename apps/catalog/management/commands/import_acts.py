"""Load the catalogue of acts from a CSV file."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.catalog.importer import HOUSE_FILE, HOUSE_FILE_SINCE, BadFile, BadRows, import_acts
from apps.core.scope import SystemActor

LONG = 1000


class Command(BaseCommand):
    """Loads acts and their prices; nothing is written when a row is wrong, unless asked otherwise."""

    help = "Load the catalogue of acts from a CSV file (by default the sample of 80 acts that comes with the product)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the file and how strict to be."""
        parser.add_argument("file", nargs="?", type=Path, default=HOUSE_FILE)
        parser.add_argument(
            "--partial", action="store_true", help="write the good rows although others are wrong"
        )
        parser.add_argument(
            "--valid-from", type=date.fromisoformat, default=HOUSE_FILE_SINCE, help="first day of the prices"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, and say what happened in one line; wrong rows are listed by line."""
        try:
            content = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from error
        try:
            report = import_acts(
                actor=SystemActor("import-acts"),
                content=content,
                valid_from=options["valid_from"],
                partial=options["partial"],
                progress=self.show if content.count(b"\n") > LONG else None,
            )
        except BadFile as error:
            raise CommandError(str(error)) from error
        except BadRows as error:
            for wrong in error.details["errors"]:
                self.tell(wrong["line"], wrong["column"], wrong["sentence"])
            raise CommandError(f"{error} ({len(error.details['errors'])})") from error
        for row in report.errors:
            self.tell(row.line, row.column, row.sentence)
        self.stdout.write(
            f"{report.created} acts created, {report.updated} updated, {report.unchanged} unchanged, "
            f"{report.tariffs} prices written, {len(report.errors)} errors."
        )

    def tell(self, line: int, column: str, sentence: str) -> None:
        """Print one error."""
        self.stderr.write(f"line {line}{', ' + column if column else ''}: {sentence}")

    def show(self, done: int, total: int) -> None:
        """Print how far it is."""
        width = 30 * done // total
        self.stderr.write(
            f"\r[{'#' * width}{'.' * (30 - width)}] {done}/{total}", ending="\n" if done == total else ""
        )
