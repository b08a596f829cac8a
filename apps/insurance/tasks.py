"""What the payer network does by the clock."""

from __future__ import annotations

from typing import Any, Final

from celery import shared_task
from django.utils import timezone

from apps.core.scope import SystemActor
from apps.directory.models import Insurer
from apps.insurance.services.contracts import expire_contracts
from apps.insurance.services.jobs import TASK, generate_due, request_cycles
from apps.insurance.services.peers import refresh_peers
from apps.insurance.services.withdrawing import expire_eligible
from apps.insurance.verification import prove_insurer

STATISTICIAN: Final = SystemActor("insurance-peers")
CLOCK: Final = SystemActor("insurance-clock")


@shared_task(name="insurance.refresh_peers", queue="reconciliation", soft_time_limit=1700, time_limit=1800)
def refresh_peer_statistics(**_: Any) -> bool:
    """Work out again what screening compares with; False if another worker is just doing it."""
    return refresh_peers(actor=STATISTICIAN, at=timezone.now())


@shared_task(name="insurance.expire_eligible", queue="reconciliation", soft_time_limit=850, time_limit=900)
def expire_eligible_claims(**_: Any) -> int:
    """Let eligible claims lapse that nobody confirmed in time; return how many."""
    total = 0
    for insurer in Insurer.objects.active().order_by("pk"):
        while expired := expire_eligible(actor=CLOCK, insurer=insurer, at=timezone.now()):
            total += expired
    return total


@shared_task(name="insurance.expire_contracts", queue="reconciliation", soft_time_limit=850, time_limit=900)
def expire_due_contracts(**_: Any) -> int:
    """Mark the contracts whose last day is over in their insurer's calendar; return how many."""
    total = 0
    for insurer in Insurer.objects.active().order_by("pk"):
        while expired := expire_contracts(actor=CLOCK, insurer=insurer, at=timezone.now()):
            total += expired
    return total


@shared_task(name=TASK, queue="reconciliation", soft_time_limit=3500, time_limit=3550)
def generate_due_reconciliations(**_: Any) -> int:
    """Make the reconciliations that were asked for."""
    return generate_due(at=timezone.now())


@shared_task(name="insurance.request_cycles", queue="reconciliation", soft_time_limit=850, time_limit=900)
def request_due_cycles(**_: Any) -> int:
    """Ask for the reconciliations of insurers whose period is over."""
    return request_cycles(actor=CLOCK, at=timezone.now())


@shared_task(name="insurance.prove", queue="reconciliation", soft_time_limit=3500, time_limit=3550)
def prove_network(**_: Any) -> int:
    """Hold every insurer's books together and keep what was found; return how many do not agree."""
    proofs = [
        prove_insurer(actor=CLOCK, insurer=insurer, at=timezone.now())
        for insurer in Insurer.objects.order_by("pk")
    ]
    return sum(not proof.is_sound for proof in proofs)
