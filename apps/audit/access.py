"""The access trail: readings of sensitive data, refusals, logins and logouts.

A reading is recorded before what is read is shown, so that nothing is shown that was not recorded. Refusals
and failed logins are recorded once whatever they refused has rolled back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, models

from apps.audit.models import AccessEntry
from apps.audit.recorder import NoActor
from apps.core.access import Denial
from apps.core.context import current
from apps.core.crypto import blind_index
from apps.core.querysets import owner_of
from apps.core.scope import Viewer

logger = logging.getLogger(__name__)

NOBODY: Final = "anonymous"
Kind = AccessEntry.Kind


def record_read(
    *, viewer: Viewer, rows: Iterable[models.Model], event: str, detail: dict[str, Any] | None = None
) -> None:
    """Record that `viewer` is shown `rows`, one entry each (`event` as in `agenda.appointment_note.read`).

    `detail` holds codes and keys, never what is read. Raises NoActor when the viewer is nobody.
    """
    if viewer.id is None:
        raise NoActor(f"nobody is named for {event}")
    AccessEntry.objects.bulk_create(
        AccessEntry(
            kind=Kind.READ,
            event=event,
            actor_id=viewer.id,
            actor_role=viewer.role,
            content_type=ContentType.objects.get_for_model(row),
            object_pk=str(row.pk),
            practice_id=owner_of(row, "practice_id") or viewer.practice_id,
            insurer_id=owner_of(row, "insurer_id") or viewer.insurer_id,
            detail=detail or {},
        )
        for row in rows
    )


def record_login(*, user: Viewer, door: str, factor: str = "password") -> None:
    """Record that `user` came in by `door` (api, admin), with which proof."""
    of_user(Kind.LOGIN, "accounts.login", user, {"door": door, "factor": factor})


def record_logout(*, user: Viewer, door: str) -> None:
    """Record that `user` left."""
    of_user(Kind.LOGOUT, "accounts.logout", user, {"door": door})


def record_failed_login(*, email: str = "", user: Viewer | None = None, reason: str) -> None:
    """Record a failed login: by the keyed hash of the tried address, or by the user whose code failed.

    The refusal stands whether or not it could be recorded.
    """
    detail = {"reason": reason}
    if email.strip():
        detail["account"] = blind_index(email, purpose="audit.login.account")
    try:
        if user is not None:
            of_user(Kind.LOGIN_FAILED, "accounts.login", user, detail)
        else:
            AccessEntry.objects.create(
                kind=Kind.LOGIN_FAILED,
                event="accounts.login",
                actor_id=None,
                actor_role=NOBODY,
                detail=detail,
            )
    except DatabaseError:
        logger.exception("a failed login could not be recorded")


def record_denial(denial: Denial) -> None:
    """Record that a known caller was refused; the refusal stands whether or not it could be recorded.

    Calls of strangers are counted by the limits instead: they could fill the trail at will.
    """
    bound = current()
    if bound.actor_id is None:
        return
    kind = ContentType.objects.get_for_model(denial.model) if denial.model is not None else None
    try:
        AccessEntry.objects.create(
            kind=Kind.DENIED,
            event=denial.event,
            content_type=kind,
            object_pk=denial.object_pk[:64],
            practice_id=bound.practice_id,
            insurer_id=bound.insurer_id,
            detail={"method": denial.method, "route": denial.route, "code": denial.code},
        )
    except DatabaseError:
        logger.exception("a refusal could not be recorded")


def of_user(kind: AccessEntry.Kind, event: str, user: Viewer, detail: dict[str, Any]) -> None:
    """Write an entry about a user's own coming and going."""
    AccessEntry.objects.create(
        kind=kind,
        event=event,
        actor_id=user.id,
        actor_role=user.role,
        practice_id=user.practice_id,
        insurer_id=user.insurer_id,
        detail=detail,
    )


def record_rows(viewer: Viewer, rows: Sequence[models.Model], event: str) -> None:
    """Record what a view is about to answer."""
    record_read(viewer=viewer, rows=rows, event=event)


def session_began(sender: Any, user: Any, **kwargs: Any) -> None:
    """Record a login to the pages that keep a session: the admin's."""
    record_login(user=user, door="admin", factor="otp" if user.mfa_enabled else "password")


def session_ended(sender: Any, user: Any, **kwargs: Any) -> None:
    """Record a logout from the admin; a session that had already ended has nobody."""
    if user is not None:
        record_logout(user=user, door="admin")
