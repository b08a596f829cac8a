"""Reading network failures: did the call leave the house?"""

from __future__ import annotations

import requests
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError


def never_left(error: BaseException) -> bool:
    """Say whether the connection was never made, so that nothing can have been sent.

    requests files a refused connection and a reset after the body under one class; only urllib3's cause
    tells.
    """
    if isinstance(error, requests.ConnectTimeout):
        return True
    seen: list[BaseException] = [error]
    while seen:
        current = seen.pop()
        if isinstance(current, NewConnectionError | ConnectTimeoutError | NameResolutionError):
            return True
        reason = getattr(current, "reason", None)
        nested = [reason, *current.args] if isinstance(current, requests.RequestException | Exception) else []
        seen.extend(item for item in nested if isinstance(item, BaseException))
    return False
