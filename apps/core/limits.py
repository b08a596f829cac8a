"""Counting attempts in Redis, atomically."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

import redis
from django.conf import settings

from apps.core.errors import DependencyDown, DomainError
from django.utils.translation import gettext_lazy as _

# One script, so that a crash between counting and expiring never leaves a counter that lasts forever.
RESERVE = """
local count = redis.call('INCR', KEYS[1])
if count == 1 or redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('TTL', KEYS[1])}
"""


class RateLimited(DomainError):
    """Too many calls; `details.retry_after` says how many seconds to wait."""

    code = "RATE_LIMITED"
    status = 429
    message = _("Too many attempts. Please wait a moment.")


@cache
def connection(url: str) -> Any:
    """Return the shared client of the limiter."""
    return redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2)


def reserve(key: str, *, limit: int, window: int) -> int:
    """Count one attempt of `key` within `window` seconds and return 0, or the seconds to wait when over `limit`.

    The attempt is counted before its outcome is known, so that parallel attempts cannot slip under the limit together;
    `give_back` returns one that should not have counted. Raises DependencyDown when Redis does not answer.
    """
    try:
        count, ttl = cast("tuple[int, int]", connection(settings.REDIS_URL).eval(RESERVE, 1, f"osd:limit:{key}", window))
    except redis.RedisError as error:
        raise DependencyDown from error
    return 0 if count <= limit else max(1, ttl)


def give_back(key: str) -> None:
    """Uncount one attempt of `key`; a counter that expired meanwhile stays expired."""
    client = connection(settings.REDIS_URL)
    try:
        client.eval("if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DECR', KEYS[1]) end", 1, f"osd:limit:{key}")
    except redis.RedisError as error:
        raise DependencyDown from error


def forget(key: str) -> None:
    """Drop the counter of `key`."""
    try:
        connection(settings.REDIS_URL).delete(f"osd:limit:{key}")
    except redis.RedisError as error:
        raise DependencyDown from error
