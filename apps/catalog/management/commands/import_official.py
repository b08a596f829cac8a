"""Put official tariffs from a file in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.catalog.importer import BadFile
from apps.catalog.official import import_official
from apps.core.scope import SystemActor


class Command(BaseCommand):
    """Says what would happen, line by line; writes only when told to."""

    help = "Import official tariffs (code, tarif, date_debut[, taux, panier, plafond]); a dry run without --write."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the file, and whether to write."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--write", action="store_true", help="write; without it nothing is changed")
        parser.add_argument("--all", action="store_true", help="print unchanged lines as well")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print each line that matters and the counts."""
        try:
            content = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror}") from error
        try:
            report = import_official(
                actor=SystemActor("import-official"), content=content, dry_run=not options["write"]
            )
        except BadFile as error:
            raise CommandError(str(error)) from error
        for line in report.lines:
            if line.outcome != "same" or options["all"]:
                facts = [f"line {line.line}", line.code, line.outcome, line.sentence]
                if line.after is not None:
                    facts.append(
                        f"{line.before if line.before is not None else '-'} -> {line.after} from {line.valid_from}"
                    )
                self.stdout.write(": ".join(filter(None, facts)))
        counts = ", ".join(
            f"{report.count(name)} {name}" for name in ("new", "changed", "same", "unknown", "wrong")
        )
        self.stdout.write(f"{'dry run, nothing written: ' if report.dry_run else ''}{counts}")
