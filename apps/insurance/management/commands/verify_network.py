"""Hold the payer network's books together: ledger, balances, claims and reconciliations."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.utils import timezone

from apps.core.scope import SystemActor
from apps.directory.models import Insurer
from apps.insurance.verification import Finding, all_checks, prove_insurer, verify_insurer

ACTOR = SystemActor("verify-network")


class Command(BaseCommand):
    """Reads everything; changes nothing but the record of the proof, which `--keep` asks for."""

    help = "Verify that ledger, balances, claims and reconciliations agree; name what does not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take one insurer, or all."""
        parser.add_argument("--insurer", help="verify the insurer of this code only")
        parser.add_argument("--keep", action="store_true", help="keep the outcome for health and the admin")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line per insurer and discrepancy; fail when there is any."""
        chosen = Insurer.objects.order_by("code")
        if options["insurer"]:
            chosen = chosen.filter(code=options["insurer"])
            if not chosen:
                raise CommandError(f"no insurer has the code {options['insurer']}")
        broken = 0
        for insurer in chosen:
            findings = self.verify(insurer)
            if options["keep"]:
                prove_insurer(actor=ACTOR, insurer=insurer, at=timezone.now())
            if not findings:
                self.stdout.write(f"{insurer.code}: {len(all_checks()) + 1} checks, the books agree")
            for finding in findings:
                broken += 1
                self.stdout.write(
                    f"{insurer.code}: {finding.check}: {finding.count} ({', '.join(finding.ids)})"
                )
        if broken:
            raise CommandError(f"{broken} discrepancies")

    def verify(self, insurer: Insurer) -> list[Finding]:
        """Look at one moment: claims come in meanwhile."""
        nested = connection.in_atomic_block
        with transaction.atomic():
            if not nested:
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return verify_insurer(insurer)
