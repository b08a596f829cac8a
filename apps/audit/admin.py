"""The trail, to read."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter, FieldTextFilter, RangeDateTimeFilter
from unfold.paginator import InfinitePaginator

from apps.audit.models import AccessEntry, AuditEntry
from apps.audit.recorder import audited_kinds
from apps.audit.selectors import actor_name, readable_entries, role_name, verb_name
from apps.core.admin import ServiceModelAdmin

# auditlog registers a page of its own for the entry model; it shows names and counts the table.
admin.site.unregister(AuditEntry)


class KindFilter(DropdownFilter):  # type: ignore[misc]  # unfold ships no types
    """Entries of one kind of object."""

    title = _("kind of object")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """List the kinds that leave entries."""
        named = [(str(kind.pk), str(capfirst(kind.name))) for kind in audited_kinds()]
        return sorted(named, key=lambda pair: pair[1])

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Keep the chosen kind."""
        chosen = self.value()
        return queryset.filter(content_type_id=int(chosen)) if chosen and chosen.isdigit() else queryset


class ActorFilter(DropdownFilter):  # type: ignore[misc]  # unfold ships no types
    """Entries of one person of the house."""

    title = _("actor")
    parameter_name = "who"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """List the people of the house."""
        users: Any = AuditEntry._meta.get_field("actor").related_model
        people = users.objects.visible_to(request.user).order_by("last_name", "first_name", "pk")[:200]
        return [(str(person.pk), person.get_full_name()) for person in people]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        """Keep the chosen person."""
        key = as_uuid(self.value() or "")
        return queryset.filter(actor_id=key) if key else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ServiceModelAdmin):
    """Who changed what, when and from where; nobody changes it here."""

    list_display = ("when", "actor_shown", "event", "kind", "verb", "object_link", "changed_fields")
    list_display_links = ("when",)
    list_filter = (
        KindFilter,
        ActorFilter,
        ("event", FieldTextFilter),
        ("timestamp", RangeDateTimeFilter),
    )
    list_select_related = ("actor",)
    search_fields = ("object_pk", "cid")
    search_help_text = _("Key of an object, or of a request.")
    ordering = ("-id",)
    paginator = InfinitePaginator
    show_full_result_count = False
    fields = (
        "timestamp", "actor_shown", "role_shown", "event", "kind", "verb", "object_link", "diff",
        "remote_addr", "user_agent", "cid", "payload_sha256",
    )  # fmt: skip
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by whole keys only: the indexes serve those."""
        term = search_term.strip()
        if not term:
            return queryset, False
        return queryset.filter(Q(content_type__in=audited_kinds(), object_pk=term) | Q(cid=term)), False

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Keep who looks, to name related rows as far as they may see them."""
        entry = kwargs.get("obj")
        if entry is not None:
            entry.read_by = request.user
        answer = super().render_change_form(request, context, *args, **kwargs)
        context["show_history"] = False
        return answer

    def object_label(self, obj: AuditEntry) -> str:
        """Return the action and the entry's number."""
        return f"{obj.event} ({obj.pk})"

    @admin.display(description=_("time"), ordering="id")
    def when(self, obj: AuditEntry) -> str:
        """Return the time, short; entries are numbered as they are written."""
        return formats.date_format(timezone.localtime(obj.timestamp), "SHORT_DATETIME_FORMAT")

    @admin.display(description=_("actor"), ordering="actor")
    def actor_shown(self, obj: AuditEntry) -> str:
        """Return who did it."""
        return actor_name(obj)

    @admin.display(description=_("role"))
    def role_shown(self, obj: AuditEntry) -> str:
        """Return the role they had."""
        return role_name(obj.actor_role)

    @admin.display(description=_("kind of object"))
    def kind(self, obj: AuditEntry) -> str:
        """Return the kind of object in words."""
        return str(capfirst(ContentType.objects.get_for_id(obj.content_type_id).name))

    @admin.display(description=_("change"))
    def verb(self, obj: AuditEntry) -> str:
        """Return what happened to the row."""
        return verb_name(obj.action)

    @admin.display(description=_("object"))
    def object_link(self, obj: AuditEntry) -> str:
        """Return the key, leading to the object's page where it has one."""
        kind = ContentType.objects.get_for_id(obj.content_type_id)
        try:
            address = reverse(f"admin:{kind.app_label}_{kind.model}_change", args=(obj.object_pk,))
        except NoReverseMatch:
            return obj.object_pk[-12:]
        return format_html(
            '<a class="text-primary-700 dark:text-primary-400" href="{}">{}</a>', address, obj.object_pk[-12:]
        )

    @admin.display(description=_("fields"))
    def changed_fields(self, obj: AuditEntry) -> str:
        """Return the names of the changed fields."""
        names = [change.label for change in readable_entries(None, [obj])[0].changes]
        return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")

    @admin.display(description=_("changes"))
    def diff(self, obj: AuditEntry) -> SafeString:
        """Return the changes, before and after."""
        line = readable_entries(getattr(obj, "read_by", None), [obj])[0]
        return render_to_string("admin/audit_changes.html", {"changes": line.changes})


@admin.register(AccessEntry)
class AccessEntryAdmin(ServiceModelAdmin):
    """Who read what, who was refused, who came and went; nobody changes it here."""

    list_display = ("timestamp", "actor_shown", "kind", "event", "object_pk", "remote_addr")
    list_display_links = ("timestamp",)
    list_filter = (
        "kind",
        ActorFilter,
        ("event", FieldTextFilter),
        ("timestamp", RangeDateTimeFilter),
    )
    list_select_related = ("actor",)
    search_fields = ("object_pk", "cid")
    search_help_text = _("Key of an object, or of a request.")
    ordering = ("-id",)
    paginator = InfinitePaginator
    show_full_result_count = False
    fields = (
        "timestamp", "actor_shown", "role_shown", "kind", "event", "content_type", "object_pk", "detail",
        "remote_addr", "user_agent", "cid",
    )  # fmt: skip
    readonly_fields = fields

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by whole keys only."""
        term = search_term.strip()
        return (queryset.filter(Q(object_pk=term) | Q(cid=term)) if term else queryset), False

    def object_label(self, obj: AccessEntry) -> str:
        """Return the action and the entry's number."""
        return f"{obj.event} ({obj.pk})"

    @admin.display(description=_("actor"), ordering="actor")
    def actor_shown(self, obj: AccessEntry) -> str:
        """Return who it was."""
        return actor_name(obj)

    @admin.display(description=_("role"))
    def role_shown(self, obj: AccessEntry) -> str:
        """Return the role they had."""
        return role_name(obj.actor_role)


def as_uuid(text: str) -> UUID | None:
    """Return the key a text spells, or None."""
    try:
        return UUID(text)
    except ValueError:
        return None
