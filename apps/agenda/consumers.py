"""The live agenda: each change of a visit, as its reader may see it, after the commit."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import orjson
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.http.request import validate_host
from rest_framework.exceptions import APIException

from apps.accounts.api.authentication import ACCESS_COOKIE, SessionTokenAuthentication
from apps.accounts.models import User
from apps.agenda.live import group_of
from apps.agenda.models import Appointment
from apps.agenda.selectors import appointments_of, last_sequence
from apps.agenda.shapes import card
from apps.core.errors import DomainError
from apps.core.plain import plain

UNAUTHENTICATED, FORBIDDEN = 4401, 4403
VIEW = "agenda.view_appointment"


class AgendaConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """One open agenda. The token is read again from the database before each message."""

    group: str | None = None
    token: str = ""

    async def connect(self) -> None:
        """Let in who may read the agenda of a practice; a browser's cookie counts from our own pages only."""
        self.token = bearer_of(self.scope) or cookie_of(self.scope)
        user = await self.reader()
        await self.accept()
        if user is None:
            await self.close(UNAUTHENTICATED)
        elif user.practice_id is None or not user.has_perm(VIEW):
            await self.close(FORBIDDEN)
        else:
            self.group = group_of(user.practice_id)
            await self.channel_layer.group_add(self.group, self.channel_name)
            # Read after joining: what is committed from now on arrives, what was before is within the number.
            sequence = await database_sync_to_async(last_sequence)(user.practice_id)
            await self.send_json({"type": "agenda.ready", "sequence": sequence})

    @classmethod
    async def encode_json(cls, content: Any) -> str:
        """Write keys and moments as the API does."""
        return orjson.dumps(content, default=plain).decode()

    async def disconnect(self, code: int) -> None:
        """Leave the practice's group."""
        if self.group is not None:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Ignore what clients send: this is a one-way street."""

    async def appointment_changed(self, message: dict[str, Any]) -> None:
        """Send one change, if this reader may see the visit; close when their session has ended."""
        user = await self.reader()
        if user is None or not user.has_perm(VIEW):
            await self.close(UNAUTHENTICATED)
            return
        shown = await database_sync_to_async(shown_to)(user, message["appointment_id"])
        if shown is not None:
            await self.send_json(
                {"type": message["event"], "sequence": message["sequence"], "appointment": shown}
            )

    async def reader(self) -> User | None:
        """Return who the token speaks for now."""
        reader: User | None = await database_sync_to_async(user_of)(self.token)
        return reader


def user_of(token: str) -> User | None:
    """Return the user of a live session, or None."""
    if not token:
        return None
    try:
        user, _session = SessionTokenAuthentication().session_of(token)
    except (APIException, DomainError):
        return None
    return user


def shown_to(user: User, key: str) -> dict[str, Any] | None:
    """Return a visit as the API shows it to this user, or None."""
    visit: Appointment | None = appointments_of(viewer=user).filter(pk=key).first()
    practice = user.practice
    return None if visit is None or practice is None else card(visit, practice.zone)


def header_of(scope: dict[str, Any], name: bytes) -> str:
    """Return a header of the handshake."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")


def bearer_of(scope: dict[str, Any]) -> str:
    """Return the bearer token of an API client."""
    scheme, _space, token = header_of(scope, b"authorization").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def cookie_of(scope: dict[str, Any]) -> str:
    """Return the browser's token; a page of another site would send it too, so its Origin must be ours."""
    origin = urlsplit(header_of(scope, b"origin"))
    trusted = f"{origin.scheme}://{origin.netloc}" in settings.CSRF_TRUSTED_ORIGINS
    own = origin.netloc == header_of(scope, b"host") and validate_host(
        origin.hostname or "", settings.ALLOWED_HOSTS
    )
    if not (trusted or own):
        return ""
    try:
        cookies: SimpleCookie = SimpleCookie(header_of(scope, b"cookie"))
    except CookieError:
        return ""
    return cookies[ACCESS_COOKIE].value if ACCESS_COOKIE in cookies else ""
