"""Local servers that speak the providers' protocols, and misbehave on request."""

from __future__ import annotations

import json
import socket
import struct
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

INACTIVE = (
    "You tried to send to recipient(s) that have been marked as inactive. Found inactive addresses: %s. "
    "Inactive recipients are ones that have generated a hard bounce, a spam complaint, "
    "or a manual suppression."
)


@dataclass
class Far:
    """What a fake keeps; `mode` is ok, refuse, throttle, error, garbage, or reset (takes it, hangs up)."""

    mode: str = "ok"
    code: int = 21610
    messages: list[dict[str, Any]] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)
    url: str = ""
    details: dict[str, dict[str, Any]] = field(default_factory=dict)


class Handler(BaseHTTPRequestHandler):
    """What both fakes share."""

    far: Far

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def answer(self, status: int, body: Any) -> None:
        """Answer JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def hang_up(self) -> None:
        """Reset the connection without a word."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


class TwilioHandler(Handler):
    """`/2010-04-01/Accounts/<sid>/Messages.json`: create and list."""

    def do_POST(self) -> None:
        """Create a message."""
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.far.credentials.append(b64decode(self.headers["Authorization"].split()[1]).decode())
        if self.far.mode == "refuse":
            self.answer(400, {"code": self.far.code, "message": "refused", "status": 400})
            return
        if self.far.mode == "throttle":
            self.answer(429, {"code": 20429, "message": "too many", "status": 429})
            return
        if self.far.mode == "error":
            self.answer(503, {"code": 20503, "message": "unavailable", "status": 503})
            return
        message = {
            "sid": f"SM{len(self.far.messages):032d}",
            "status": "queued",
            "to": form["To"][0],
            "from": form["From"][0],
            "body": form["Body"][0],
            "date_created": format_datetime(datetime.now(UTC)),
            "status_callback": form["StatusCallback"][0],
        }
        self.far.messages.append(message)
        if self.far.mode == "reset":
            self.hang_up()
        elif self.far.mode == "garbage":
            self.answer(201, b"<html>")
        else:
            self.answer(201, message)

    def do_GET(self) -> None:
        """List messages to a number."""
        if self.far.mode == "error":
            self.answer(503, {"code": 20503, "message": "unavailable", "status": 503})
            return
        wanted = parse_qs(urlsplit(self.path).query).get("To", [""])[0]
        found = [message for message in self.far.messages if message["to"] == wanted]
        self.answer(200, {"messages": found, "next_page_uri": None, "page": 0, "page_size": 200})


class PostmarkHandler(Handler):
    """`/email`, `/messages/outbound` and `/messages/outbound/<id>/details`."""

    def do_POST(self) -> None:
        """Take an email."""
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.far.credentials.append(self.headers["X-Postmark-Server-Token"])
        if self.far.mode == "refuse":
            self.answer(422, {"ErrorCode": 406, "Message": INACTIVE % message["To"]})
            return
        if self.far.mode == "error":
            self.answer(500, {"ErrorCode": 100, "Message": "maintenance"})
            return
        number = f"00000000-0000-4000-8000-{len(self.far.messages):012d}"
        self.far.messages.append({"MessageID": number, **message})
        if self.far.mode == "reset":
            self.hang_up()
            return
        self.answer(200, {"ErrorCode": 0, "Message": "OK", "MessageID": number, "To": message["To"]})

    def do_GET(self) -> None:
        """Search by metadata, or tell one message's events."""
        parts = urlsplit(self.path)
        if parts.path.endswith("/details"):
            found = self.far.details.get(parts.path.split("/")[-2])
            self.answer(200 if found else 404, found or {"ErrorCode": 701, "Message": "not found"})
            return
        job = parse_qs(parts.query)["metadata_job"][0]
        messages = [m for m in self.far.messages if m.get("Metadata", {}).get("job") == job]
        self.answer(200, {"TotalCount": len(messages), "Messages": messages})


@contextmanager
def served(kind: type[Handler]) -> Iterator[Far]:
    """Run a fake on a port of its own."""
    far = Far()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (kind,), {"far": far}))
    far.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield far
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
