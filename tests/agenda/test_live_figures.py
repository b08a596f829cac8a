"""A thousand open agendas on a real server and a real Valkey: how long after its commit each of them has a booking."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections
from django.utils import timezone
from websockets.asyncio.client import ClientConnection, connect

from apps.accounts.roles import Role
from apps.accounts.sessions import open_session
from apps.agenda.models import AgendaChange
from tests.agenda.scenes import Desk, clock
from tests.cast import make_user
from tests.figures import FULL, figure

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.figures]
CLIENTS = 1_000 if FULL else 100
PEOPLE = 20
BOOKINGS = 7 if FULL else 3
WANTED = 1.0
AT_ONCE = 25
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def server() -> Iterator[str]:
    """Run the application as it is served, on this test's database and Valkey."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    name = connection.settings_dict["NAME"]
    database = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
    command = [
        sys.executable, "-m", "uvicorn", "config.asgi:application", "--host", "127.0.0.1", "--port", str(port),
        "--lifespan", "off", "--no-access-log", "--log-level", "warning",
    ]  # fmt: skip
    environment = {**os.environ, "DATABASE_URL": database, "ENVIRONMENT": "test"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        for _try in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, "the server did not start"
            time.sleep(0.1)
        yield f"ws://127.0.0.1:{port}/ws/agenda/"
    finally:
        process.terminate()
        process.wait(timeout=20)


def tokens_for(practice: Any) -> list[str]:
    """Return a session of its own for each client, of a practice's worth of people."""
    people = [
        make_user(f"desk{n}@live.test", Role.ASSISTANT, f"Desk{n}", practice=practice) for n in range(PEOPLE)
    ]
    users = [people[n % PEOPLE] for n in range(CLIENTS)]
    return [open_session(actor=user, user=user, at=timezone.now()).access_token for user in users]


async def open_all(address: str, tokens: list[str]) -> list[ClientConnection]:
    """Connect all clients, a few at a time, and wait until each follows the agenda."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(token: str) -> ClientConnection:
        async with gate:
            headers = {"Authorization": f"Bearer {token}"}
            wire = await connect(address, additional_headers=headers, compression=None, open_timeout=60)
            assert json.loads(await wire.recv())["type"] == "agenda.ready"
            return wire

    return await asyncio.gather(*(one(token) for token in tokens))


async def heard(wire: ClientConnection) -> tuple[float, dict[str, Any]]:
    """Return when a client received the next message, and what it says."""
    text = await asyncio.wait_for(wire.recv(), timeout=60)
    return time.time(), json.loads(text)


async def test_every_open_agenda_has_a_booking_within_a_second(server, ben, house, at) -> None:
    desk = await sync_to_async(Desk)(ben, house, at)
    wires = await open_all(server, await sync_to_async(tokens_for)(house.practice))
    slowest, usual = [], []
    for number in range(BOOKINGS):
        listening = [asyncio.ensure_future(heard(wire)) for wire in wires]
        await asyncio.sleep(0)
        booked = await sync_to_async(desk.book)(clock(9) + timedelta(minutes=30 * number))
        answers = await asyncio.gather(*listening)
        assert {message["appointment"]["id"] for _when, message in answers} == {str(booked.pk)}
        assert {message["sequence"] for _when, message in answers} == {number + 1}
        committed: Any = await AgendaChange.objects.values_list("committed_at", flat=True).aget(
            appointment=booked
        )
        waits = [when - committed.timestamp() for when, _message in answers]
        slowest.append(max(waits))
        usual.append(statistics.median(waits))
    await asyncio.gather(*(wire.close() for wire in wires))
    await sync_to_async(connections.close_all)()
    figure("agenda_live_clients", len(wires), str(CLIENTS))
    figure("agenda_live_median_seconds", f"{statistics.median(usual):.3f}", f"<={WANTED}")
    figure("agenda_live_slowest_seconds", f"{statistics.median(slowest):.3f}", f"<={WANTED}")
    figure("agenda_live_worst_booking_seconds", f"{max(slowest):.3f}", "no limit")
    assert statistics.median(slowest) <= WANTED
