"""How often somebody may look people and contracts up by key: providers may resolve, not try numbers out."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from apps.core.errors import DependencyDown
from apps.core.limits import RateLimited, reserve


def count_lookup(caller: Any) -> None:
    """Refuse (RateLimited) one who tries keys; when Redis is down lookups go on uncounted, as the API does."""
    try:
        wait = reserve(f"lookup:{caller.pk}", limit=settings.LOOKUPS_PER_USER_PER_MINUTE, window=60)
    except DependencyDown:
        return
    if wait:
        raise RateLimited(retry_after=wait)
