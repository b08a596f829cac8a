"""Who sees and may choose which rows in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_permission_codename
from django.db.models import DateTimeField, Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.core.admin.forms import MoneyField, WallClockField, themed

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite


class ScopedAdmin:
    """Pages and inlines alike: rows and choices through `visible_to`, permissions from the role matrix."""

    model: type[Model]
    opts: Any
    admin_site: AdminSite
    # Columns of minor units that people type and read as money.
    money_fields: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows this user may know of."""
        queryset = visible_rows(self.model, request)
        ordering = self.get_ordering(request)  # type: ignore[attr-defined]  # Django's, from the class beside this one
        return queryset.order_by(*ordering) if ordering else queryset

    def currency(self, request: HttpRequest) -> str:
        """Return the currency amounts are typed in: the practice's."""
        practice = getattr(request.user, "practice", None)
        return practice.currency if practice is not None else "EUR"

    def may(self, request: HttpRequest, verb: str) -> bool:
        """Ask the role matrix for Django's permission of that verb."""
        return bool(
            request.user.has_perm(f"{self.opts.app_label}.{get_permission_codename(verb, self.opts)}")
        )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form, its declared fields drawn like the others."""
        parent: Any = super()
        form = parent.get_form(request, obj, change=change, **kwargs)
        themed(form.base_fields)
        return form

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Read dates with times on the practice's clock, and amounts as people write them."""
        if isinstance(db_field, DateTimeField):
            kwargs.setdefault("form_class", WallClockField)
        if db_field.name in self.money_fields:
            return MoneyField(
                currency=self.currency(request),
                label=_("price") if db_field.name == "price" else db_field.verbose_name,
                required=not (db_field.blank or db_field.has_default()),
                help_text=db_field.help_text,
            )
        parent: Any = super()
        return parent.formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer, and accept, only visible rows; say them as their own page does."""
        if "queryset" not in kwargs and has_scope(db_field.remote_field.model):
            kwargs["queryset"] = self.choices_for(db_field, request)
        parent: Any = super()
        field = parent.formfield_for_foreignkey(db_field, request, **kwargs)
        return self.say_choices(field, db_field)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer, and accept, only visible rows; say them as their own page does."""
        if "queryset" not in kwargs and has_scope(db_field.remote_field.model):
            kwargs["queryset"] = self.choices_for(db_field, request)
        parent: Any = super()
        field = parent.formfield_for_manytomany(db_field, request, **kwargs)
        return self.say_choices(field, db_field)

    def choices_for(self, db_field: Any, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows a relation may point at; override to leave out those no longer in use."""
        return visible_rows(db_field.remote_field.model, request)

    def say_choices(self, field: Any, db_field: Any) -> Any:
        """Name the choices: a row's `__str__` is a key, its page knows what people call it."""
        remote = self.admin_site._registry.get(db_field.remote_field.model) if field else None
        label = getattr(remote, "object_label", None)
        if label is not None:
            field.label_from_instance = label
        return field


def has_scope(model: type[Model]) -> bool:
    """Say whether the model's rows know whom they are visible to."""
    return hasattr(model._default_manager, "visible_to")


def visible_rows(model: type[Model], request: HttpRequest) -> QuerySet[Any]:
    """Return the rows visible to the request's user; none of a model that does not know."""
    manager: Any = model._default_manager
    if not has_scope(model):
        return model._default_manager.none()
    rows: QuerySet[Any] = manager.visible_to(request.user)
    return rows
