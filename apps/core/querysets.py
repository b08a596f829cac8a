"""The querysets every model has: scoped by who looks, audited in bulk writes as in single ones."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar

from django.db import models, transaction

from apps.core import changes
from apps.core.changes import Change

if TYPE_CHECKING:
    from apps.core.scope import Viewer

M = TypeVar("M", bound=models.Model)
Scope = Literal["practice", "insurer", "everyone", "nobody"]


class ScopedQuerySet(models.QuerySet[M]):
    """Rows are visible to those whose practice or insurer owns them; `scope` says which owner counts.

    `platform_sees` opens settings tables to the platform's admin, who belongs to no practice and no insurer.
    """

    scope: ClassVar[Scope] = "practice"
    platform_sees: ClassVar[bool] = False

    def visible_to(self, viewer: Viewer | None) -> Self:
        """Return the rows `viewer` may know of; nobody unknown sees any."""
        if viewer is None or viewer.id is None:
            return self.none()
        if self.scope == "everyone" or (self.platform_sees and viewer.role == "admin"):
            return self
        if self.scope == "practice" and viewer.practice_id is not None:
            return self.filter(practice_id=viewer.practice_id)
        if self.scope == "insurer" and viewer.insurer_id is not None:
            return self.filter(insurer_id=viewer.insurer_id)
        return self.none()


class BaseQuerySet(ScopedQuerySet[M]):
    """Bulk writes leave the same entries as single saves: one per row, with exact previous values."""

    def update(self, **kwargs: Any) -> int:
        """Update as Django does, under row locks, and record what each row held before.

        Rows are locked (`FOR UPDATE`) so that two updates of one row never claim the same previous value; the new
        values are read back because an expression such as `F("n") + 1` is only known to the database.
        """
        columns = self.model._meta
        fields = [getattr(columns.get_field(name), "attname", name) for name in kwargs]
        if not is_audited(self.model):
            return super().update(**kwargs)
        with transaction.atomic(using=self.db):
            before = row_values(self.model, self.order_by("pk").select_for_update(of=("self",)), fields)
            if not before:
                return 0
            chosen = self.model._base_manager.using(self.db).filter(pk__in=list(before))
            count = models.QuerySet.update(chosen, **kwargs)
            after = row_values(self.model, chosen, fields)
            changes.emit(
                [
                    change
                    for pk, old in before.items()
                    if (change := update_change(self.model, pk, old, after.get(pk, {})))
                ]
            )
        return count

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable[M], *args: Any, **kwargs: Any) -> list[M]:
        """Insert many rows; conflicts cannot be ignored or merged here, because the entries would not be exact."""
        if not is_audited(self.model):
            return super().bulk_create(objs, *args, **kwargs)
        if kwargs.get("ignore_conflicts") or kwargs.get("update_conflicts"):
            raise ValueError("an audited bulk_create does not ignore or update conflicts")
        with transaction.atomic(using=self.db):
            rows = super().bulk_create(list(objs), *args, **kwargs)
            for row in rows:
                remember(row)
            changes.emit([create_change(row) for row in rows])
        return rows

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def bulk_update(self, objs: Iterable[M], fields: Iterable[str], batch_size: int | None = None) -> int:
        """Update many rows; Django turns this into `update()` calls, which record the changes."""
        with changes.gathered():
            return super().bulk_update(objs, fields, batch_size)

    bulk_update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete rows one entry each."""
        with transaction.atomic(using=self.db), changes.gathered():
            return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


# --- what a change is made of -----------------------------------------------------------------------------------


def is_audited(model: type[models.Model]) -> bool:
    """Say whether writes of `model` leave audit entries (models name themselves out with `audited = False`)."""
    return bool(getattr(model, "audited", False))


def audit_fields(
    model: type[models.Model], names: Collection[str] | None = None
) -> list[models.Field[Any, Any]]:
    """Return the concrete fields whose changes are recorded; time stamps of the row itself are not changes."""
    silent = {"created_at", "updated_at"}
    return [
        f
        for f in model._meta.concrete_fields
        if f.name not in silent
        and not f.primary_key
        and (names is None or f.attname in names or f.name in names)
    ]


