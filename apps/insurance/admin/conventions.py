"""Conventions in the admin, with their price lists as tables."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display

from apps.core.admin import ServiceModelAdmin, ServiceStackedInline
from apps.core.admin.forms import RefusableForm
from apps.directory.models import Practice
from apps.insurance.admin.agreements import bareme_table
from apps.insurance.models import Bareme, Convention
from apps.insurance.services.conventions import agree_convention, change_convention, publish_bareme

NEW_LIST = ("new_version", "new_from", "new_prices")


class ConventionForm(RefusableForm):
    """A convention, and the next price list."""

    practice = forms.ModelChoiceField(
        Practice.objects.none(), label=_("provider"), widget=forms.Select, required=False
    )
    new_version = forms.CharField(label=_("version"), max_length=40, required=False)
    new_from = forms.DateField(label=_("in force from"), required=False)
    new_prices = forms.CharField(
        label=_("prices"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        help_text=_(
            'As JSON: {"acts": {"C1": {"price": 50000, "category": "consultation"}}, "default": "reject"}.'
        ),
    )

    class Meta:
        model = Convention
        fields = ("start_date", "end_date", "excess_liability", "is_active")

    def clean_new_prices(self) -> Any:
        """Read the document."""
        text = self.cleaned_data["new_prices"].strip()
        if not text:
            return None
        try:
            content = json.loads(text)
        except ValueError as error:
            raise ValidationError(_("This is not valid JSON.")) from error
        if not isinstance(content, dict):
            raise ValidationError(_("This is not valid JSON."))
        return content

    def _post_clean(self) -> None:
        """Leave the rules to the service."""


# A page of so many acts is still read at a glance.
FOLDED_ABOVE = 25


class BaremeInline(ServiceStackedInline):
    """Price lists; a published one never changes."""

    model = Bareme
    fields = (("version", "effective_from", "effective_to"), "prices")
    readonly_fields = ("version", "effective_from", "effective_to", "prices")
    ordering = ("-effective_from", "-pk")
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Bareme]:
        """Load the provider, whose currency the prices are in."""
        rows: QuerySet[Bareme] = super().get_queryset(request).select_related("convention__practice")
        return rows

    @display(description=_("prices"))
    def prices(self, obj: Bareme) -> str:
        """Draw the list, folded away where it is long."""
        count = len(obj.content.get("acts", {}))
        drawn = bareme_table(obj.content, obj.convention.practice.currency)
        if count <= FOLDED_ABOVE:
            return drawn
        title = ngettext("%(n)s act", "%(n)s acts", count) % {"n": count}
        return format_html('<details><summary class="cursor-pointer">{}</summary>{}</details>', title, drawn)


@admin.register(Convention)
class ConventionAdmin(ServiceModelAdmin):
    """Conventions of one's insurer, or of one's practice."""

    form = ConventionForm
    create_service = agree_convention
    update_service = change_convention
    list_display = (
        "provider_name",
        "insurer_name",
        "start_date",
        "end_date",
        "excess_liability",
        "is_active",
    )
    list_filter = ("is_active", "excess_liability", "practice__kind")
    list_select_related = ("insurer", "practice")
    search_fields = ("practice__name", "practice__city")
    search_help_text = _("Name or town of the provider")
    ordering = ("-pk",)
    inlines = (BaremeInline,)
    readonly_fields = ("provider_name", "insurer_name")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("practice", "provider_name", "insurer_name"),
                    ("start_date", "end_date"),
                    ("excess_liability", "is_active"),
                )
            },
        ),
        (_("New price list"), {"fields": (("new_version", "new_from"), "new_prices")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the provider of a new convention; offer a new price list to who may publish it."""
        first, publishing = super().get_fieldsets(request, obj)
        rows = first[1]["fields"]
        if obj is None:
            return ((None, {"fields": ("practice", *rows[1:])}),)
        shown = (None, {"fields": (("provider_name", "insurer_name"), *rows[1:])})
        may = self.has_change_permission(request, obj) and request.user.has_perm("insurance.add_bareme")
        return (shown, publishing) if may else (shown,)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show price lists once the convention exists."""
        return () if obj is None else self.inlines

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Offer the network's providers: their names are public, their files are not."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None:
            # Between whom it is never changes.
            form.base_fields.pop("practice", None)
        elif "practice" in form.base_fields:
            providers = Practice.objects.filter(is_active=True).order_by("name", "pk")
            form.base_fields["practice"].queryset = providers
            form.base_fields["practice"].required = True
        return form

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Agree for one's own insurer."""
        kept = {name: value for name, value in data.items() if name not in NEW_LIST}
        return super().create_object(request, {**kept, "insurer": self.actor(request).insurer})

    def update_object(self, request: HttpRequest, obj: Convention, data: dict[str, Any]) -> Any:
        """Change the convention and publish the list that was typed, both or neither."""
        version, since, content = (data.pop(name, None) for name in NEW_LIST)
        data.pop("practice", None)
        with transaction.atomic():
            changed = super().update_object(request, obj, data)
            if version or since or content:
                self.publish(request, changed, version, since, content)
        return changed

    def publish(
        self, request: HttpRequest, convention: Convention, version: Any, since: Any, content: Any
    ) -> None:
        """Publish a price list; refuses one that lacks its version, day or prices."""
        missing = {
            name: [_("This field is required.")]
            for name, value in zip(NEW_LIST, (version, since, content), strict=True)
            if not value
        }
        if missing:
            raise ValidationError(missing)
        publish_bareme(
            actor=self.actor(request), convention=convention, version=version, effective_from=since, **content
        )

    def object_label(self, obj: Convention) -> str:
        """Name both sides."""
        return f"{obj.insurer.name} – {obj.practice.name}"

    @display(description=_("provider"), ordering="practice__name")
    def provider_name(self, obj: Convention) -> str:
        """Return the provider's name."""
        return obj.practice.name

    @display(description=_("insurer"), ordering="insurer__name")
    def insurer_name(self, obj: Convention) -> str:
        """Return the insurer's name."""
        return obj.insurer.name
