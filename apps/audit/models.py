"""What is remembered: one entry per changed row, one per reading or refusal, the seals of both."""

from __future__ import annotations

from typing import Any

from auditlog.models import AbstractLogEntry
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.audit.querysets import TrailQuerySet
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


class OwnTransaction(models.Func):
    """The number of the inserting transaction, as a plain integer: it does not wrap, and orders by itself."""

    template = "(pg_current_xact_id()::text::bigint)"
    output_field = models.BigIntegerField()


class AuditEntry(AbstractLogEntry):  # type: ignore[misc]  # auditlog ships no types
    """One changed row: who, what, when, from where; append-only.

    The columns' defaults read the bound context, so single and bulk inserts carry the actor alike.
    `object_repr` and `actor_email` stay blank: they would store names. `actor` and `content_type` do nothing
    on delete, because an append-only table cannot be rewritten when a user goes; role and owner are snapshots
    for the same reason.
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
    xid = models.BigIntegerField(_("transaction"), db_default=OwnTransaction(), editable=False)

    objects = TrailQuerySet.as_manager()

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
            models.Index("xid", "id", name="audit_entry_sealing"),
            BrinIndex("timestamp", name="audit_entry_time"),
        ]

    def __str__(self) -> str:
        return f"{self.event or self.action}:{self.pk}"

    @property
    def object_type(self) -> str:
        """Kind of the object, as `billing.invoice`."""
        kind = ContentType.objects.get_for_id(self.content_type_id)
        return f"{kind.app_label}.{kind.model}"


class AccessEntry(models.Model):
    """One reading of sensitive data, refusal, login or logout: who, what, when, from where; append-only.

    Kept twelve months, then dropped by month; the database itself refuses to drop younger ones.
    """

    class Kind(models.TextChoices):
        READ = "read", _("reading")
        DENIED = "denied", _("refusal")
        LOGIN = "login", _("login")
        LOGIN_FAILED = "login_failed", _("failed login")
        LOGOUT = "logout", _("logout")

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    event = models.CharField(_("action"), max_length=80, default=bound_event)
    content_type = models.ForeignKey(
        ContentType,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("kind of object"),
    )
    object_pk = models.CharField(_("object"), max_length=64, blank=True)
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
    actor_role = models.CharField(_("role"), max_length=60, default=bound_role)
    practice_id = models.UUIDField(_("practice"), null=True, blank=True)
    insurer_id = models.UUIDField(_("insurer"), null=True, blank=True)
    remote_addr = models.GenericIPAddressField(_("address"), null=True, blank=True, default=bound_address)
    user_agent = models.CharField(_("browser"), max_length=256, blank=True, default=bound_agent)
    cid = models.CharField(_("request"), max_length=64, blank=True, default=bound_request)
    timestamp = models.DateTimeField(_("time"), default=timezone.now)
    # Route, method, code, reason or the keyed hash of a tried account: never what somebody typed.
    detail = models.JSONField(_("details"), default=dict, blank=True)
    xid = models.BigIntegerField(_("transaction"), db_default=OwnTransaction(), editable=False)

    objects = TrailQuerySet.as_manager()

    class Meta:
        verbose_name = _("access entry")
        verbose_name_plural = _("access trail")
        default_permissions = ("view",)
        indexes = [
            models.Index("content_type", "object_pk", models.F("id").desc(), name="audit_access_object"),
            models.Index("actor", models.F("id").desc(), name="audit_access_actor"),
            models.Index("practice_id", models.F("id").desc(), name="audit_access_practice"),
            models.Index("xid", "id", name="audit_access_sealing"),
            BrinIndex("timestamp", name="audit_access_time"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.pk}"


class Chain(models.TextChoices):
    """The trails, each sealed apart."""

    ENTRIES = "entries", _("changes")
    ACCESS = "access", _("accesses")


class SealKind(models.TextChoices):
    """What a seal stands for."""

    ENTRY = "entry", _("entry")
    EPOCH = "epoch", _("epoch")
    TOMBSTONE = "tombstone", _("tombstone")


class AuditSeal(models.Model):
    """One link of a chain: what an entry said when it was sealed, bound to the link before.

    An `epoch` seal stands where a chain begins, or goes on in another database cluster, whose transactions
    count from anew. A `tombstone` stands for expired entries that were dropped with their seals.
    """

    id = models.BigAutoField(primary_key=True)
    chain = models.CharField(_("chain"), max_length=8, choices=Chain.choices)
    sequence = models.BigIntegerField(_("sequence"))
    kind = models.CharField(_("kind"), max_length=9, choices=SealKind.choices, default=SealKind.ENTRY)
    entry_id = models.BigIntegerField(_("entry"), null=True)
    xid = models.BigIntegerField(_("transaction"))
    digest = models.CharField(_("digest"), max_length=64)
    previous_mac = models.CharField(_("previous seal"), max_length=64, blank=True)
    mac = models.CharField(_("seal"), max_length=64)
    facts = models.JSONField(_("facts"), default=dict)
    sealed_at = models.DateTimeField(_("sealed"))

    class Meta:
        verbose_name = _("seal")
        verbose_name_plural = _("seals")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["chain", "sequence"], name="audit_seal_sequence"),
            models.UniqueConstraint(fields=["chain", "entry_id"], name="audit_seal_entry"),
            models.CheckConstraint(
                condition=models.Q(kind="entry", entry_id__isnull=False)
                | models.Q(~models.Q(kind="entry"), entry_id__isnull=True),
                name="audit_seal_kind",
            ),
        ]
        indexes = [
            models.Index(
                "chain",
                models.F("sequence").desc(),
                name="audit_seal_marks",
                condition=~models.Q(kind="entry"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.chain}:{self.sequence}"
