"""State machines as data: a table gives the API its verbs, the docs their page, the tests their cases."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError

Guard = Callable[[Any], None]

_VERB = re.compile(r"[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*")
_PERMISSION = re.compile(r"[a-z_]+\.[a-z_]+")


class IllegalTransition(DomainError):
    """The object's state does not allow this verb; `allowed` names those it does."""

    code = "ILLEGAL_TRANSITION"
    message = _("This is not possible in the current state.")


@dataclass(frozen=True, slots=True)
class Transition:
    """One verb: from any of `sources` to `target`, for holders of `permission`.

    `guard` is called with the subject and raises a DomainError when the object itself stands in the way.
    """

    sources: tuple[str, ...]
    verb: str
    target: str
    permission: str
    guard: Guard | None = None


class Table:
    """A state machine, checked when its module is imported.

    Pass `states` (a TextChoices' `values`) so that a misspelt state is found at import too.
    """

    def __init__(
        self, name: str, transitions: Iterable[Transition], *, states: Collection[str] | None = None
    ) -> None:
        self.name = name
        self.transitions = tuple(transitions)
        self._by_step: dict[tuple[str, str], Transition] = {}
        for transition in self.transitions:
            self._check(transition)
            for source in transition.sources:
                step = (str(source), transition.verb)
                if step in self._by_step:
                    raise ValueError(f"{name}: {transition.verb!r} from {source!r} is written twice")
                self._by_step[step] = transition
        used = [*(str(state) for t in self.transitions for state in (*t.sources, t.target))]
        known = used if states is None else [str(state) for state in states]
        if unknown := set(used) - set(known):
            raise ValueError(f"{name}: unknown states {sorted(unknown)}")
        self.states: tuple[str, ...] = tuple(dict.fromkeys(known))

    def __repr__(self) -> str:
        return f"<Table {self.name}: {len(self.states)} states, {len(self.transitions)} transitions>"

    @property
    def verbs(self) -> tuple[str, ...]:
        """Every verb once, in the order of the table."""
        return tuple(dict.fromkeys(transition.verb for transition in self.transitions))

    def verbs_from(self, state: str) -> list[str]:
        """Return the verbs a state allows, in the order of the table; guards are not asked."""
        self._check_known(state)
        return [
            t.verb for t in self.transitions if (str(state), t.verb) in self._by_step and state in t.sources
        ]

    def find(self, state: str, verb: str) -> Transition:
        """Return the transition of a verb from a state; raise `IllegalTransition`."""
        self._check_known(state)
        try:
            return self._by_step[str(state), verb]
        except KeyError:
            raise IllegalTransition(status=str(state), allowed=self.verbs_from(state)) from None

    def next_state(self, state: str, verb: str, subject: Any = None) -> str:
        """Return the state a verb leads to; raise `IllegalTransition`, or what the guard does."""
        transition = self.find(state, verb)
        if transition.guard is not None:
            transition.guard(subject)
        return str(transition.target)

    def to_markdown(self) -> str:
        """Render the machine as a Markdown table for the docs."""
        rows = ["| from | verb | to | permission | guard |", "|---|---|---|---|---|"]
        for t in self.transitions:
            guard = "" if t.guard is None else t.guard.__name__
            rows.append(
                f"| {', '.join(map(str, t.sources))} | {t.verb} | {t.target} | {t.permission} | {guard} |"
            )
        return "\n".join(rows) + "\n"

    def _check(self, transition: Transition) -> None:
        if type(transition.sources) is not tuple or not transition.sources:
            raise ValueError(f"{self.name}: {transition.verb!r} needs a tuple of sources")
        if not _VERB.fullmatch(transition.verb):
            raise ValueError(f"{self.name}: {transition.verb!r} is not a verb")
        if not _PERMISSION.fullmatch(transition.permission):
            raise ValueError(f"{self.name}: {transition.verb!r} needs a permission like app.codename")

    def _check_known(self, state: str) -> None:
        if str(state) not in self.states:
            raise ValueError(f"{self.name}: unknown state {state!r}")
