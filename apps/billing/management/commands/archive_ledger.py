"""Write an archive of a practice's ledger that verifies itself offline."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.billing.models import Closing
from apps.billing.services import archive_ledger
from apps.billing.services.closings import bounds
from apps.core.scope import SystemActor
from apps.directory.models import Practice


class Command(BaseCommand):
    """One ZIP: the whole chain, or what the closing of a period covers."""

    help = "Archive a practice's ledger as a ZIP with its own offline verifier."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the practice, the closed period and the folder."""
        parser.add_argument("practice", type=UUID, help="the practice's identifier")
        parser.add_argument(
            "--period", choices=Closing.Period.values, help="a closed period; all when absent"
        )
        parser.add_argument("--day", type=date.fromisoformat, help="a day of the period")
        parser.add_argument("--folder", type=Path, default=Path(), help="where to write (default: here)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file and print its path."""
        practice = Practice.objects.filter(pk=options["practice"]).first()
        if practice is None:
            raise CommandError("there is no such practice")
        if bool(options["period"]) != bool(options["day"]):
            raise CommandError("--period and --day go together")
        closing = None
        if options["period"]:
            starts_on = bounds(options["period"], options["day"])[0]
            rows = Closing.objects.filter(practice=practice, period=options["period"], starts_on=starts_on)
            closing = rows.first()
            if closing is None:
                raise CommandError("this period is not closed: run close_period first")
        archive = archive_ledger(
            actor=SystemActor("archiver"), practice=practice, closing=closing, at=timezone.now()
        )
        path = options["folder"] / archive.file_name
        path.write_bytes(archive.data)
        self.stdout.write(str(path))
