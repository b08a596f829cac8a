"""Sealing and expiry, by the clock."""

from __future__ import annotations

import logging
from typing import Any, Final

from celery import shared_task
from django.utils import timezone

from apps.audit.seals import SOURCES, lag_seconds, seal_pending
from apps.audit.services import expire_access
from apps.core.scope import SystemActor

logger = logging.getLogger(__name__)

SEALER: Final = SystemActor("audit-sealer")
LAG_ALERT_SECONDS: Final = 300


@shared_task(name="audit.seal", queue="events", time_limit=240)
def seal(**_: Any) -> int:
    """Seal what is ready and return how many; an error in the log says when entries wait too long."""
    now = timezone.now()
    sealed = sum(seal_pending(at=now).values())
    for chain in SOURCES:
        lag = lag_seconds(chain, at=timezone.now())
        if lag > LAG_ALERT_SECONDS:
            logger.error("sealing lags", extra={"event": f"audit.{chain}", "count": int(lag)})
    return sealed


@shared_task(name="audit.expire", queue="events", time_limit=240)
def expire(**_: Any) -> int:
    """Drop access entries after twelve months; returns how many."""
    return expire_access(actor=SEALER, at=timezone.now())
