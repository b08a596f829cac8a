"""Calls per user and minute, counted in Redis."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apps.core.errors import DependencyDown
from apps.core.limits import reserve


class UserRateThrottle(BaseThrottle):
    """600 calls a minute per user; when Redis is down the API goes on uncounted."""

    retry_after = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count the call and say whether it may pass."""
        if not request.user.is_authenticated:
            return True
        try:
            self.retry_after = reserve(
                f"api:{request.user.pk}", limit=settings.API_PER_USER_PER_MINUTE, window=60
            )
        except DependencyDown:
            return True
        return self.retry_after == 0

    def wait(self) -> float | None:
        """Return the seconds to wait."""
        return float(self.retry_after) or None
