"""What is remembered: one entry per changed row."""

from __future__ import annotations

from typing import Any

from auditlog.models import AbstractLogEntry
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.querysets import AuditEntryQuerySet
from apps.core.context import current


def bound_actor() -> Any:
    """Return the acting user's or service's id."""
    return current().actor_id


def bound_role() -> str:
    """Return the acting role."""
    return current().actor_role


def bound_address() -> str | None:
    """Return the caller's address as the trusted proxy tells it."""
    return current().address


def bound_agent() -> str:
    """Return the caller's user agent."""
    return current().user_agent


def bound_request() -> str:
    """Return the request id."""
    return current().request_id


def bound_event() -> str:
    """Return the dotted name of the service at work."""
    return current().action


class AuditEntry(AbstractLogEntry):  # type: ignore[misc]  # auditlog ships no types
    """One changed row: who, what, when, from where; append-only.

    The columns' defaults read the bound context, so single and bulk inserts carry the actor alike.
    `object_repr` and `actor_email` stay blank: they would store names. `actor` and `content_type` do nothing on
    delete, because an append-only table cannot be rewritten when a user goes; role and owner are snapshots for
    the same reason.
    """

    id = models.BigAutoField(primary_key=True)
    content_type = models.ForeignKey(
        ContentType,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        verbose_name=_("kind of object"),
    )
    object_pk = models.CharField(_("object"), max_length=64)
    object_id = models.BigIntegerField(null=True, blank=True, editable=False)
    object_repr = models.TextField(blank=True, editable=False)
    action = models.PositiveSmallIntegerField(_("kind of change"), choices=AbstractLogEntry.Action.choices)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        blank=True,
        default=bound_actor,
        related_name="+",
        verbose_name=_("actor"),
    )
    cid = models.CharField(_("request"), max_length=64, blank=True, default=bound_request)
    remote_addr = models.GenericIPAddressField(_("address"), null=True, blank=True, default=bound_address)
    timestamp = models.DateTimeField(_("time"), default=timezone.now)
    event = models.CharField(_("action"), max_length=80, default=bound_event)
    actor_role = models.CharField(_("role"), max_length=60, default=bound_role)
    user_agent = models.CharField(_("browser"), max_length=256, blank=True, default=bound_agent)
    practice_id = models.UUIDField(_("practice"), null=True, blank=True)
    insurer_id = models.UUIDField(_("insurer"), null=True, blank=True)
    payload_sha256 = models.CharField(_("payload fingerprint"), max_length=64)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit trail")
        default_permissions = ("view",)
        indexes = [
            models.Index("content_type", "object_pk", models.F("id").desc(), name="audit_entry_object"),
            models.Index("actor", models.F("id").desc(), name="audit_entry_actor"),
            models.Index("practice_id", models.F("id").desc(), name="audit_entry_practice"),
            models.Index(
                "insurer_id",
                models.F("id").desc(),
                name="audit_entry_insurer",
                condition=models.Q(insurer_id__isnull=False),
            ),
            BrinIndex("timestamp", name="audit_entry_time"),
        ]

    def __str__(self) -> str:
        return f"{self.event or self.action}:{self.pk}"

    @property
    def object_type(self) -> str:
        """Kind of the object, as `billing.invoice`."""
        kind = ContentType.objects.get_for_id(self.content_type_id)
        return f"{kind.app_label}.{kind.model}"
