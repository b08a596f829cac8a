"""Named hooks: a lower app declares what it would like to know, higher apps register in their `ready()`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_declared: dict[str, Hook[..., Any]] = {}


class Hook(Generic[P, R]):
    """One named place where higher apps answer a lower one.

    Callables run in the order of registration, which is the order of INSTALLED_APPS, in the caller's
    transaction. An exception of one reaches the caller: what is gathered is complete or not there.
    """

    def __init__(self, name: str) -> None:
        if name in _declared:
            raise ValueError(f"the hook {name!r} is declared twice")
        self.name = name
        self._callables: list[Callable[P, R]] = []
        _declared[name] = self

    def __repr__(self) -> str:
        return f"<Hook {self.name}: {len(self._callables)} registered>"

    def register(self, function: Callable[P, R]) -> Callable[P, R]:
        """Add a callable, once however often `ready()` runs; return it, so that this is a decorator too."""
        if function not in self._callables:
            self._callables.append(function)
        return function

    def unregister(self, function: Callable[P, R]) -> None:
        """Take a callable out again; raise ValueError when it is not there."""
        self._callables.remove(function)

    def gather(self, *args: P.args, **kwargs: P.kwargs) -> list[R]:
        """Call everything registered and return the answers."""
        return [function(*args, **kwargs) for function in self._callables]

    def send(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Call everything registered for what it does."""
        for function in self._callables:
            function(*args, **kwargs)


def declared_hooks() -> dict[str, Hook[..., Any]]:
    """Return every hook declared so far, by name."""
    return dict(_declared)
