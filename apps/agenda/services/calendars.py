"""Secret addresses under which a calendar program follows a practitioner's agenda."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from secrets import token_urlsafe
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from apps.agenda.models import CalendarToken
from apps.core.errors import InvalidInput, PermissionRefused
from apps.core.scope import Viewer
from apps.core.service import service
from apps.directory.models import Practice, Practitioner

MANAGE = "directory.change_practitioner"


@service("agenda.calendar_token.issue")
def issue_calendar_token(
    *, actor: Viewer, practice: Practice, practitioner: Practitioner, at: datetime, label: str = ""
) -> tuple[CalendarToken, str]:
    """Make a calendar address; the secret is returned once and kept nowhere.

    Refuses a practitioner of another practice, and somebody else's agenda to who does not run the practice.
    """
    if practitioner.practice_id != practice.pk:
        raise InvalidInput(practitioner=[_("This does not exist.")])
    check_own(actor, practitioner)
    secret = token_urlsafe(32)
    token = CalendarToken(
        practice=practice,
        practitioner=practitioner,
        label=label.strip(),
        token_sha256=digest(secret),
        issued_at=at,
    )
    token.full_clean()
    token.save()
    return token, secret


@service("agenda.calendar_token.revoke")
def revoke_calendar_token(*, actor: Viewer, token: CalendarToken, at: datetime) -> CalendarToken:
    """End a calendar address, at once and for good; doing it twice changes nothing."""
    row: CalendarToken = CalendarToken.objects.select_for_update(of=("self",)).get(pk=token.pk)
    check_own(actor, row.practitioner)
    if row.revoked_at is None:
        row.revoked_at = at
        row.save(update_fields=["revoked_at", "updated_at"])
    return row


def check_own(actor: Viewer, practitioner: Practitioner) -> None:
    """Refuse somebody else's agenda, except to who runs the practice."""
    own = getattr(actor, "practitioner_id", None) == practitioner.pk
    if not own and not actor.has_perm(MANAGE):
        raise PermissionRefused


def token_of(*, practitioner_id: UUID, secret: str) -> CalendarToken | None:
    """Return the living token a secret stands for, for this practitioner; None for any other."""
    rows = CalendarToken.objects.select_related("practitioner", "practice")
    token: CalendarToken | None = rows.filter(
        token_sha256=digest(secret), practitioner=practitioner_id, revoked_at__isnull=True
    ).first()
    return token


def digest(secret: str) -> str:
    """Return what is kept of a secret: 256 random bits need no salt."""
    return sha256(secret.encode()).hexdigest()


def address_of(token: CalendarToken, secret: str) -> str:
    """Return the address to give to a calendar program."""
    return f"{settings.PUBLIC_URL}/api/v1/practitioners/{token.practitioner_id}/calendar.ics?token={secret}"
