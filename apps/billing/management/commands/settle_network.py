"""Settle now the invoices that paid reconciliations left to a worker."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from apps.billing.models import SettlementJob
from apps.billing.services.network_jobs import settle_round
from apps.core.jobs import requeue


class Command(BaseCommand):
    """Starts over what was given up, then works until nothing is due; a worker beside it takes turns."""

    help = "Settle the invoices of paid reconciliations that wait for a worker; start over what was given up."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print how many jobs were started over and how many parts were worked off."""
        again = requeue(SettlementJob.objects.all(), at=timezone.now())
        rounds = 0
        while settle_round(at=timezone.now()):
            rounds += 1
        left = SettlementJob.objects.exclude(state=SettlementJob.State.DONE).count()
        self.stdout.write(f"{again} started over, {rounds} parts settled, {left} jobs left")
