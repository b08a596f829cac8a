"""What the payer network does by the clock."""

from __future__ import annotations

from typing import Any, Final

from celery import shared_task
from django.utils import timezone

from apps.core.scope import SystemActor
from apps.directory.models import Insurer
from apps.insurance.services.contracts import expire_contracts
from apps.insurance.services.peers import refresh_peers

STATISTICIAN: Final = SystemActor("insurance-peers")
CLOCK: Final = SystemActor("insurance-clock")


@shared_task(name="insurance.refresh_peers", queue="reconciliation", soft_time_limit=1700, time_limit=1800)
def refresh_peer_statistics(**_: Any) -> bool:
    """Work out again what screening compares with; False if another worker is just doing it."""
    return refresh_peers(actor=STATISTICIAN, at=timezone.now())


@shared_task(name="insurance.expire_contracts", queue="reconciliation", soft_time_limit=850, time_limit=900)
def expire_due_contracts(**_: Any) -> int:
    """Mark the contracts whose last day is over in their insurer's calendar; return how many."""
    total = 0
    for insurer in Insurer.objects.active().order_by("pk"):
        while expired := expire_contracts(actor=CLOCK, insurer=insurer, at=timezone.now()):
            total += expired
    return total
