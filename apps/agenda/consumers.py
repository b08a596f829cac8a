"""The live agenda: each change of a visit, as its reader may see it, after the commit."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import orjson
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.http.request import validate_host
from rest_framework.exceptions import APIException

from apps.accounts.api.authentication import ACCESS_COOKIE, SessionTokenAuthentication
from apps.accounts.models import User
from apps.agenda.live import group_of
from apps.agenda.readers import VIEW, Pass, Told, ask, pass_of
from apps.agenda.selectors import last_sequence
from apps.core.errors import DomainError

UNAUTHENTICATED, FORBIDDEN = 4401, 4403


class AgendaConsumer(AsyncJsonWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """One open agenda. Whether its session lives is read again from the database before each message."""

    group: str | None = None
    reader: Pass | None = None

    async def connect(self) -> None:
        """Let in who may read the agenda of a practice; a browser's cookie counts from our own pages only."""
        token = bearer_of(self.scope) or cookie_of(self.scope)
        self.reader = pass_of(token)
        user: User | None = await database_sync_to_async(user_of)(token)
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

    async def disconnect(self, code: int) -> None:
        """Leave the practice's group."""
        if self.group is not None:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Ignore what clients send: this is a one-way street."""

    async def dispatch(self, message: dict[str, Any]) -> None:
        """Tell a change at once: channels would send each of a thousand readers through a thread first.

        It does so to close database connections that are too old; reading for the readers does that, once for all.
        """
        if message["type"] == "appointment.changed":
            await self.appointment_changed(message)
        else:
            await super().dispatch(message)

    async def appointment_changed(self, message: dict[str, Any]) -> None:
        """Send one change, if this reader may see the visit; close when their session has ended."""
        told = await ask(self.reader, UUID(message["appointment_id"])) if self.reader else Told(ended=True)
        if told.ended:
            await self.close(UNAUTHENTICATED)
        elif told.visit is not None:
            head = orjson.dumps({"type": message["event"], "sequence": message["sequence"]})
            # The visit is JSON already, the same for everybody who may see it.
            await self.send(text_data=f'{head[:-1].decode()},"appointment":{told.visit.decode()}}}')


def user_of(token: str) -> User | None:
    """Return the user of a live session, or None."""
    if not token:
        return None
    try:
        user, _session = SessionTokenAuthentication().session_of(token)
    except (APIException, DomainError):
        return None
    return user


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
