"""Verify the sealed trails."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from apps.audit.seals import SOURCES, anchor_of, mark_of
from apps.audit.verify import Anchor, Finding, unsealed_count, verify_chain

_BAR_CELLS: Final = 30


class Command(BaseCommand):
    """Prints the first bad entry of each chain and fails; prints each last seal, to keep elsewhere."""

    help = "Verify that no sealed audit or access entry was altered, lost, slipped in or moved."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the anchors and how much to say."""
        parser.add_argument("--anchor", action="append", default=[], help="chain:sequence:mac printed before")
        parser.add_argument("--anchors", type=Path, help="file of anchors, one a line")
        parser.add_argument("--append-anchors", type=Path, help="add the anchors of this run to a file")
        parser.add_argument("--all", action="store_true", help="name every bad entry, not only the first")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check every chain in one consistent picture."""
        anchors = self.anchors(options["anchor"], options["anchors"])
        bad = 0
        with transaction.atomic():
            if not connection.savepoint_ids:
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            for chain in SOURCES:
                for finding in verify_chain(chain, anchors=anchors, progress=self.show):
                    bad += 1
                    self.report(finding)
                    if not options["all"]:
                        break
            ends = [anchor_of(mark_of(chain), chain) for chain in SOURCES]
            waiting = {chain: unsealed_count(chain) for chain in SOURCES}
        for chain, end in zip(SOURCES, ends, strict=True):
            self.stdout.write(f"anchor {end}")
            if waiting[chain]:
                self.stdout.write(f"{chain}: {waiting[chain]} entries are not sealed yet")
        if bad:
            raise CommandError("The audit trail is not what was sealed.", returncode=1)
        if options["append_anchors"] is not None:
            with options["append_anchors"].open("a", encoding="utf-8") as file:
                file.writelines(f"{end}\n" for end in ends)
        self.stdout.write("The audit trail is what was sealed.")

    def anchors(self, given: list[str], path: Path | None) -> list[Anchor]:
        """Read the anchors to check against."""
        lines = [*given, *(path.read_text(encoding="utf-8").splitlines() if path else [])]
        try:
            return [Anchor.parse(line.removeprefix("anchor ")) for line in lines if line.strip()]
        except ValueError as error:
            raise CommandError(f"An anchor reads chain:sequence:mac ({error}).") from error

    def report(self, finding: Finding) -> None:
        """Name one bad entry."""
        self.stdout.write(self.style.ERROR(str(finding)))

    def show(self, chain: str, done: int, total: int) -> None:
        """Draw the bar of one chain on stderr."""
        filled = int(min(done / total, 1.0) * _BAR_CELLS) if total else _BAR_CELLS
        end = "\n" if done >= total else ""
        self.stderr.write(
            f"\r{chain:<10} [{'#' * filled}{'.' * (_BAR_CELLS - filled)}] {done}/{total}",
            ending=end,
            style_func=str,
        )