def row_values(
    model: type[models.Model], rows: models.QuerySet[Any], names: Collection[str]
) -> dict[Any, dict[str, Any]]:
    """Read the named columns, and the owner's, of `rows`, by primary key."""
    owners = [name for name in owner_columns(model) if has_column(model, name)]
    columns = list(dict.fromkeys([f.attname for f in audit_fields(model, names)] + owners))
    return {row["pk"]: row for row in rows.values("pk", *columns)}


def has_column(model: type[models.Model], attname: str) -> bool:
    """Say whether `model` stores `attname` itself."""
    return any(f.attname == attname for f in model._meta.concrete_fields)


def remember(instance: models.Model, names: Iterable[str] | None = None) -> None:
    """Keep what the database holds for `instance`, to tell at the next save what it changes."""
    known: dict[str, Any] = getattr(instance._state, "loaded_values", {})
    wanted = set(names) if names is not None else None
    loaded = instance.__dict__
    for f in instance._meta.concrete_fields:
        if f.attname in loaded and (wanted is None or f.name in wanted or f.attname in wanted):
            known[f.attname] = copy(loaded[f.attname])
    instance._state.loaded_values = known  # type: ignore[attr-defined]


def copy(value: Any) -> Any:
    """Copy nested lists and dicts of plain values."""
    if isinstance(value, dict):
        return {key: copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copy(item) for item in value]
    return value


def owner_columns(model: type[models.Model]) -> tuple[str, ...]:
    """Return the columns that name who owns the model's rows."""
    names: tuple[str, ...] = getattr(model, "owner_columns", ("practice_id", "insurer_id"))
    return names


def owner_of(instance: models.Model, attname: str) -> Any:
    """Return the owning practice's or insurer's id: the row's own, or its own key when the row is that owner."""
    return getattr(instance, attname, None) if attname in owner_columns(type(instance)) else None


def revealed(field: models.Field[Any, Any], value: Any, pk: Any) -> Any:
    """Return what a sealed column says, for its keyed hash; other columns as they are."""
    reveal = getattr(field, "reveal", None)
    return reveal(value, pk) if reveal is not None and value is not None else value


def held_values(instance: models.Model) -> dict[str, Any]:
    """Return what an instance holds in its audited, loaded fields."""
    loaded = instance.__dict__
    return {
        f.name: revealed(f, loaded[f.attname], instance.pk)
        for f in audit_fields(type(instance))
        if f.attname in loaded
    }


def create_change(instance: models.Model) -> Change:
    """Describe an inserted row."""
    after = held_values(instance)
    return Change(
        "create",
        type(instance),
        instance.pk,
        owner_of(instance, "practice_id"),
        owner_of(instance, "insurer_id"),
        {},
        {name: value for name, value in after.items() if value is not None and value != ""},
    )


def delete_change(instance: models.Model) -> Change:
    """Describe a deleted row."""
    before = held_values(instance)
    return Change(
        "delete",
        type(instance),
        instance.pk,
        owner_of(instance, "practice_id"),
        owner_of(instance, "insurer_id"),
        {name: value for name, value in before.items() if value is not None and value != ""},
        {},
    )


def update_change(
    model: type[models.Model], pk: Any, old: dict[str, Any], new: dict[str, Any]
) -> Change | None:
    """Describe an updated row from two readings of it, or None when nothing differs."""
    before, after = {}, {}
    for f in audit_fields(model):
        if f.attname in old and f.attname in new and old[f.attname] != new[f.attname]:
            before[f.name] = revealed(f, old[f.attname], pk)
            after[f.name] = revealed(f, new[f.attname], pk)
    if not after:
        return None
    owners = {name: new.get(name, old.get(name)) for name in owner_columns(model)}
    return Change("update", model, pk, owners.get("practice_id"), owners.get("insurer_id"), before, after)
