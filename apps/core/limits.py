"""Counting attempts in Redis, atomically."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from secrets import token_hex
from time import monotonic, sleep
from typing import Any, cast

import redis
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DependencyDown, DomainError

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
    """Count one attempt of `key` within `window` seconds; return 0, or the seconds to wait when over `limit`.

    The attempt is counted before its outcome is known, so that parallel attempts cannot slip under the limit
    together. Raises DependencyDown when Redis does not answer.
    """
    try:
        count, ttl = cast(
            "tuple[int, int]", connection(settings.REDIS_URL).eval(RESERVE, 1, f"osd:limit:{key}", window)
        )
    except redis.RedisError as error:
        raise DependencyDown from error
    return 0 if count <= limit else max(1, ttl)


# A guess under way holds a place beside the failures already counted, so that parallel guesses cannot pass
# the limit together; a place whose holder died comes free by itself. Answers: 0 admitted, -1 come back, n
# wait n seconds.
ADMIT = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local failed = tonumber(redis.call('GET', KEYS[1]) or '0')
local limit = tonumber(ARGV[1])
if failed >= limit then return math.max(1, redis.call('TTL', KEYS[1])) end
if failed + redis.call('ZCARD', KEYS[2]) >= limit then return -1 end
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[2]), ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 0
"""
# The cool-off is counted from the failure that reaches the limit.
FAIL = """
redis.call('ZREM', KEYS[2], ARGV[3])
local failed = redis.call('INCR', KEYS[1])
if failed == 1 or failed >= tonumber(ARGV[1]) or redis.call('TTL', KEYS[1]) < 0 then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return failed
"""
HOLD_MS = 15_000
PATIENCE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Guesses:
    """Wrong guesses under one key: `limit` in `window` seconds, then a pause as long; right ones are free.

    `enter` takes a place before the guess is judged and returns a ticket; `failed` or `passed` gives it back.
    """

    key: str
    limit: int
    window: int

    def enter(self) -> str:
        """Take a place; raises RateLimited while cooling off, DependencyDown when Redis does not answer.

        More guesses at once than may still fail wait for one another instead of being refused: a whole house
        that logs in at nine behind one address has done nothing wrong.
        """
        ticket, until = token_hex(8), monotonic() + PATIENCE_SECONDS
        while True:
            wait = int(run(ADMIT, self.keys(), self.limit, HOLD_MS, ticket))
            if wait == 0:
                return ticket
            if wait > 0:
                raise RateLimited(retry_after=wait)
            if monotonic() > until:
                raise RateLimited(retry_after=1)
            sleep(0.02)

    def failed(self, ticket: str) -> None:
        """Count a wrong guess."""
        run(FAIL, self.keys(), self.limit, self.window, ticket)

    def passed(self, ticket: str) -> None:
        """Free the place of a guess that was right, or was never judged."""
        run("return redis.call('ZREM', KEYS[2], ARGV[1])", self.keys(), ticket)

    def forget(self) -> None:
        """Start over: whoever guesses here has proved who they are."""
        run("return redis.call('DEL', KEYS[1])", self.keys())

    def keys(self) -> tuple[str, str]:
        """Return the names of the count and of the places."""
        return f"osd:guess:{{{self.key}}}:failed", f"osd:guess:{{{self.key}}}:places"


def run(script: str, keys: tuple[str, str], *arguments: Any) -> Any:
    """Run a script on the limiter; raises DependencyDown when Redis does not answer."""
    try:
        return connection(settings.REDIS_URL).eval(script, len(keys), *keys, *arguments)
    except redis.RedisError as error:
        raise DependencyDown from error
