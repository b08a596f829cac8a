"""The language of a document, chosen and not typed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminSelectWidget

from apps.patients.models import Language


class LanguageChoiceMixin:
    """Offers the languages documents are written in."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Return a choice for `language`, what the page would else show for the rest."""
        if db_field.name == "language":
            return forms.ChoiceField(
                label=db_field.verbose_name,
                choices=Language.choices,
                initial=Language.FR,
                widget=UnfoldAdminSelectWidget,
            )
        return super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]  # a mixin of pages
