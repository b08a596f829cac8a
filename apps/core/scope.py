"""Who looks: the protocol by which low floors know a user, and the named actors of unattended work."""

from __future__ import annotations

from typing import Protocol, runtime_checkable
from uuid import NAMESPACE_URL, UUID, uuid5


@runtime_checkable
class Viewer(Protocol):
    """What a service or a queryset needs to know of whoever asks."""

    @property
    def id(self) -> UUID: ...
    @property
    def role(self) -> str: ...
    @property
    def practice_id(self) -> UUID | None: ...
    @property
    def insurer_id(self) -> UUID | None: ...
    def has_perm(self, perm: str) -> bool: ...


class SystemActor:
    """A named actor of a task, command or signed link; it has a stable id, so no audit entry is ever without actor.

    It may run services (they are called with rows already chosen) but sees nothing through `visible_to`.
    """

    practice_id: UUID | None = None
    insurer_id: UUID | None = None

    def __init__(self, name: str) -> None:
        self.name = name
        self.id = uuid5(NAMESPACE_URL, f"osdentaire:actor:{name}")
        self.role = f"service:{name}"

    def has_perm(self, perm: str) -> bool:
        """Unattended work is authorised by whoever schedules it."""
        return True

    def __repr__(self) -> str:
        return f"SystemActor({self.name!r})"
