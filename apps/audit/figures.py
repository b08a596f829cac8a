"""How far sealing is behind."""

from __future__ import annotations

from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily

from apps.audit.seals import SOURCES, lag_seconds


def sealing_figures() -> list[GaugeMetricFamily]:
    """Return the age of the oldest entry without a seal, per chain; alert above five minutes."""
    lag = GaugeMetricFamily(
        "osdentaire_audit_seal_lag_seconds", "Age of the oldest entry without a seal.", labels=["chain"]
    )
    for chain in SOURCES:
        lag.add_metric([str(chain)], lag_seconds(chain, at=timezone.now()))
    return [lag]
