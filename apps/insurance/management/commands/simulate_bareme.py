"""What a draft of a price list would have cost over a year of claims."""

from __future__ import annotations

import csv
import json
from argparse import ArgumentParser
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from apps.core.money import format_money
from apps.core.progress import Progress
from apps.insurance.barchart import bar_chart
from apps.insurance.models import Claim, Convention
from apps.insurance.schemas import BAREME
from apps.insurance.services.replay import Simulated, Totals, decisions, simulate

COLUMNS = (
    "claim", "service_date", "type", "total", "covered_before", "covered_after", "copay_before", "copay_after",
    "writeoff_before", "writeoff_after", "decision_before", "decision_after",
)  # fmt: skip


class Command(BaseCommand):
    """Decides a convention's claims of the last year by a draft, and writes a table, a picture and the totals."""

    help = (
        "Decide a convention's claims of the last year again by a draft of its price list; changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the draft, the convention and the year."""
        parser.add_argument(
            "draft", type=Path, help="JSON file of the draft, shaped as POST /conventions/{id}/baremes"
        )
        parser.add_argument("--convention", required=True, help="key of the convention")
        parser.add_argument("--from", dest="since", type=date.fromisoformat, help="first day (a year ago)")
        parser.add_argument("--to", dest="until", type=date.fromisoformat, help="last day (today)")
        parser.add_argument("--out", type=Path, default=Path("simulation"), help="folder of the report")

    def handle(self, *args: Any, **options: Any) -> None:
        """Simulate and report."""
        content = self.draft(options["draft"])
        convention = Convention.objects.filter(pk=options["convention"]).first()
        if convention is None:
            raise CommandError("There is no such convention.")
        until = options["until"] or timezone.now().date()
        since = options["since"] or until - timedelta(days=365)
        claims = Claim.objects.filter(
            insurer=convention.insurer_id,
            provider=convention.practice_id,
            service_date__range=(since, until),
            reversal_of__isnull=True,
        )
        rows = decisions(claims).filter(version=1).select_related("claim__contract", "claim__insurer")
        progress = Progress("simulate", rows.count(), self.stderr)  # type: ignore[arg-type]  # it writes and knows isatty
        totals, months = Totals(), defaultdict[str, Totals](Totals)
        options["out"].mkdir(parents=True, exist_ok=True)
        with (options["out"] / "claims.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            for row in simulate(rows.iterator(chunk_size=500), content):
                progress()
                table.writerow(cells(row))
                totals.add(row)
                months[f"{row.day:%Y-%m}"].add(row)
        progress.finish()
        self.report(options["out"], totals, months, convention)

    def draft(self, path: Path) -> dict[str, Any]:
        """Read and check the draft."""
        try:
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CommandError(f"{path}: {error}") from error
        for name in ("version", "effective_from", "effective_to"):
            content.pop(name, None)
        if problems := BAREME.problems(content, "draft"):
            raise CommandError("\n".join(problems))
        return content

    def report(self, out: Path, totals: Totals, months: dict[str, Totals], convention: Convention) -> None:
        """Write the totals on screen and the picture beside the table."""
        currency = convention.insurer.currency
        self.stdout.write(f"{totals.claims} claims, {totals.changed} would come out differently")
        self.stdout.write(f"{'':<10}{'before':>20}{'after':>20}{'difference':>20}")
        for name in ("total", "covered", "copay", "writeoff"):
            before, after = totals.before[name], totals.after[name]
            shown = [format_money(amount, currency, "en") for amount in (before, after, after - before)]
            self.stdout.write(f"{name:<10}" + "".join(f"{text:>20}" for text in shown))
        bars = [
            (month, (sums.before["covered"], sums.after["covered"])) for month, sums in sorted(months.items())
        ]
        picture = bar_chart("Covered by month", ("in force", "draft"), bars, currency)
        (out / "covered.svg").write_text(picture, encoding="utf-8")
        self.stdout.write(f"{out / 'claims.csv'}, {out / 'covered.svg'}")


def cells(row: Simulated) -> list[Any]:
    """Return a claim's line of the table."""
    before, after = row.before, row.after
    return [
        row.claim_id,
        row.day.isoformat(),
        row.type,
        before.total,
        before.covered,
        after.covered,
        before.copay,
        after.copay,
        before.writeoff,
        after.writeoff,
        before.decision,
        after.decision,
    ]
