"""The admin site: logs in as an actor, names choices as people do."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from unfold.sites import UnfoldAdminSite

from apps.core.context import bind


class NamingAutocompleteView(AutocompleteJsonView):
    """Answers rows under the name their own page gives them, not by key."""

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        """Return one choice."""
        label = getattr(self.model_admin, "object_label", str)
        return {"id": str(getattr(obj, to_field_name)), "text": label(obj)}


class ActorLoginView(LoginView):
    """Binds whoever has just proved who they are: the login itself is a recorded write."""

    def form_valid(self, form: Any) -> Any:
        """Log in."""
        user = form.get_user()
        with bind(
            actor_id=user.pk,
            actor_role=user.role,
            practice_id=user.practice_id,
            insurer_id=user.insurer_id,
            action="accounts.session.open",
        ):
            return super().form_valid(form)

    def form_invalid(self, form: Any) -> Any:
        """Show the form again, under the status of what it met: 503 when no attempt can be counted."""
        response = super().form_invalid(form)
        response.status_code = getattr(form, "status", 200)
        return response


class HouseAdminSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold ships no types
    """The one admin site."""

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        """Show and take the login form."""
        index = reverse(f"{self.name}:index")
        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(index)
        context = {
            **self.each_context(request),
            "title": _("Log in"),
            "subtitle": None,
            "app_path": request.get_full_path(),
            **(extra_context or {}),
        }
        if REDIRECT_FIELD_NAME not in request.GET and REDIRECT_FIELD_NAME not in request.POST:
            context[REDIRECT_FIELD_NAME] = index
        request.current_app = self.name
        view = ActorLoginView.as_view(
            extra_context=context, authentication_form=self.login_form, template_name="admin/login.html"
        )
        return view(request)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        """Change one's own password, by the form that calls the service."""
        view = PasswordChangeView.as_view(
            form_class=import_string(settings.ADMIN_OWN_PASSWORD_FORM),
            success_url=reverse(f"{self.name}:password_change_done"),
            template_name="registration/password_change_form.html",
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        return view(request)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the choices of a foreign key, within what the user may see."""
        return NamingAutocompleteView.as_view(admin_site=self)(request)
