"""Writing through services: what a page's forms ask becomes one call, and a refusal becomes a form error."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db.models import Model
from django.http import HttpRequest, HttpResponseRedirect
from django.utils import timezone

from apps.core.admin.forms import RefusableForm, Refusal, refusal_text
from apps.core.admin.inlines import rows_of
from apps.core.errors import DomainError

Service = Callable[..., Any]


class ServiceWriting:
    """Writes through the services a page names, or not at all.

    `create_service`, `update_service`, `delete_service` are keyword-only services. They get `actor`, the
    cleaned form (an update: only the changed fields), `at` and `practice` where their signature has them, the
    rows of inlines with a `service_argument`, and the object under `service_object` (default: the model's
    name). Where that does not fit, override `create_object` or `update_object`. Without a service the page is
    read-only.
    """

    model: type[Model]
    opts: Any
    page: Any
    object_label: Any
    get_queryset: Any

    create_service: ClassVar[Service | None] = None
    update_service: ClassVar[Service | None] = None
    delete_service: ClassVar[Service | None] = None
    service_object: str = ""
    # False: `update_service` gets every field of the form, not only the changed ones.
    update_changed_only: bool = True

    def writes(self, verb: str) -> bool:
        """Say whether this page creates or updates: it names a service, or has its own way."""
        own = getattr(type(self), f"{verb}_object") is not getattr(ServiceWriting, f"{verb}_object")
        return own or getattr(type(self), f"{verb}_service") is not None

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
        parent: Any = super()
        formsets, inlines = parent._create_formsets(request, obj, change)  # noqa: SLF001 - Django's own step
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
        parent: Any = super()
        try:
            return parent.changeform_view(request, object_id, form_url, extra_context)
        except (DomainError, ValidationError) as refusal:
            request.service_refusal = refusal  # type: ignore[attr-defined]  # for get_form
            return parent.changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form, carrying what a service just refused."""
        parent: Any = super()
        form = parent.get_form(request, obj, change=change, **kwargs)
        refusal: Refusal | None = getattr(request, "service_refusal", None)
        bases = (form,) if issubclass(form, RefusableForm) else (RefusableForm, form)
        return form if refusal is None else type(form.__name__, bases, {"refusal": refusal})

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Let the service delete."""
        self.call(type(self).delete_service, request, {}, obj)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        """Return to the object with the reason when the service refuses."""
        parent: Any = super()
        try:
            return parent.delete_view(request, object_id, extra_context)
        except (DomainError, ValidationError) as refusal:
            messages.error(request, refusal_text(refusal))
            return HttpResponseRedirect(self.page("change", object_id))

    def get_deleted_objects(self, objs: Iterable[Any], request: HttpRequest) -> Any:
        """Name the objects themselves; what may go with them is the service's to decide."""
        labels = [self.object_label(obj) for obj in objs]
        return labels, {self.opts.verbose_name_plural: len(labels)}, set(), []
