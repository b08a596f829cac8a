"""The page of one model: what every ModelAdmin of the house inherits."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, cast

from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from apps.core.access import rows_read
from apps.core.admin.actions import ActionSpec, ask, run
from apps.core.admin.forms import RefusableForm, Refusal, refusal_text
from apps.core.admin.inlines import rows_of
from apps.core.admin.readonly import name_related
from apps.core.admin.scoped import ScopedAdmin
from apps.core.errors import DomainError
from apps.core.history import history_of
from apps.core.scope import Viewer

Service = Callable[..., Any]


class ServiceModelAdmin(ScopedAdmin, ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """Shows the rows `visible_to` the user; writes through the services it names, or not at all.

    `create_service`, `update_service`, `delete_service` are keyword-only services. They get `actor`, the
    cleaned form (an update: only the changed fields), `at` and `practice` where their signature has them, the
    rows of inlines with a `service_argument`, and the object under `service_object` (default: the model's
    name). Where that does not fit, override `create_object` or `update_object`. Without a service the page is
    read-only.
    """

    create_service: ClassVar[Service | None] = None
    update_service: ClassVar[Service | None] = None
    delete_service: ClassVar[Service | None] = None
    service_object: str = ""
    # False: `update_service` gets every field of the form, not only the changed ones.
    update_changed_only: bool = True

    form = RefusableForm
    list_per_page = 50
    show_full_result_count = False
    list_filter_submit = True
    # Labels above their fields: beside them, three fields of a row have no room left.
    compressed_fields = False
    change_form_outer_before_template = "admin/service_actions.html"

    # --- who may

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Follow the role matrix."""
        return self.may(request, "view")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Follow the role matrix, where a service creates."""
        return self.writes("create") and self.may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Follow the role matrix, where a service updates; override to add the object's state."""
        return self.writes("update") and self.may(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Follow the role matrix, where a service deletes: nowhere unless the page says so."""
        return type(self).delete_service is not None and self.may(request, "delete")

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the model in menus to those who may view it."""
        return self.may(request, "view")

    def writes(self, verb: str) -> bool:
        """Say whether this page creates or updates: it names a service, or has its own way."""
        own = getattr(type(self), f"{verb}_object") is not getattr(ServiceModelAdmin, f"{verb}_object")
        return own or getattr(type(self), f"{verb}_service") is not None

    # --- what people read

    def object_label(self, obj: Any) -> str:
        """Return what people call this object; `__str__` identifies the row, it does not name it."""
        return str(obj)

    def get_list_select_related(self, request: HttpRequest) -> Any:
        """Join the foreign keys the list shows, unless the page says which."""
        if self.list_select_related is not False:
            return self.list_select_related
        shown = [name for name in self.get_list_display(request) if isinstance(name, str)]
        keys = {f.name for f in self.model._meta.fields if f.many_to_one}
        return [name for name in shown if name in keys]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Name the object, and offer its actions."""
        obj = kwargs.get("obj")
        if obj is not None and obj.pk and not context.get("add"):
            context["subtitle"] = self.object_label(obj)
            context["service_buttons"] = [
                {"spec": spec, "url": self.page(f"{spec.name}_do", obj.pk)}
                for spec in self.specs()
                if spec.is_offered(request, obj)
            ]
        context["show_history"] = may_read_history(request)
        name_related(request, context["adminform"], self)
        for inline in context.get("inline_admin_formsets", ()):
            self.record_read(request, inline)
            name_related(request, inline, inline.opts, all_readonly=not inline.has_change_permission)
        return super().render_change_form(request, context, *args, **kwargs)

    def record_read(self, request: HttpRequest, inline: Any) -> None:
        """Record the rows of an inline whose reading is recorded (`recorded_read` names it), before they show."""
        event = getattr(inline.opts, "recorded_read", "")
        rows = [form.instance for form in inline.formset.forms if not form.instance._state.adding]
        if event and rows:
            rows_read.send(self.actor(request), rows, event)

    def page(self, name: str, *args: Any) -> str:
        """Return the address of one of this model's pages."""
        return reverse(
            f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{name}", args=args
        )

    # --- writing

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Call the creating service and return its object."""
        return self.call(type(self).create_service, request, data)

    def update_object(self, request: HttpRequest, obj: Any, data: dict[str, Any]) -> Any:
        """Call the updating service on the object as stored, and return what it returns."""
        return self.call(type(self).update_service, request, data, obj)

    def actor(self, request: HttpRequest) -> Any:
        """Return who acts: whoever is logged in (the site admits nobody else)."""
        return request.user

    def call(
        self, service: Service | None, request: HttpRequest, data: dict[str, Any], obj: Any = None
    ) -> Any:
        """Call a service with what its signature asks for."""
        if service is None:
            raise ImproperlyConfigured(f"{type(self).__name__} names no service for this: nothing is written")
        known = inspect.signature(service).parameters
        given = {"actor": request.user, **data}
        if obj is not None:
            given[self.service_object or str(self.opts.model_name)] = obj
        if "at" in known:
            given.setdefault("at", timezone.now())
        if "practice" in known and obj is None:
            given.setdefault("practice", getattr(request.user, "practice", None))
        return service(**given)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Let the service write, and continue with what it wrote."""
        data = self.form_data(request, form, change)
        if change:
            # The form has already changed its own instance; the service starts from what is stored.
            saved = self.update_object(request, self.get_queryset(request).get(pk=obj.pk), data)
        else:
            saved = self.create_object(request, data)
        if isinstance(saved, self.model):
            obj.__dict__.update(saved.__dict__)

    def form_data(self, request: HttpRequest, form: Any, change: bool) -> dict[str, Any]:
        """Return what the form and its inlines ask for, by the services' keywords."""
        changed_only = change and self.update_changed_only
        data = {
            name: value
            for name, value in form.cleaned_data.items()
            if not changed_only or name in form.changed_data
        }
        for formset, inline in getattr(request, "service_rows", ()):
            if inline.service_argument and (not changed_only or formset.has_changed()):
                data[inline.service_argument] = rows_of(formset)
        return data

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Write nothing: the service took the rows with the rest."""

    def _create_formsets(self, request: HttpRequest, obj: Any, change: bool) -> Any:
        formsets, inlines = super()._create_formsets(request, obj, change)
        request.service_rows = list(zip(formsets, inlines, strict=True))  # type: ignore[attr-defined]  # for form_data
        return formsets, inlines

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """Show the form again, nothing written, when a service refuses."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except (DomainError, ValidationError) as refusal:
            request.service_refusal = refusal  # type: ignore[attr-defined]  # for get_form
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form, carrying what a service just refused."""
        form = super().get_form(request, obj, change=change, **kwargs)
        refusal: Refusal | None = getattr(request, "service_refusal", None)
        bases = (form,) if issubclass(form, RefusableForm) else (RefusableForm, form)
        return form if refusal is None else type(form.__name__, bases, {"refusal": refusal})

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Let the service delete."""
        self.call(type(self).delete_service, request, {}, obj)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Return to the object with the reason when the service refuses."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except (DomainError, ValidationError) as refusal:
            messages.error(request, refusal_text(refusal))
            return HttpResponseRedirect(self.page("change", object_id))

    def get_deleted_objects(self, objs: Iterable[Any], request: HttpRequest) -> Any:
        """Name the objects themselves; what may go with them is the service's to decide."""
        labels = [self.object_label(obj) for obj in objs]
        return labels, {self.opts.verbose_name_plural: len(labels)}, set(), []

    def get_actions(self, request: HttpRequest) -> Any:
        """Offer the actions the role grants; Django's bulk deletion would go past the services."""
        found = super().get_actions(request)
        found.pop("delete_selected", None)
        return {
            name: entry
            for name, entry in found.items()
            if (spec := getattr(entry[0], "spec", None)) is None or request.user.has_perm(spec.permission)
        }

    def specs(self) -> list[ActionSpec]:
        """Return the page's service actions, in the order of `actions`."""
        named = [getattr(type(self), name, None) for name in self.actions or () if isinstance(name, str)]
        return [spec for act in named if (spec := getattr(act, "spec", None)) is not None]

    # --- further pages

    def get_urls(self) -> Any:
        """Add one address per service action of an object."""
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path(
                f"<path:object_id>/do/{spec.name}/",
                self.admin_site.admin_view(self.action_view),
                {"name": spec.name},
                name=f"{prefix}_{spec.name}_do",
            )
            for spec in self.specs()
        ]
        return own + super().get_urls()

    def action_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Ask, then run one action on one object."""
        obj = self.visible_object(request, object_id)
        spec = next(spec for spec in self.specs() if spec.name == name)
        if not request.user.has_perm(spec.permission):
            raise PermissionDenied
        back = HttpResponseRedirect(self.page("change", obj.pk))
        if request.method != "POST" and not (spec.confirm or spec.reason):
            return back
        page = ask(self, request, [obj], spec)
        if page is None:
            run(self, request, [obj], spec)
        return page or back

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """Return the visible object, carrying what its page calls it (templates only know the object)."""
        obj = super().get_object(request, object_id, from_field)
        if obj is not None:
            obj.shown_as = self.object_label(obj)
        return obj

    def visible_object(self, request: HttpRequest, object_id: str) -> Any:
        """Return the object, or answer 404 for one that this user cannot see."""
        obj = self.get_object(request, object_id)
        if obj is None:
            raise Http404
        return obj

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> Any:
        raise Http404

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Show what the audit trail remembers of the object."""
        obj = self.visible_object(request, object_id)
        if not (self.has_view_permission(request, obj) and may_read_history(request)):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": _("History"),
            "subtitle": self.object_label(obj),
            "opts": self.opts,
            "original": obj,
            "object": obj,
            "module_name": str(capfirst(self.opts.verbose_name_plural)),
            "lines": history_of(cast("Viewer", request.user), obj),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/audit_history.html", context)

    # Django's own log stores names and is a second trail: the audit trail is the one.
    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """Tell nothing: no formset was saved here."""
        return []

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Write nothing."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> None:
        """Write nothing."""


def may_read_history(request: HttpRequest) -> bool:
    """Say whether the role reads the audit trail."""
    return bool(request.user.has_perm("audit.view_auditentry"))
