"""What several services of the payer network ask first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError, InvalidInput, PermissionRefused
from apps.core.scope import Viewer
from apps.directory.models import Insurer


def own_insurer(actor: Viewer, insurer: Insurer) -> Insurer:
    """Return the insurer when the actor works for it; refuses another's."""
    if actor.insurer_id != insurer.pk:
        raise InvalidInput(insurer=[_("You can only write for your own insurer.")])
    return insurer


def own_row(actor: Viewer, insurer_id: object) -> None:
    """Refuse to change what another insurer owns."""
    if actor.insurer_id != insurer_id:
        raise PermissionRefused


def today_at(insurer: Insurer, at: datetime) -> date:
    """Return the day an insurer's calendar shows."""
    return at.astimezone(insurer.zone).date()


def hold(name: str) -> None:
    """Let one transaction at a time decide about `name`; the constraint behind it has the last word."""
    digest = hashlib.sha256(f"insurance:{name}".encode()).digest()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [int.from_bytes(digest[:8], "big", signed=True)])


@contextmanager
def refusing(constraints: dict[str, DomainError]) -> Iterator[None]:
    """Turn the violation of a named constraint into its refusal."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
        if name in constraints:
            raise constraints[name] from error
        raise
