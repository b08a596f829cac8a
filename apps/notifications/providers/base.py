"""The interface of providers, and the three ways a call can end badly."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from apps.notifications.models import Delivery, Suppression


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with an email."""

    filename: str
    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message as a provider gets it; `job_id` travels with it wherever the protocol has room for it."""

    job_id: UUID
    recipient: str
    text: str
    subject: str = ""
    html: str = ""
    sender_name: str = ""
    reply_to: str = ""
    attachments: tuple[Attachment, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a provider answers about a message it has."""

    message_id: str
    delivery: Delivery = Delivery.ACCEPTED


class Refused(Exception):
    """The provider said no and sent nothing; `suppress` when it will never take this recipient."""

    def __init__(self, code: str, *, retry: bool = False, suppress: Suppression.Reason | None = None) -> None:
        self.code = code
        self.retry = retry
        self.suppress = suppress
        super().__init__(code)


class Unclear(Exception):
    """The provider may or may not have sent: a time-out, a reset, an answer nobody can read."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


class CannotAsk(Exception):
    """The provider cannot be asked now, or ever, what became of a message."""


class Provider(Protocol):
    """One road out of the house.

    `settles_after` is how long after a call began its absence from the provider's books proves that it never
    arrived.
    """

    name: str

    @property
    def settles_after(self) -> timedelta: ...

    def send(self, message: Outgoing) -> Receipt:
        """Hand over a message once; raise `Refused` or `Unclear`."""
        ...

    def find(self, message: Outgoing, *, since: datetime, known: frozenset[str]) -> Receipt | None:
        """Return what the provider knows of a message begun at `since`, or None when it never arrived.

        `known` are identifiers that belong to other messages of ours. Raises `CannotAsk`.
        """
        ...
