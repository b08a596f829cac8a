"""What those who follow the agenda may see of a change, read for all of them at once.

A change wakes every open agenda of a practice in the same moment. Each of them must be asked again whether its session
lives and whether its user may see the visit: one by one that is two queries a reader, together it is three in all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson
from channels.db import database_sync_to_async
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken

from apps.accounts.models import Session, User
from apps.agenda.models import Appointment
from apps.agenda.selectors import appointments_of
from apps.agenda.shapes import card
from apps.core.plain import plain

VIEW: Final = "agenda.view_appointment"
GATHERED: Final = 0.005  # seconds in which the wakened readers come together


@dataclass(frozen=True, slots=True)
class Pass:
    """What a verified token says: which session, whose, and until when."""

    session_id: UUID
    user_id: UUID
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """What one reader gets: nothing more ever (`ended`), nothing of this visit (None), or the visit as JSON."""

    ended: bool = False
    visit: bytes | None = None


def pass_of(raw: str) -> Pass | None:
    """Return what a token says if it is genuine and has not run out."""
    try:
        token = AccessToken(raw)  # type: ignore[arg-type]  # bytes, say the stubs; it is a string
        return Pass(UUID(token["sid"]), UUID(token["sub"]), datetime.fromtimestamp(token["exp"], UTC))
    except (TokenError, KeyError, ValueError):
        return None


@dataclass(slots=True)
class Gathering:
    """Readers of one event loop who wait for the same moment."""

    waiting: list[tuple[Pass, UUID, asyncio.Future[Told]]] = field(default_factory=list)

    async def ask(self, reader: Pass, appointment_id: UUID) -> Told:
        """Return what a reader gets of a visit, read together with everybody who asks now."""
        answer: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self.waiting.append((reader, appointment_id, answer))
        if len(self.waiting) > 1:
            return await answer
        await asyncio.sleep(GATHERED)
        await self.answer_all()
        return await answer

    async def answer_all(self) -> None:
        """Read for everybody who waits; a failure is everybody's."""
        asked, self.waiting = self.waiting, []
        try:
            told = await database_sync_to_async(told_to)([(reader, key) for reader, key, _answer in asked])
        except Exception as error:  # noqa: BLE001 - each waiting reader raises it
            for _reader, _key, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_reader, _key, answer), said in zip(asked, told, strict=True):
            if not answer.done():
                answer.set_result(said)


gatherings: WeakKeyDictionary[asyncio.AbstractEventLoop, Gathering] = WeakKeyDictionary()


async def ask(reader: Pass, appointment_id: UUID) -> Told:
    """Return what a reader gets of a visit."""
    return await gatherings.setdefault(asyncio.get_running_loop(), Gathering()).ask(reader, appointment_id)


def told_to(asked: Sequence[tuple[Pass, UUID]]) -> list[Told]:
    """Return what each reader gets: sessions and users as they are now, each visit read once per kind of sight."""
    now = timezone.now()
    readers = {reader.session_id for reader, _key in asked if reader.expires_at > now}
    sessions = Session.objects.live(now).filter(pk__in=readers, user__is_active=True)
    owners: dict[UUID, UUID] = dict(sessions.values_list("pk", "user_id"))
    people = User.objects.select_related("practice", "insurer", "practitioner").in_bulk(set(owners.values()))
    keys = {key for _reader, key in asked}
    shown: dict[Any, dict[UUID, bytes]] = {}
    told = []
    for reader, key in asked:
        user = people.get(owners[reader.session_id]) if reader.session_id in owners else None
        if user is None or user.pk != reader.user_id or user.must_enrol or not user.has_perm(VIEW):
            told.append(Told(ended=True))
            continue
        sight = Appointment.objects.sight_of(user)
        if sight not in shown:
            shown[sight] = written_for(user, keys)
        told.append(Told(visit=shown[sight].get(key)))
    return told


def written_for(user: User, keys: set[UUID]) -> dict[UUID, bytes]:
    """Return visits as the API shows them to this user, as JSON."""
    practice = user.practice
    if practice is None:
        return {}
    visits = appointments_of(viewer=user).filter(pk__in=keys)
    return {visit.pk: orjson.dumps(card(visit, practice.zone), default=plain) for visit in visits}
