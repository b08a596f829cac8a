"""Refreshing what screening compares with; readers never wait for it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import connection

from apps.core.scope import Viewer
from apps.core.service import service

# The clock comes last: it tells that the others are done.
VIEWS: Final = (
    "insurance_peer_price",
    "insurance_provider_pace",
    "insurance_prescriber_pair",
    "insurance_generic_refusal",
    "insurance_peer_clock",
)
# Any number will do that nobody else locks: "PEER" in ASCII.
_LOCK: Final = 0x50454552


@service("insurance.peers.refresh")
def refresh_peers(*, actor: Viewer, at: datetime) -> bool:
    """Work the statistics out again as of a moment; False if somebody else is just doing it.

    CONCURRENTLY lets claims be screened by the old figures meanwhile. Two clocks that beat at once do the work once.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return False
        cursor.execute("SELECT set_config('insurance.as_of', %s, true)", [at.isoformat()])
        for view in VIEWS:
            cursor.execute(f"REFRESH MATERIALIZED VIEW CONCURRENTLY {view}")
        cursor.execute("SELECT set_config('insurance.as_of', '', true)")
    return True


def refreshed_at() -> datetime | None:
    """Return the moment the statistics stand for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT refreshed_at FROM insurance_peer_clock")
        row = cursor.fetchone()
    return row[0] if row else None
