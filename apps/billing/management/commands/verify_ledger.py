"""Verify the chain of issued documents and payments."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from apps.billing.verification import Verified, verify_practice
from apps.directory.models import Practice


class Command(BaseCommand):
    """Reads every record; changes nothing."""

    help = "Verify each practice's ledger and name the first bad record."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take one practice, or all."""
        parser.add_argument("--practice", type=UUID, help="verify this practice only")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print one line per practice; fail when a chain is broken."""
        chosen = Practice.objects.order_by("pk").values_list("pk", flat=True)
        if options["practice"]:
            chosen = chosen.filter(pk=options["practice"])
        broken = 0
        for practice_id in chosen:
            outcome = self.verify(practice_id)
            if outcome.finding is None:
                signatures = (
                    "signatures checked" if outcome.signed else "signatures not checked: no key is set"
                )
                self.stdout.write(f"{practice_id}: {outcome.records} records, unbroken, {signatures}")
                continue
            broken += 1
            finding = outcome.finding
            self.stdout.write(f"{practice_id}: record {finding.sequence}: {finding.fault}")
        if broken:
            raise CommandError(f"{broken} ledger(s) broken")

    def verify(self, practice_id: UUID) -> Verified:
        """Look at one moment of the practice: people may issue and pay meanwhile."""
        nested = connection.in_atomic_block
        with transaction.atomic():
            if not nested:
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return verify_practice(practice_id)
