"""Bodies are bounded before anything reads them.

Django's ASGI handler writes a whole body to a temporary file before the first middleware runs, and a body sent in
chunks declares no size that a later check could refuse.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Any, Any, Any], Awaitable[None]]

MIB: Final = 1024**2
# By the start of the path; elsewhere people send forms, some with a table to import.
MOST: Final = {"/api/": 2 * MIB, "/files/": 1024 * MIB, "": 20 * MIB}
MOST_UNDECLARED: Final = 2 * MIB
LENGTH: Final = b"content-length"


class BoundedBodies:
    """Leaves the body of a request that is too large unread; Django refuses it by its declared length.

    An undeclared body is held in memory and gets the length that later readers rely on.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Any) -> None:
        """Pass the request on with a body within the limit, or with none."""
        declared = next((value for name, value in scope["headers"] if name == LENGTH), None)
        if declared is not None:
            limit = next(most for start, most in MOST.items() if scope["path"].startswith(start))
            within = declared.isdigit() and int(declared) <= limit
            await self.app(scope, receive if within else replay(b"", receive), send)
            return
        body = bytearray()
        more = True
        while more and len(body) <= MOST_UNDECLARED:
            message = await receive()
            if message["type"] != "http.request":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if body:
            scope = {**scope, "headers": [*scope["headers"], (LENGTH, str(len(body)).encode())]}
        await self.app(scope, replay(b"" if len(body) > MOST_UNDECLARED else bytes(body), receive), send)


def replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives this body once, then what the server says next."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def following() -> Message:
        if waiting:
            return waiting.pop()
        while True:
            message = await receive()
            # What is left of a body nobody reads is not the end of the connection.
            if message["type"] != "http.request":
                return message

    return following
