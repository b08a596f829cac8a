"""Decide stored claims again and compare."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.core.progress import Progress
from apps.insurance.engine import ENGINE_VERSION
from apps.insurance.engine.canonical import to_plain
from apps.insurance.models import Claim
from apps.insurance.services.replay import Drift, decisions, replay


class Command(BaseCommand):
    """Reads every decision's stored inputs, asks today's engine, and names each claim that comes out differently."""

    help = "Decide stored claims again from their stored inputs and show what differs; fails when something does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take which claims."""
        parser.add_argument("--claim", action="append", default=[], help="key of a claim; may be repeated")
        parser.add_argument("--insurer", help="short code of an insurer")
        parser.add_argument("--from", dest="since", type=date.fromisoformat, help="first day of care")
        parser.add_argument("--to", dest="until", type=date.fromisoformat, help="last day of care")
        parser.add_argument("--show", type=int, default=20, help="how many differences to show")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay and tell."""
        rows = decisions(self.claims(options))
        progress = Progress("replay", rows.count(), self.stderr)  # type: ignore[arg-type]  # it writes and knows isatty
        drifts: list[Drift] = []
        for drift in replay(rows.iterator(chunk_size=500)):
            progress()
            if drift is not None:
                drifts.append(drift)
        progress.finish()
        for drift in drifts[: options["show"]]:
            self.tell(drift)
        self.stdout.write(f"{progress.done} decisions, {len(drifts)} differ, engine {ENGINE_VERSION}")
        if drifts:
            raise CommandError("Not every decision comes out as it was stored.", returncode=1)

    def claims(self, options: dict[str, Any]) -> Any:
        """Return the claims asked for."""
        rows = Claim.objects.filter(reversal_of__isnull=True)
        if options["claim"]:
            rows = rows.filter(pk__in=options["claim"])
        if options["insurer"]:
            rows = rows.filter(insurer__code=options["insurer"])
        if options["since"]:
            rows = rows.filter(service_date__gte=options["since"])
        if options["until"]:
            rows = rows.filter(service_date__lte=options["until"])
        return rows

    def tell(self, drift: Drift) -> None:
        """Write what differs in one decision."""
        note = "" if drift.inputs_intact else " (its inputs are not what was hashed)"
        self.stdout.write(f"{drift.claim_id} v{drift.version} engine {drift.engine_version}{note}")
        for name, (before, after) in drift.fields.items():
            was, now = (json.dumps(to_plain(value), ensure_ascii=False) for value in (before, after))
            self.stdout.write(f"  {name}: {was} -> {now}")
