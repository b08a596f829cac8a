"""Users of one's house, their logins, and what each role may do."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from apps.accounts.forms import AccountForm
from apps.accounts.invitations import invite_user
from apps.accounts.models import Session, User
from apps.accounts.roles import GRANTABLE, Role, permissions_of
from apps.accounts.services import (
    deactivate_user,
    reactivate_user,
    reset_mfa,
    revoke_session,
    update_user,
)
from apps.core.admin import ServiceModelAdmin, ServiceTabularInline, service_action

# Django keeps the names of permissions untranslated; these are the house's own ones, to read.
RIGHTS = {
    "patients.merge_patient": _("merge"),
    "patients.export_patient": _("export the list"),
    "patients.view_restricted_patient": _("see restricted files"),
    "agenda.override_appointment": _("book over another one"),
    "agenda.change_completed_appointment": _("change one that is done"),
    "clinical.cancel_treatment": _("cancel"),
    "clinical.complete_treatment": _("mark as carried out"),
    "billing.issue_invoice": _("issue"),
    "billing.credit_invoice": _("credit"),
    "billing.refund_payment": _("refund"),
    "notifications.test_notification": _("send a test"),
    "notifications.retry_notificationjob": _("send again"),
}
VERBS = {"view": _("see"), "add": _("add"), "change": _("change"), "delete": _("delete")}


class LiveSessionInline(ServiceTabularInline):
    """Logins of a user that still give access."""

    model = Session
    verbose_name_plural = _("logins in use")
    fields = ("started_at", "issued_at", "expires_at", "address", "user_agent", "end_it")
    readonly_fields = fields
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        """Return one live link per chain, latest first."""
        return live_sessions(request)

    @admin.display(description="")
    def end_it(self, session: Session) -> str:
        """Return the way to end this login."""
        address = reverse("admin:accounts_session_end_login_do", args=(session.pk,))
        return format_html(
            '<a class="text-primary-700 dark:text-primary-400" href="{}">{}</a>', address, _("End it")
        )


@admin.register(User)
class UserAdmin(ServiceModelAdmin):
    """Accounts of one's own house; of every house for the platform's administrator."""

    # Nobody sets another's password: the new account's owner chooses it by a mailed link.
    create_service = invite_user
    update_service = update_user
    form = AccountForm
    list_display = ("name", "email", "role", "house", "practitioner", "is_active", "last_login")
    list_filter = ("role", "is_active")
    list_select_related = ("practice", "insurer", "practitioner")
    search_fields = ("last_name", "first_name", "email")
    ordering = ("last_name", "first_name", "pk")
    autocomplete_fields = ("practitioner",)
    readonly_fields = ("is_active", "mfa_enabled_at", "last_login", "created_at")
    inlines = (LiveSessionInline,)
    actions = ("deactivate", "reactivate", "reset_second_factor")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask the platform's administrator for the house; everybody else's is their own."""
        house = ("practice", "insurer") if getattr(request.user, "role", "") == Role.ADMIN else ()
        person = (None, {"fields": (("first_name", "last_name"), "email", "phone", "language")})
        work = (_("Work"), {"fields": ("role", *house, "practitioner")})
        if obj is None:
            return (person, work)
        login = ("is_active", "mfa_enabled_at", "last_login", "created_at")
        return (person, work, (_("Login"), {"fields": login}))

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show logins of an existing account."""
        return () if obj is None else self.inlines

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the roles this user may grant."""
        if db_field.name == "role":
            grantable = GRANTABLE.get(getattr(request.user, "role", ""), frozenset())
            kwargs["choices"] = [
                ("", _("Select value")),
                *((r.value, r.label) for r in Role if r in grantable),
            ]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def object_label(self, obj: User) -> str:
        """Return the name."""
        return obj.display_name or obj.email

    @admin.display(description=_("name"), ordering="last_name")
    def name(self, obj: User) -> str:
        """Return the name."""
        return obj.display_name

    @admin.display(description=_("house"))
    def house(self, obj: User) -> str:
        """Return where the user works."""
        return str(obj.practice or obj.insurer or _("platform"))

    @service_action(
        _("close access"),
        "accounts.change_user",
        icon="person_off",
        danger=True,
        when=lambda user: user.is_active,
    )
    def deactivate(self, request: HttpRequest, obj: User) -> None:
        """Close an account."""
        deactivate_user(actor=self.actor(request), user=obj, at=timezone.now())

    @service_action(
        _("reopen access"), "accounts.change_user", icon="person_check", when=lambda user: not user.is_active
    )
    def reactivate(self, request: HttpRequest, obj: User) -> None:
        """Open a closed account."""
        reactivate_user(actor=self.actor(request), user=obj, at=timezone.now())

    @service_action(
        _("remove the lost second factor"),
        "accounts.change_user",
        icon="phonelink_erase",
        danger=True,
        when=lambda user: user.mfa_enabled,
    )
    def reset_second_factor(self, request: HttpRequest, obj: User) -> None:
        """Remove a second factor whose owner has lost it, and end their logins."""
        reset_mfa(actor=self.actor(request), user=obj, at=timezone.now())


