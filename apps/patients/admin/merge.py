"""Two files of one person, chosen in the list, become one after a look at both."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.core.admin.forms import refusal_text
from apps.core.errors import DomainError
from apps.patients.models import Patient
from apps.patients.services import merge_patients


class MergeMixin:
    """The merge of two chosen rows."""

    actor: Any
    admin_site: Any
    media: Any
    opts: Any
    page: Any

    def has_merge_permission(self, request: HttpRequest) -> bool:
        """Follow the role matrix."""
        return bool(request.user.has_perm("patients.merge_patient"))

    @admin.action(description=gettext_lazy("Merge two files of one person"), permissions=["merge"])
    def merge(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Ask which file is kept, then move everything of the other one into it."""
        chosen: list[Patient] = list(queryset[:3])
        if len(chosen) != 2:
            messages.error(request, _("Choose the two files to merge."))
            return None
        kept = next((row for row in chosen if str(row.pk) == request.POST.get("kept")), None)
        if kept is None:
            return self.ask_which(request, chosen)
        merged = next(row for row in chosen if row is not kept)
        try:
            merge_patients(actor=self.actor(request), kept=kept, merged=merged, at=timezone.now())
        except (DomainError, ValidationError) as refusal:
            messages.error(request, refusal_text(refusal))
            return None
        messages.success(request, _("File %(old)d was merged into this one.") % {"old": merged.file_number})
        return HttpResponseRedirect(self.page("change", kept.pk))

    def ask_which(self, request: HttpRequest, chosen: list[Patient]) -> HttpResponse:
        """Show both files side by side; the older one is proposed to be kept."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Merge two files of one person"),
            "patients": sorted(chosen, key=lambda row: row.file_number),
            "selected": [str(row.pk) for row in chosen],
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "media": self.media,
        }
        return TemplateResponse(request, "admin/patients_merge.html", context)
