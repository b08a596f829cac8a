"""The abstract models everything stands on."""

from __future__ import annotations

from typing import Any, ClassVar, Self
from uuid import UUID

from django.db import models, router, transaction
from django.utils.translation import gettext_lazy as _
from uuid6 import uuid7

from apps.core import changes
from apps.core.fields import EncryptedJSONField
from apps.core.querysets import create_change, delete_change, remember, update_change


def new_id() -> UUID:
    """Return a time-ordered UUIDv7 as the standard library's type."""
    return UUID(int=uuid7().int)


class AuditedModel(models.Model):
    """A row whose every write leaves an audit entry in the same transaction.

    `audit_clear` names the fields whose values may appear in an entry; all others appear as keyed hashes.
    The default is therefore safe: a new field is hashed until somebody decides that its values are not personal.
    A model that is not audited says `audited = False` and stands in the audit app's registry with its reason.
    """

    audited = True
    audit_clear: frozenset[str] = frozenset()

    class Meta:
        abstract = True

    @classmethod
    def from_db(cls, db: str | None, field_names: Any, values: Any, **kwargs: Any) -> Self:
        """Load a row and keep its values, so that a save knows what it changes without another query."""
        instance = super().from_db(db, field_names, values, **kwargs)
        if cls.audited:
            remember(instance)
        return instance

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        """Reload, and forget what was known before."""
        super().refresh_from_db(*args, **kwargs)
        if self.audited:
            remember(self)

    def save_base(self, *args: Any, **kwargs: Any) -> None:
        """Write the row, then its entry; an entry never exists for a change that failed."""
        if not self.audited:
            super().save_base(*args, **kwargs)
            return
        using = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        known: dict[str, Any] | None = getattr(self._state, "loaded_values", None)
        adding = self._state.adding
        with transaction.atomic(using=using, savepoint=False):
            super().save_base(*args, **kwargs)
            update_fields = kwargs.get("update_fields")
            if adding or known is None:
                changes.emit([create_change(self)])
            else:
                written = {
                    name: value
                    for name, value in self.__dict__.items()
                    if was_written(self, name, update_fields)
                }
                change = update_change(type(self), self.pk, known, written)
                changes.emit([change] if change else [])
        remember(self, update_fields)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the row, its entry first read: cascades of audited rows are recorded by their own signal."""
        with transaction.atomic(), changes.gathered():
            return super().delete(*args, **kwargs)


def was_written(instance: models.Model, attname: str, update_fields: Any) -> bool:
    """Say whether this save wrote `attname`."""
    if update_fields is None:
        return True
    return any(
        attname in (f.attname, f.name) and (f.name in update_fields or f.attname in update_fields)
        for f in instance._meta.concrete_fields
    )


def record_deletion(sender: type[models.Model], instance: models.Model, **kwargs: Any) -> None:
    """Record one deleted row; connected per audited model, which also stops Django's unrecorded fast deletes."""
    changes.emit([delete_change(instance)])


class BaseModel(AuditedModel):
    """Any row of ours: a time-ordered key and the two time stamps, which are for audit and never for rules."""

    id = models.UUIDField(_("identifier"), primary_key=True, default=new_id, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True, editable=False)
    updated_at = models.DateTimeField(_("last changed"), auto_now=True, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self._meta.label_lower}:{self.pk}"


class PracticeModel(BaseModel):
    """A row owned by one practice; it carries the owner even where a parent already does.

    An insurer it names (who pays a share, whose contract it is) does not own it, nor reads its audit entries.
    """

    owner_columns: ClassVar[tuple[str, ...]] = ("practice_id",)

    practice = models.ForeignKey(
        "directory.Practice",
        verbose_name=_("practice"),
        on_delete=models.PROTECT,
        related_name="+",
        editable=False,
    )

    class Meta:
        abstract = True


class SoftDeleteModel(models.Model):
    """A row that is taken out of use, never away."""

    deleted_at = models.DateTimeField(_("taken out of use"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_deleted(self) -> bool:
        """Whether the row is out of use."""
        return self.deleted_at is not None


class IdempotencyKey(models.Model):
    """An answer kept for 24 hours, sealed: it repeats what the first request returned, personal data included."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    actor_id = models.UUIDField()
    route = models.CharField(max_length=200)
    key = models.CharField(max_length=128)
    body_sha256 = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    answer = EncryptedJSONField(context="core.idempotencykey.answer", null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint("actor_id", "route", "key", name="core_idempotency_unique")]

    def __str__(self) -> str:
        return f"idempotency:{self.pk}"