@admin.register(Session)
class SessionAdmin(ServiceModelAdmin):
    """Logins of one's house that still give access to the API."""

    list_display = ("person", "started_at", "issued_at", "expires_at", "address", "user_agent")
    list_select_related = ("user",)
    search_fields = ("user__last_name", "user__email")
    ordering = ("-issued_at", "pk")
    fields = ("user", "started_at", "issued_at", "expires_at", "address", "user_agent")
    actions = ("end_login",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        """Return the logins of the house's users."""
        return live_sessions(request).order_by(*self.ordering)

    def object_label(self, obj: Session) -> str:
        """Return whose login it is, and since when."""
        return f"{obj.user.display_name}, {timezone.localtime(obj.started_at):%d/%m/%Y %H:%M}"

    @admin.display(description=_("user"), ordering="user__last_name")
    def person(self, obj: Session) -> str:
        """Return whose login it is."""
        return obj.user.display_name

    @service_action(_("end this login"), "accounts.change_user", icon="logout", danger=True)
    def end_login(self, request: HttpRequest, obj: Session) -> None:
        """End one login."""
        revoke_session(actor=self.actor(request), session=obj, at=timezone.now())


def live_sessions(request: HttpRequest) -> QuerySet[Session]:
    """Return the latest link of each chain of the users this request may see."""
    users = User.objects.visible_to(request.user)
    rows: QuerySet[Session] = Session.objects.live(timezone.now()).filter(
        spent_at__isnull=True, user__in=users
    )
    return rows.select_related("user")


admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(ServiceModelAdmin):
    """What each role may do: a mirror of the code, to read."""

    list_display = ("role", "people")
    fields = ("role", "rights")
    readonly_fields = fields
    ordering = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        """Return the roles with the number of active people of one's house."""
        if not self.may(request, "view"):
            return Group.objects.none()
        people = (
            User.objects.visible_to(request.user).filter(is_active=True, role=OuterRef("name")).order_by()
        )
        counted = people.values("role").annotate(count=Count("pk")).values("count")
        return Group.objects.annotate(people_count=Coalesce(Subquery(counted), 0)).order_by("name")

    def object_label(self, obj: Group) -> str:
        """Return the role in words."""
        return self.role(obj)

    @admin.display(description=_("role"), ordering="name")
    def role(self, obj: Group) -> str:
        """Return the role in words."""
        return capfirst(str(Role(obj.name).label)) if obj.name in Role else obj.name

    @admin.display(description=_("people of the house"))
    def people(self, obj: Group) -> int:
        """Return how many have it."""
        return int(getattr(obj, "people_count", 0))

    @admin.display(description=_("may"))
    def rights(self, obj: Group) -> str:
        """Return the role's permissions, one kind of object a line."""
        return format_html_join("", "<p><strong>{}</strong>: {}</p>", rights_in_words(obj.name))


def rights_in_words(role: str) -> list[tuple[str, str]]:
    """Return (kind of object, what may be done with it) pairs of a role."""
    found: dict[str, list[str]] = {}
    for model in apps.get_models():
        meta = model._meta
        custom = {str(codename): str(name) for codename, name in meta.permissions}
        for permission in sorted(permissions_of(role)):
            app, _dot, codename = permission.partition(".")
            verb, _underscore, name = codename.partition("_")
            if app != meta.app_label:
                continue
            if codename in custom:
                said = str(RIGHTS.get(permission, custom[codename]))
                found.setdefault(str(meta.verbose_name_plural), []).append(said)
            elif name == meta.model_name and verb in VERBS:
                found.setdefault(str(meta.verbose_name_plural), []).append(str(VERBS[verb]))
    return [(capfirst(kind), ", ".join(verbs)) for kind, verbs in sorted(found.items())]
