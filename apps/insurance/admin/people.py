"""Insured people in the admin; providers look them up over the API only."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin import ServiceModelAdmin, ServiceTabularInline
from apps.core.admin.forms import RefusableForm
from apps.insurance.identifiers import identity_index, mask_identity, normalise_identity
from apps.insurance.models import Adherent, ContractMember
from apps.insurance.services.adherents import change_adherent, register_adherent


class InsurerPage(ServiceModelAdmin):
    """A page of an insurer's own people; providers have none."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask the matrix, of insurers only."""
        return self.is_insurer(request) and super().has_view_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the page in the menu of insurers only."""
        return self.is_insurer(request) and super().has_module_permission(request)

    def is_insurer(self, request: HttpRequest) -> bool:
        """Whether somebody of an insurer looks."""
        return getattr(request.user, "insurer_id", None) is not None

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Write for one's own insurer."""
        return super().create_object(request, {**data, "insurer": self.actor(request).insurer})


class AdherentForm(RefusableForm):
    """A person's card; the identifier is typed, never shown."""

    new_national_id = forms.CharField(
        label=_("national identifier"),
        help_text=_("Left empty, what is stored stays."),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    new_phone = forms.CharField(label=_("phone"), required=False, max_length=40)

    class Meta:
        model = Adherent
        fields = (
            "first_name",
            "last_name",
            "date_of_birth",
            "gender",
            "email",
            "address",
            "city",
            "lat",
            "lng",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "new_national_id" in self.fields:
            self.fields["new_national_id"].required = self.instance._state.adding
        if not self.instance._state.adding:
            self.initial["new_phone"] = self.instance.phone

    def _post_clean(self) -> None:
        """Leave the rules to the service."""


class MembershipInline(ServiceTabularInline):
    """Contracts a person is or was under."""

    model = ContractMember
    fields = ("contract_number", "relation", "joined_on", "left_on", "status")
    readonly_fields = fields
    ordering = ("-joined_on", "pk")
    show_change_link = False
    verbose_name_plural = _("contracts")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ContractMember]:
        """Load the contracts as well."""
        rows: QuerySet[ContractMember] = super().get_queryset(request).select_related("contract")
        return rows

    @display(description=_("contract"))
    def contract_number(self, obj: ContractMember) -> str:
        """Return the contract's number."""
        return obj.contract.contract_number

    @display(description=_("status"))
    def status(self, obj: ContractMember) -> str:
        """Return the contract's status."""
        return obj.contract.get_status_display()


@admin.register(Adherent)
class AdherentAdmin(InsurerPage):
    """Insured people of one's insurer."""

    form = AdherentForm
    create_service = register_adherent
    update_service = change_adherent
    list_display = ("name", "date_of_birth", "gender", "city", "identifier")
    list_filter = ("gender",)
    search_fields = ("last_name__istartswith", "first_name__istartswith")
    search_help_text = _("Beginning of a name, or the whole national identifier")
    ordering = ("last_name", "first_name", "pk")
    inlines = (MembershipInline,)
    readonly_fields = ("identifier",)
    fieldsets = (
        (
            _("Identity"),
            {
                "fields": (
                    ("last_name", "first_name"),
                    ("date_of_birth", "gender"),
                    ("identifier", "new_national_id"),
                )
            },
        ),
        (
            _("How to reach them"),
            {"fields": (("new_phone", "email"), ("address", "city"), ("lat", "lng"))},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Adherent]:
        """Leave out people taken out of use."""
        rows: QuerySet[Adherent] = super().get_queryset(request).filter(deleted_at__isnull=True)
        return rows

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show contracts once the person exists."""
        return () if obj is None else self.inlines

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """Find by name, or by a whole identifier through its keyed hash."""
        found, doubled = super().get_search_results(request, queryset, search_term)
        try:
            index = identity_index(normalise_identity(search_term))
        except ValidationError:
            return found, doubled
        return found | queryset.filter(national_id_hash=index), doubled

    def form_data(self, request: HttpRequest, form: Any, change: bool) -> dict[str, Any]:
        """Name the fields as the services do; an identifier left empty is no change."""
        data = super().form_data(request, form, change)
        if national_id := data.pop("new_national_id", ""):
            data["national_id"] = national_id
        if "new_phone" in data:
            data["phone"] = data.pop("new_phone")
        return data

    def object_label(self, obj: Adherent) -> str:
        """Return the name."""
        return obj.display_name

    @display(description=_("name"), ordering="last_name")
    def name(self, obj: Adherent) -> str:
        """Return the name."""
        return obj.display_name

    @display(description=_("national identifier"))
    def identifier(self, obj: Adherent) -> str:
        """Return the last two characters."""
        return mask_identity(obj.national_id) if obj.national_id else ""
