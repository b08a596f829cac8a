"""The house, its people, rooms and hours, and the insurers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminColorInputWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from apps.core.admin import ServiceModelAdmin, ServiceTabularInline
from apps.core.admin.forms import RefusableForm
from apps.directory.identifiers import grouped
from apps.directory.models import BankAccount, Insurer, OpeningHours, Practice, Practitioner, Room
from apps.directory.selectors import account_of
from apps.directory.services import (
    change_insurer,
    change_practice,
    change_practitioner,
    change_room,
    create_practice,
    create_practitioner,
    create_room,
    keeps_account,
    remove_room,
    set_bank_account,
)


class OpeningHoursInline(ServiceTabularInline):
    """Hours on the practice's wall clock."""

    model = OpeningHours
    service_argument = "opening_hours"
    fields = ("weekday", "opens_at", "closes_at", "valid_from", "valid_until")
    show_change_link = False
    ordering = ("weekday", "opens_at", "pk")


class HouseHoursInline(OpeningHoursInline):
    """Hours of the practice itself, those of its people left out."""

    fk_name = "practice"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OpeningHours]:
        """Return the hours of the house."""
        rows: QuerySet[OpeningHours] = super().get_queryset(request).filter(practitioner__isnull=True)
        return rows


def stretches(data: dict[str, Any]) -> dict[str, Any]:
    """Return the data with hours as the services take them: whole, without keys."""
    if "opening_hours" in data:
        data["opening_hours"] = [
            {name: value for name, value in row.items() if name != "id"} for row in data["opening_hours"]
        ]
    return data


class OwnedForm(RefusableForm):
    """A row of a practice; the platform's administrator, who has none, names it when creating.

    The model's own field is not editable, so that nobody moves a row to another house; hence another name.
    """

    owner = forms.ModelChoiceField(
        Practice.objects.none(), label=_("practice"), widget=UnfoldAdminSelectWidget, required=True
    )


class OwnedAdmin(ServiceModelAdmin):
    """Settings of one practice, kept by its administrator or by the platform's."""

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Ask the platform's administrator for the practice of a new row."""
        if self.asks_for_practice(request, obj):
            kwargs["form"] = OwnedForm
        form = super().get_form(request, obj, change=change, **kwargs)
        if "owner" in form.base_fields:
            form.base_fields["owner"].queryset = Practice.objects.visible_to(self.actor(request)).order_by(
                "name", "pk"
            )
        return form

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Put the practice first where it is asked."""
        sets = super().get_fieldsets(request, obj)
        return ((None, {"fields": ("owner",)}), *sets) if self.asks_for_practice(request, obj) else sets

    def get_list_display(self, request: HttpRequest) -> Any:
        """Show the practice to those who see several."""
        return (
            (*self.list_display, "practice") if self.actor(request).practice_id is None else self.list_display
        )

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Create the row in the practice named, or in one's own."""
        owner = data.pop("owner", None)
        return super().create_object(request, data if owner is None else {**data, "practice": owner})

    def asks_for_practice(self, request: HttpRequest, obj: Any) -> bool:
        """Say whether the form must name the practice."""
        return obj is None and self.actor(request).practice_id is None


