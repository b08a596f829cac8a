"""The admin site: choices said as people say them, an index that shows the day."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from unfold.sites import UnfoldAdminSite


class NamingAutocompleteView(AutocompleteJsonView):
    """Answers rows under the name their own page gives them, not by key."""

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        """Return one choice."""
        label = getattr(self.model_admin, "object_label", str)
        return {"id": str(getattr(obj, to_field_name)), "text": label(obj)}


class HouseAdminSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold ships no types
    """The one admin site."""

    def autocomplete_view(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the choices of a foreign key, within what the user may see."""
        return NamingAutocompleteView.as_view(admin_site=self)(request)
