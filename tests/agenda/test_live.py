"""The web socket: changes after the commit, to those who may see them."""

from __future__ import annotations

import json

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.db import transaction
from django.utils import timezone

from apps.accounts.sessions import log_out, open_session
from apps.agenda.consumers import FORBIDDEN, UNAUTHENTICATED
from apps.agenda.services import cancel_appointment, change_appointment
from config.asgi import application
from tests.agenda.scenes import Desk, clock

pytestmark = pytest.mark.django_db(transaction=True)


class Socket(ApplicationCommunicator):
    """A web socket of the application; channels' own needs Daphne, which is not installed."""

    def __init__(self, headers: dict[str, str]) -> None:
        encoded = [(key.encode(), value.encode()) for key, value in headers.items()]
        path = "/ws/agenda/"
        super().__init__(
            application, {"type": "websocket", "path": path, "headers": encoded, "query_string": b""}
        )

    async def connect(self) -> None:
        await self.send_input({"type": "websocket.connect"})
        assert (await self.receive_output(timeout=5))["type"] == "websocket.accept"

    async def receive_json(self) -> dict:
        return json.loads((await self.receive_output(timeout=5))["text"])

    async def disconnect(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(timeout=5)


def pair_of(user):
    return open_session(actor=user, user=user, at=timezone.now())


async def open_agenda(user=None, **headers: str) -> Socket:
    """Connect with the user's bearer token, or with the headers given."""
    if user is not None:
        headers["authorization"] = f"Bearer {(await sync_to_async(pair_of)(user)).access_token}"
    socket = Socket(headers)
    await socket.connect()
    return socket


async def closed_with(socket: Socket) -> int:
    return (await socket.receive_output(timeout=5))["code"]


class TestConnect:
    async def test_needs_a_token(self, desk: Desk) -> None:
        assert await closed_with(await open_agenda()) == UNAUTHENTICATED

    async def test_is_for_those_who_read_the_agenda(self, desk: Desk, ines) -> None:
        assert await closed_with(await open_agenda(ines)) == FORBIDDEN

    @pytest.mark.parametrize(
        ("origin", "ready"), [("http://localhost", True), ("https://evil.example", False), ("", False)]
    )
    async def test_takes_the_cookie_from_our_own_pages_only(
        self, desk: Desk, origin: str, ready: bool
    ) -> None:
        token = (await sync_to_async(pair_of)(desk.actor)).access_token
        socket = await open_agenda(cookie=f"osd_access={token}", origin=origin, host="localhost")

        if ready:
            assert await socket.receive_json() == {"type": "agenda.ready", "sequence": 0}
        else:
            assert await closed_with(socket) == UNAUTHENTICATED
        await socket.disconnect()


class TestChanges:
    async def test_reach_the_practice_and_nobody_else(self, desk: Desk, ana, cleo) -> None:
        ours, theirs = await open_agenda(ana), await open_agenda(cleo)
        await ours.receive_json()
        await theirs.receive_json()

        booked = await sync_to_async(desk.book)(clock(9))
        message = await ours.receive_json()
        assert (message["type"], message["sequence"]) == ("appointment.created", 1)
        assert message["appointment"]["id"] == str(booked.pk)
        assert message["appointment"]["starts_at"] == "2026-11-24T09:00:00+01:00"
        assert await theirs.receive_nothing(timeout=0.3)
        await ours.disconnect()
        await theirs.disconnect()

    async def test_say_what_happened(self, desk: Desk, ana) -> None:
        booked = await sync_to_async(desk.book)(clock(9))
        socket = await open_agenda(ana)
        await socket.receive_json()

        change = {"actor": desk.actor, "appointment": booked, "at": desk.at}
        await sync_to_async(change_appointment)(verb="confirm", **change)
        confirmed = await socket.receive_json()
        await sync_to_async(cancel_appointment)(**change)
        cancelled = await socket.receive_json()
        assert (confirmed["type"], confirmed["appointment"]["confirmation"]) == (
            "appointment.updated",
            "confirmed",
        )
        assert cancelled["type"] == "appointment.cancelled"
        await socket.disconnect()

    async def test_that_roll_back_are_never_told(self, desk: Desk, ana) -> None:
        socket = await open_agenda(ana)
        await socket.receive_json()

        def book_and_fall() -> None:
            with transaction.atomic():
                desk.book(clock(9))
                transaction.set_rollback(True)

        await sync_to_async(book_and_fall)()
        assert await socket.receive_nothing(timeout=0.3)
        await socket.disconnect()

    async def test_end_with_the_session(self, desk: Desk, ana) -> None:
        def log_in_and_out():
            from apps.accounts.api.authentication import SessionTokenAuthentication

            pair = pair_of(ana)
            _user, session = SessionTokenAuthentication().session_of(pair.access_token)
            return pair.access_token, lambda: log_out(actor=ana, session=session, at=timezone.now())

        token, leave = await sync_to_async(log_in_and_out)()
        socket = await open_agenda(authorization=f"Bearer {token}")
        await socket.receive_json()
        await sync_to_async(leave)()

        await sync_to_async(desk.book)(clock(9))
        assert await closed_with(socket) == UNAUTHENTICATED
