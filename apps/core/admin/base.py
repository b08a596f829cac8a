"""The page of one model: what every ModelAdmin of the house inherits."""

from __future__ import annotations

from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from apps.core.access import rows_read, rows_shown
from apps.core.admin.actions import ActionSpec, ask, run
from apps.core.admin.forms import RefusableForm
from apps.core.admin.readonly import name_related
from apps.core.admin.scoped import ScopedAdmin
from apps.core.admin.writing import ServiceWriting
from apps.core.history import history_of
from apps.core.scope import Viewer


class ServiceModelAdmin(ServiceWriting, ScopedAdmin, ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """Shows the rows `visible_to` the user; writes as `ServiceWriting` says, through services or not at all."""

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
            rows_shown.send(self.actor(request), [obj], set())
            context["subtitle"] = self.object_label(obj)
            context["service_buttons"] = [
                {"spec": spec, "url": self.action_url(spec, obj)}
                for spec in self.specs()
                if spec.is_offered(request, obj)
            ]
        context["show_history"] = may_read_history(request)
        name_related(request, context["adminform"], self)
        for inline in context.get("inline_admin_formsets", ()):
            self.record_read(request, inline)
            name_related(request, inline, inline.opts, all_readonly=not inline.has_change_permission)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list, whose rows are about to be shown."""
        changelist = super().get_changelist_instance(request)
        rows_shown.send(self.actor(request), list(changelist.result_list), set())
        return changelist

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

    # --- actions

    def action_url(self, spec: ActionSpec, obj: Any) -> str:
        """Return the address of a button, which carries what its page shows where the action asks for it."""
        address = self.page(f"{spec.name}_do", obj.pk)
        return f"{address}?{urlencode({'seen': spec.seen(obj)})}" if spec.expects else address

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
