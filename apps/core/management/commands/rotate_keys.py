"""Re-encrypt what is sealed with an old key of APP_KMS_KEY."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.crypto import keyring
from apps.core.rotation import BATCH_ROWS, TableReport, remaining_keys, rotate_all

_BAR_CELLS = 30


class Command(BaseCommand):
    """Runs beside the live site; put the new key first in APP_KMS_KEY and restart every process before."""

    help = "Re-encrypt sealed values under the first key of APP_KMS_KEY and report what still uses another."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the batch size and the report-only switch."""
        parser.add_argument("--batch", type=int, default=BATCH_ROWS, help="rows per transaction")
        parser.add_argument(
            "--check", action="store_true", help="only report; run it before an old key is dropped"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line per table; fail while anything is unreadable or still on an old key."""
        if options["batch"] < 1:
            raise CommandError("--batch must be at least 1")
        reports = (
            remaining_keys()
            if options["check"]
            else rotate_all(batch_rows=options["batch"], progress=self.show)
        )
        for report in reports:
            self.stdout.write(_line(report))
        if any(report.unreadable for report in reports):
            raise CommandError("Some values do not open; they were left as they are.")
        if any(report.remaining for report in reports):
            raise CommandError("Some values still use an old key; keep it on the ring and run this again.")
        self.stdout.write(f"Everything is sealed with the key {keyring().active!r}.")

    def show(self, table: str, done: int, total: int) -> None:
        """Draw the bar of one table on stderr."""
        share = 1.0 if not total else min(done / total, 1.0)
        filled = int(share * _BAR_CELLS)
        end = "\n" if done >= total else ""
        self.stderr.write(
            f"\r{table:<40} [{'#' * filled}{'.' * (_BAR_CELLS - filled)}] {done}/{total}",
            ending=end,
            style_func=str,
        )


def _line(report: TableReport) -> str:
    left = ", ".join(f"{count} with {key_id}" for key_id, count in report.remaining.items()) or "none"
    line = f"{report.table}: {report.rotated} rows re-encrypted; values under an old key: {left}"
    return line + (f"; unreadable rows: {', '.join(report.unreadable)}" if report.unreadable else "")
