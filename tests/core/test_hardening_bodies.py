"""Bodies that are too large, declared or not, and JSON made to hurt; through the server's own interface."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest
from asgiref.testing import ApplicationCommunicator
from rest_framework.test import APIClient

from apps.core.bodies import MIB, MOST, MOST_UNDECLARED, BoundedBodies
from config.asgi import application

LOGIN = "/api/v1/auth/login"


def scope_of(path: str, declared: int | None) -> dict[str, Any]:
    headers = [(b"content-type", b"application/json"), (b"host", b"localhost")]
    if declared is not None:
        headers.append((b"content-length", str(declared).encode()))
    return {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": headers, "http_version": "1.1", "scheme": "http", "client": ("127.0.0.1", 1), "server": ("x", 80),
        "asgi": {"version": "3.0"},
    }  # fmt: skip


async def post(path: str, chunks: Iterable[bytes], declared: int | None = None) -> tuple[int, bytes]:
    """Send a body in chunks to the product's ASGI application."""
    server = ApplicationCommunicator(application, scope_of(path, declared))
    for chunk in chunks:
        await server.send_input({"type": "http.request", "body": chunk, "more_body": True})
    await server.send_input({"type": "http.request", "body": b"", "more_body": False})
    start = await server.receive_output(timeout=10)
    body = (await server.receive_output(timeout=10))["body"]
    return start["status"], body


class Reader:
    """Stands for Django: reads everything and remembers how much that was."""

    def __init__(self) -> None:
        self.read = 0
        self.declared = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.declared = dict(scope["headers"]).get(b"content-length", b"")
        while True:
            message = await receive()
            self.read += len(message.get("body", b""))
            if not message.get("more_body"):
                return


async def read_by_django(path: str, size: int, *, declared: bool) -> Reader:
    reader = Reader()
    server = ApplicationCommunicator(BoundedBodies(reader), scope_of(path, size if declared else None))
    for _ in range(size // MIB):
        await server.send_input({"type": "http.request", "body": b"x" * MIB, "more_body": True})
    await server.send_input({"type": "http.request", "body": b"", "more_body": False})
    await server.wait()
    return reader


class TestBodies:
    async def test_sent_in_chunks_are_read(self) -> None:
        status, body = await post(LOGIN, [b'{"email": "no', b'body", "password": "x"}'])
        assert status == 400
        assert "email" in json.loads(body)["error"]["details"]

    async def test_sent_in_chunks_are_refused_beyond_the_limit(self) -> None:
        status, body = await post(LOGIN, [b'{"email": "', *[b"x" * MIB] * 3, b'"}'])
        assert (status, json.loads(body)["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")

    async def test_declared_beyond_the_limit_are_refused(self) -> None:
        status, body = await post(LOGIN, [], declared=2 * MIB + 1)
        assert (status, json.loads(body)["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")

    @pytest.mark.parametrize(
        ("path", "megabytes", "read"),
        [("/api/v1/x", 3, 0), ("/files/x", 30, 30), ("/admin/", 19, 19), ("/admin/", 21, 0)],
    )
    async def test_declared_are_not_read_beyond_the_limit_of_their_path(
        self, path: str, megabytes: int, read: int
    ) -> None:
        assert (await read_by_django(path, megabytes * MIB, declared=True)).read == read * MIB

    async def test_undeclared_are_not_read_beyond_the_limit(self) -> None:
        reader = await read_by_django("/files/x", 5 * MIB, declared=False)
        assert reader.read == 0
        assert int(reader.declared) > MOST_UNDECLARED

    async def test_undeclared_get_a_length(self) -> None:
        reader = await read_by_django("/files/x", MIB, declared=False)
        assert (reader.read, reader.declared) == (MIB, str(MIB).encode())

    def test_limits_agree_with_djangos_own(self, settings) -> None:
        assert MOST["/api/"] == settings.DATA_UPLOAD_MAX_MEMORY_SIZE


DEEP = {
    "lists": "[" * 200_000, "objects": '{"a":' * 100_000, "closed": '{"a":' + "[" * 900 + "]" * 900 + "}",
    "below the parser's limit": '{"email":' + '{"a":' * 500 + "1" + "}" * 500 + "}",
    "a long number": '{"email": ' + "9" * 100_000 + "}", "a float beyond all": '{"email": 1e999999}',
    "not a number": '{"email": NaN}', "half a pair": '{"email": "\\ud800"}', "a null sign": '{"email": "\\u0000"}',
    "not UTF-8": b'{"email": "\xff"}', "a byte order mark": "\ufeff{}",
    "many keys": json.dumps({str(n): n for n in range(90_000)}),
}  # fmt: skip


class TestJson:
    @pytest.mark.parametrize("body", DEEP.values(), ids=DEEP.keys())
    def test_made_to_hurt_is_a_bad_request(self, body: Any, db) -> None:
        answer = APIClient().post(LOGIN, body, content_type="application/json")
        assert answer.status_code == 400, answer.content[:300]

    @pytest.mark.parametrize(("levels", "refused"), [(64, False), (65, True), (1000, True)])
    def test_nests_64_levels_deep(self, levels: int, refused: bool) -> None:
        body = '{"a":' * levels + "1" + "}" * levels
        answer = APIClient().post(LOGIN, body, content_type="application/json")
        assert (answer.json()["error"]["code"] == "MALFORMED") is refused

    @pytest.mark.parametrize("body", DEEP.values(), ids=DEEP.keys())
    def test_made_to_hurt_breaks_no_idempotent_call(self, body: Any, ben, api) -> None:
        answer = api(ben).post(
            "/api/v1/patients", body, content_type="application/json", HTTP_IDEMPOTENCY_KEY=str(uuid4())
        )
        assert answer.status_code == 400, answer.content[:300]
