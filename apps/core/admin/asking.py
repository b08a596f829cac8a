"""Pages that ask for more than a reason: a form of their own behind a button of an object's page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path

from apps.core.admin.base import ServiceModelAdmin
from apps.core.admin.forms import sentences, themed
from apps.core.errors import DomainError


@dataclass(frozen=True)
class FormPage:
    """A page behind a button: who may, when it makes sense, and the method that shows it."""

    name: str
    label: Any
    permission: str
    icon: str
    when: Callable[[Any], bool]
    danger: bool = False


class AskForm(forms.Form):
    """A form of such a page: drawn like the others, its choices those of who asks."""

    def __init__(self, *args: Any, viewer: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.viewer = viewer
        themed(self.fields)

    def refuse(self, refusal: DomainError | ValidationError) -> None:
        """Show what a service refused at the field it names, or above the form."""
        for name, message in sentences(refusal):
            self.add_error(name if name in self.fields else None, message)


class AskingAdmin(ServiceModelAdmin):
    """A page with further form pages; each is a method `<name>_page(request, obj)`."""

    form_pages: ClassVar[tuple[FormPage, ...]] = ()
    form_template: ClassVar[str] = "admin/form_page.html"

    def get_urls(self) -> Any:
        """Add one address per form page."""
        own = [
            path(
                f"<path:object_id>/{page.name}/",
                self.admin_site.admin_view(self.form_view),
                {"name": page.name},
                name=f"{self.opts.app_label}_{self.opts.model_name}_{page.name}",
            )
            for page in self.form_pages
        ]
        return own + super().get_urls()

    def offers(self, request: HttpRequest, page: FormPage, obj: Any) -> bool:
        """Say whether the page makes sense for this object; override to add who asks."""
        return page.when(obj)

    def form_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Show one form page of a visible object to who may use it."""
        obj = self.visible_object(request, object_id)
        page = next(page for page in self.form_pages if page.name == name)
        if not request.user.has_perm(page.permission):
            raise PermissionDenied
        if not self.offers(request, page, obj):
            return HttpResponseRedirect(self.page("change", obj.pk))
        answer: HttpResponse = getattr(self, f"{name}_page")(request, obj)
        return answer

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Offer the form pages as buttons."""
        obj = kwargs.get("obj")
        context["form_pages"] = [
            {"page": page, "url": self.page(page.name, obj.pk)}
            for page in self.form_pages
            if obj is not None
            and obj.pk
            and request.user.has_perm(page.permission)
            and self.offers(request, page, obj)
        ]
        return super().render_change_form(request, context, *args, **kwargs)

    def show_form(
        self, request: HttpRequest, obj: Any, form: forms.Form, page: str, **more: Any
    ) -> HttpResponse:
        """Show a form page; `facts` are pairs of label and text above the fields, `intro` a sentence."""
        spec = next(known for known in self.form_pages if known.name == page)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": spec.label,
            "subtitle": self.object_label(obj),
            "form": form,
            "verb": spec.label,
            "danger": spec.danger,
            "back": self.page("change", obj.pk),
            "media": self.media + form.media,
            **more,
        }
        return TemplateResponse(request, self.form_template, context)