@admin.register(Practice)
class PracticeAdmin(ServiceModelAdmin):
    """The house: its card, its books and its hours."""

    create_service = create_practice
    update_service = change_practice
    list_display = ("name", "kind", "city", "phone", "currency", "is_active")
    list_filter = ("kind", "is_active", "country")
    search_fields = ("name", "city", "license_no", "siret")
    ordering = ("name", "pk")
    inlines = (HouseHoursInline,)
    fieldsets = (
        (None, {"fields": (("name", "kind"), "speciality", "is_active")}),
        (_("Contact"), {"fields": ("address", ("postal_code", "city", "country"), ("phone", "email"))}),
        (_("Official numbers"), {"fields": (("license_no", "siret"), ("legal_form", "tax_id"))}),
        (_("Books and clock"), {"fields": (("currency", "vat_status"), "timezone")}),
    )

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Open the practice with its hours."""
        return super().create_object(request, stretches(data))

    def update_object(self, request: HttpRequest, obj: Any, data: dict[str, Any]) -> Any:
        """Change the practice, its hours as a whole."""
        return super().update_object(request, obj, stretches(data))


class BankAccountForm(RefusableForm):
    """The account as banks print it, in groups of four."""

    iban = forms.CharField(
        label=_("account"),
        max_length=50,
        help_text=_("IBAN, or a Tunisian RIB of 20 digits. Spaces do not matter."),
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding and "iban" in self.fields:
            self.initial["iban"] = grouped(self.instance.iban)


@admin.register(BankAccount)
class BankAccountAdmin(ServiceModelAdmin):
    """Where a practice is paid: kept by whoever runs the house."""

    form = BankAccountForm
    list_display = ("practice", "account", "updated_at")
    list_select_related = ("practice",)
    ordering = ("practice__name", "pk")
    update_changed_only = False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the whole account to those who keep it."""
        name = "iban" if self.keeps(request) else "account"
        text = _(
            "Insurers pay to this account. Each sees it on its own reconciliations; one that was made before keeps the "
            "account it was made with."
        )
        return ((None, {"fields": (name,), "description": text}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the masked account to the others."""
        return () if self.keeps(request) else ("account",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Offer to name an account while there is none."""
        may: bool = super().has_add_permission(request)
        return may and self.keeps(request) and account_of(viewer=self.actor(request)) is None

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let those change it who run the house."""
        return self.keeps(request) and super().has_change_permission(request, obj)

    def keeps(self, request: HttpRequest) -> bool:
        """Say whether the account is this user's to change."""
        user = self.actor(request)
        return user.practice is not None and keeps_account(user, user.practice)

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Name the first account."""
        return set_bank_account(actor=self.actor(request), practice=self.actor(request).practice, **data)

    def update_object(self, request: HttpRequest, obj: Any, data: dict[str, Any]) -> Any:
        """Change the account."""
        return set_bank_account(actor=self.actor(request), practice=obj.practice, **data)

    def object_label(self, obj: BankAccount) -> str:
        """Return the masked account."""
        return obj.masked

    @admin.display(description=_("account"))
    def account(self, obj: BankAccount) -> str:
        """Return the masked account."""
        return obj.masked


@admin.register(Practitioner)
class PractitionerAdmin(OwnedAdmin):
    """Those who treat and those who assist."""

    create_service = create_practitioner
    update_service = change_practitioner
    list_display = ("name", "kind", "speciality", "rpps", "default_room", "is_active")
    list_filter = ("kind", "is_active")
    list_select_related = ("practice", "default_room")
    search_fields = ("last_name", "first_name", "rpps")
    ordering = ("last_name", "first_name", "pk")
    inlines = (OpeningHoursInline,)
    fieldsets = (
        (None, {"fields": (("title", "first_name", "last_name"), ("kind", "speciality"), "is_active")}),
        (_("Official numbers"), {"fields": (("rpps", "am_number"),)}),
        (_("Agenda"), {"fields": (("color", "default_room"),)}),
    )

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Take hours of their own once the person exists."""
        return () if obj is None else self.inlines

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Choose the colour by sight."""
        return by_sight(super().formfield_for_dbfield(db_field, request, **kwargs), db_field)

    def update_object(self, request: HttpRequest, obj: Any, data: dict[str, Any]) -> Any:
        """Change the person, their hours as a whole."""
        return super().update_object(request, obj, stretches(data))

    def object_label(self, obj: Practitioner) -> str:
        """Return the name."""
        return obj.display_name

    @admin.display(description=_("name"), ordering="last_name")
    def name(self, obj: Practitioner) -> str:
        """Return the name."""
        return obj.display_name


@admin.register(Room)
class RoomAdmin(OwnedAdmin):
    """Chairs and rooms."""

    create_service = create_room
    update_service = change_room
    delete_service = remove_room
    list_display = ("name", "kind", "position", "is_active")
    list_filter = ("kind", "is_active")
    list_select_related = ("practice",)
    search_fields = ("name",)
    ordering = ("position", "name", "pk")
    fields = (("name", "kind"), ("color", "position"), "equipment", "is_active")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Room]:
        """Leave out the rooms taken out of use."""
        rows: QuerySet[Room] = super().get_queryset(request).filter(deleted_at__isnull=True)
        return rows

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Choose the colour by sight; type equipment as words."""
        if db_field.name == "equipment":
            return WordsField(
                label=db_field.verbose_name,
                required=False,
                help_text=_("Separated by commas."),
                widget=UnfoldAdminTextInputWidget,
            )
        return by_sight(super().formfield_for_dbfield(db_field, request, **kwargs), db_field)


@admin.register(Insurer)
class InsurerAdmin(ServiceModelAdmin):
    """Payers; an insurer keeps its own card."""

    update_service = change_insurer
    list_display = ("name", "code", "kind", "phone", "email", "is_active")
    list_filter = ("kind", "is_active")
    search_fields = ("name", "code")
    ordering = ("name", "pk")
    fields = (("name", "code"), "kind", "tax_id", "address", ("phone", "email"), "currency", "is_active")
    readonly_fields = ("code", "kind")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Insurer]:
        """Leave out the insurers taken out of use."""
        rows: QuerySet[Insurer] = super().get_queryset(request).filter(deleted_at__isnull=True)
        return rows

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let an insurer's people change their own card only."""
        own = obj is None or obj.pk == self.actor(request).insurer_id
        return own and super().has_change_permission(request, obj)


class WordsField(forms.CharField):
    """A list of words, typed with commas between them."""

    def prepare_value(self, value: Any) -> Any:
        """Show the list as text."""
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        """Return the words."""
        return [word.strip() for word in str(super().clean(value) or "").split(",") if word.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare as lists."""
        return bool(list(initial or []) != self.clean(data))


def by_sight(field: Any, db_field: Any) -> Any:
    """Give colours a colour picker; it cannot say "none", so a colour that may be missing is typed."""
    if field is not None and db_field.name == "color" and not db_field.blank:
        field.widget = UnfoldAdminColorInputWidget()
    return field
