"""What the payer network does by the clock."""

from __future__ import annotations

from typing import Any, Final

from celery import shared_task
from django.utils import timezone

from apps.core.scope import SystemActor
from apps.insurance.services.peers import refresh_peers

STATISTICIAN: Final = SystemActor("insurance-peers")


@shared_task(name="insurance.refresh_peers", queue="reconciliation", soft_time_limit=1700, time_limit=1800)
def refresh_peer_statistics(**_: Any) -> bool:
    """Work out again what screening compares with; False if another worker is just doing it."""
    return refresh_peers(actor=STATISTICIAN, at=timezone.now())
