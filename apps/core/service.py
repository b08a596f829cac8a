"""The one decorator of services: it opens the transaction and binds who does what."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import transaction

from apps.core.context import bind, current
from apps.core.scope import Viewer

P = ParamSpec("P")
R = TypeVar("R")


def service(action: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function a service named `action` (dotted, as in `billing.invoice.issue`).

    The function takes `actor` by keyword. It runs in one transaction; called by another service it joins that one's
    transaction, and the audit entries it causes carry its own action name.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            actor = kwargs["actor"]
            if not isinstance(actor, Viewer):
                raise TypeError(f"{action} needs an actor, not {type(actor).__name__}")
            bound = current()
            with (
                transaction.atomic(),
                bind(
                    action=action,
                    actor_id=actor.id,
                    actor_role=actor.role,
                    practice_id=actor.practice_id or bound.practice_id,
                    insurer_id=actor.insurer_id or bound.insurer_id,
                ),
            ):
                return function(*args, **kwargs)

        run.action = action  # type: ignore[attr-defined]  # read by the docs and by tests that list services
        return run

    return decorate
