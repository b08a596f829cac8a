"""The texts of messages: the house's, kept equal to the catalogue, and each practice's own."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db import connections
from django.utils.translation import gettext_lazy as _

from apps.core.context import bind
from apps.core.errors import Stale
from apps.core.scope import SystemActor, Viewer
from apps.core.service import service
from apps.directory.models import Practice
from apps.notifications.catalogue import MESSAGES
from apps.notifications.errors import HouseText, NoTemplate, TextExists, UnknownMessage
from apps.notifications.models import Language, NotificationTemplate
from apps.notifications.rendering import check_text, message_of

_HOUSE: Final = SystemActor("house-texts")


def choose_text(*, practice_id: UUID | None, key: str, channel: str, language: str) -> NotificationTemplate:
    """Return the text to send: the practice's own or the house's, in the wanted language or else in French.

    Raises `UnknownMessage` and `NoTemplate`.
    """
    message_of(key)
    found: list[NotificationTemplate] = list(
        NotificationTemplate.objects.chosen_for(practice_id).filter(key=key, channel=channel)
    )
    for wanted in (language, Language.FR):
        for template in found:
            if template.language == wanted:
                return template
    raise NoTemplate(template=key, channel=channel)


@service("notifications.template.add")
def add_text(
    *,
    actor: Viewer,
    practice: Practice,
    key: str,
    channel: str,
    language: str,
    body: str,
    subject: str = "",
    simplify: bool = True,
    is_active: bool = True,
) -> NotificationTemplate:
    """Give a practice its own text; refuse unknown variables, a second text, and account messages."""
    if message_of(key).secret:
        raise UnknownMessage(template=[_("Account messages have no text of a practice's own.")])
    check_text(key, channel, subject, body)
    template = NotificationTemplate(
        practice=practice,
        key=key,
        channel=channel,
        language=language,
        subject=subject,
        body=body,
        simplify=simplify,
        is_active=is_active,
    )
    own = NotificationTemplate.objects.of_practice(practice.pk).select_for_update()
    if own.filter(key=key, channel=channel, language=language).exists():
        raise TextExists
    template.full_clean(validate_constraints=False)
    template.save()
    return template


@service("notifications.template.change")
def change_text(
    *, actor: Viewer, template: NotificationTemplate, version: int | None = None, **changes: Any
) -> NotificationTemplate:
    """Change a practice's own text, a version further; refuse the house's texts and a stale `version`."""
    if template.practice_id is None:
        raise HouseText
    row: NotificationTemplate = NotificationTemplate.objects.select_for_update().get(pk=template.pk)
    if version is not None and version != row.version:
        raise Stale(version=row.version)
    allowed = {"subject", "body", "simplify", "is_active"}
    for name, value in changes.items():
        if name not in allowed:
            raise TypeError(f"{name} of a text does not change")
        setattr(row, name, value)
    check_text(row.key, row.channel, row.subject, row.body)
    row.version += 1
    row.full_clean(validate_constraints=False)
    row.save(update_fields=[*changes, "version", "updated_at"])
    return row


def ensure_house_texts(sender: Any = None, using: str = "default", **kwargs: Any) -> int:
    """Make the house's texts equal to the catalogue and return how many changed; run after each migration."""
    tables = set(connections[using].introspection.table_names())
    if not {NotificationTemplate._meta.db_table, "audit_auditentry"} <= tables:
        return 0  # a partial or backward migration: the next full one fills them
    changed = 0
    with bind(actor_id=_HOUSE.id, actor_role=_HOUSE.role, action="notifications.template.ensure"):
        known = {
            (row.key, row.channel, row.language): row
            for row in NotificationTemplate.objects.using(using).filter(practice__isnull=True)
        }
        for message in MESSAGES.values():
            for wording in message.wordings:
                row = known.get((message.key, wording.channel, wording.language))
                if row is None:
                    row = NotificationTemplate(
                        key=message.key, channel=wording.channel, language=wording.language, version=0
                    )
                elif (row.subject, row.body) == (wording.subject, wording.body):
                    continue
                check_text(message.key, wording.channel, wording.subject, wording.body)
                row.subject, row.body, row.version = wording.subject, wording.body, row.version + 1
                row.save(using=using)
                changed += 1
    return changed
