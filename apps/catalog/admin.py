"""The catalogue, and what a practice charges."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldBooleanSwitchWidget

from apps.catalog.importer import BadFile
from apps.catalog.models import Act, FavouriteAct, PracticeFee, Tariff, VatCode
from apps.catalog.official import MOST_BYTES, OfficialReport, import_official
from apps.catalog.selectors import TARIFF_CURRENCY, acts_with_prices, search_acts
from apps.catalog.services import set_favourite, set_practice_fee
from apps.core.admin import ServiceModelAdmin, ServiceTabularInline
from apps.core.money import format_money

MOST_LINES = 500
OUTCOMES = {
    "new": _("new"),
    "changed": _("changed"),
    "same": _("unchanged"),
    "unknown": _("unknown act"),
    "wrong": _("wrong line"),
}


def shown_lines(report: OfficialReport | None) -> list[Any]:
    """Return the lines worth reading: all but those that change nothing, some hundreds at most."""
    lines = report.lines if report is not None else ()
    return [line for line in lines if line.outcome != "same"][:MOST_LINES]


def money(amount: int | None, currency: str = TARIFF_CURRENCY) -> str:
    """Return an amount as people read it, a dash where it is not known."""
    return "-" if amount is None else format_money(amount, currency, get_language() or "fr")


class TariffInline(ServiceTabularInline):
    """The prices of an act, the newest first."""

    model = Tariff
    fields = ("valid_from", "valid_to", "shown_price", "shown_brss", "shown_rate", "shown_cap", "basket")
    readonly_fields = fields
    ordering = ("-valid_from",)
    show_change_link = False

    @admin.display(description=_("price"))
    def shown_price(self, tariff: Tariff) -> str:
        """Price in euro."""
        return money(tariff.price)

    @admin.display(description=_("reimbursement base"))
    def shown_brss(self, tariff: Tariff) -> str:
        """Base in euro."""
        return money(tariff.brss)

    @admin.display(description=_("rate"))
    def shown_rate(self, tariff: Tariff) -> str:
        """Rate in per cent."""
        return f"{tariff.rate_bp / 100:g} %"

    @admin.display(description=_("highest price"))
    def shown_cap(self, tariff: Tariff) -> str:
        """Cap in euro."""
        return money(tariff.cap)


@admin.register(Act)
class ActAdmin(ServiceModelAdmin):
    """Acts are read here; they come from the import, and their prices here from the practice's fees."""

    list_display = (
        "code",
        "shown_label",
        "category",
        "shown_price",
        "shown_fee",
        "duration_minutes",
        "vat_code",
    )
    list_display_links = ("code", "shown_label")
    list_filter = ("category", "code_system", "vat_code", "is_active")
    search_fields = ("code", "label_fr", "label_en")
    search_help_text = _("Words of the name in French or English, or a code.")
    inlines = (TariffInline,)
    ordering = ("category", "code", "pk")
    fieldsets = (
        (
            None,
            {"fields": ("code", "code_system", "label_fr", "label_en", "category", "family", "is_active")},
        ),
        (
            _("Where and how long"),
            {"fields": ("requires_tooth", "tooth_rule", "min_surfaces", "max_surfaces", "duration_minutes")},
        ),
        (_("Tax and material"), {"fields": ("vat_code", "consumables")}),
        (_("Where this comes from"), {"fields": ("code_confidence", "amount_confidence", "note")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the acts with today's prices."""
        practice = self.actor(request).practice
        today = timezone.localdate(timezone=practice.zone) if practice else date.today()  # noqa: DTZ011
        rows: Any = super().get_queryset(request)
        return acts_with_prices(rows, practice=practice, on=today)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        """Search as the API does."""
        return (search_acts(queryset, search_term) if search_term else queryset), False

    def object_label(self, obj: Act) -> str:
        """Code and name."""
        return f"{obj.code} · {obj.label}"

    @admin.display(description=_("name"))
    def shown_label(self, act: Act) -> str:
        """Name in the reader's language."""
        return act.label

    @admin.display(description=_("price"))
    def shown_price(self, act: Act) -> str:
        """Price of the tariff in force."""
        rows = getattr(act, "tariffs_now", [])
        return money(rows[0].price if rows else None)

    @admin.display(description=_("our price"))
    def shown_fee(self, act: Act) -> str:
        """The practice's own price."""
        rows = getattr(act, "fees_here", [])
        return money(rows[0].price, rows[0].practice.currency) if rows else "-"


@admin.register(PracticeFee)
class PracticeFeeAdmin(ServiceModelAdmin):
    """What the practice charges instead of the tariff."""

    create_service = set_practice_fee
    delete_service = set_practice_fee
    list_display = ("act", "act_label", "shown_price")
    list_select_related = ("act", "practice")
    search_fields = ("act__code", "act__label_fr", "act__label_en", "act__search_text")
    autocomplete_fields = ("act",)
    fields = ("act", "price")
    money_fields = ("price",)
    ordering = ("act__code", "pk")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep a fee with its act."""
        return ("act",) if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Go back to the tariff: a change of the price, not a deletion of anything."""
        return bool(self.may(request, "change"))

    def update_object(self, request: HttpRequest, obj: PracticeFee, data: dict[str, Any]) -> Any:
        """Set another price for the same act."""
        price = data.get("price", obj.price)
        return set_practice_fee(actor=self.actor(request), practice=obj.practice, act=obj.act, price=price)

    def delete_model(self, request: HttpRequest, obj: PracticeFee) -> None:
        """Go back to the tariff."""
        set_practice_fee(actor=self.actor(request), practice=obj.practice, act=obj.act, price=None)

    def object_label(self, obj: PracticeFee) -> str:
        """Code and name of the act."""
        return f"{obj.act.code} · {obj.act.label}"

    @admin.display(description=_("name"))
    def act_label(self, fee: PracticeFee) -> str:
        """Name of the act."""
        return fee.act.label

    @admin.display(description=_("price"), ordering="price")
    def shown_price(self, fee: PracticeFee) -> str:
        """Price in the practice's currency."""
        return money(fee.price, fee.practice.currency)


@admin.register(VatCode)
class VatCodeAdmin(ServiceModelAdmin):
    """VAT codes the product knows."""

    list_display = ("code", "label_fr", "label_en", "shown_rate", "needs_reason")
    search_fields = ("code", "label_fr", "label_en")
    ordering = ("code", "pk")

    @admin.display(description=_("rate"), ordering="rate_bp")
    def shown_rate(self, vat_code: VatCode) -> str:
        """Rate in per cent."""
        return f"{vat_code.rate_bp / 100:g} %"


@admin.register(FavouriteAct)
class FavouriteActAdmin(ServiceModelAdmin):
    """Acts kept at hand, by one practitioner or by the practice."""

    create_service = set_favourite
    delete_service = set_favourite
    list_display = ("act", "act_label", "practitioner_name")
    list_select_related = ("act", "practitioner")
    search_fields = ("act__code", "act__search_text")
    autocomplete_fields = ("act",)
    fields = ("act", "practitioner")
    ordering = ("act__code", "pk")

    def delete_model(self, request: HttpRequest, obj: FavouriteAct) -> None:
        """Keep it at hand no longer."""
        set_favourite(
            actor=self.actor(request),
            practice=obj.practice,
            act=obj.act,
            practitioner=obj.practitioner,
            favourite=False,
        )

    def object_label(self, obj: FavouriteAct) -> str:
        """Code and name of the act."""
        return f"{obj.act.code} · {obj.act.label}"

    @admin.display(description=_("name"))
    def act_label(self, favourite: FavouriteAct) -> str:
        """Name of the act."""
        return favourite.act.label

    @admin.display(description=_("practitioner"))
    def practitioner_name(self, favourite: FavouriteAct) -> str:
        """Whose it is."""
        found = favourite.practitioner
        return found.display_name if found is not None else str(_("the whole practice"))


class OfficialForm(forms.Form):
    """The file of official tariffs, and whether it is written."""

    file = forms.FileField(label=_("file of tariffs (CSV)"), widget=UnfoldAdminFileFieldWidget)
    write = forms.BooleanField(
        label=_("write the tariffs"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Without it the page only shows what would happen."),
    )

    def clean_file(self) -> bytes:
        """Read the file."""
        given = self.cleaned_data["file"]
        if given.size > MOST_BYTES:
            raise forms.ValidationError(_("The file is larger than 20 MB."))
        content: bytes = given.read()
        return content


@admin.register(Tariff)
class TariffAdmin(ServiceModelAdmin):
    """Dated prices of acts, and the import of the official ones by the platform's administrator."""

    actions_list = ("official",)

    def has_official_permission(self, request: HttpRequest) -> bool:
        """Let those import who may."""
        return bool(request.user.has_perm("catalog.import_tariff"))

    @action(
        description=_("Import official tariffs"),
        url_path="official",
        permissions=["official"],
        icon="upload_file",
    )
    def official(self, request: HttpRequest) -> HttpResponse:
        """Show what a file would change, then write it when asked to."""
        report: OfficialReport | None = None
        form = OfficialForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                report = import_official(
                    actor=self.actor(request),
                    content=form.cleaned_data["file"],
                    dry_run=not form.cleaned_data["write"],
                )
            except BadFile as refusal:
                form.add_error("file", str(refusal))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Import official tariffs"),
            "form": form,
            "report": report,
            "counts": [(name, report.count(key)) for key, name in OUTCOMES.items()] if report else [],
            "rows": [
                (line, OUTCOMES[line.outcome], money(line.before), money(line.after))
                for line in shown_lines(report)
            ],
            "most": MOST_LINES,
        }
        return TemplateResponse(request, "admin/catalog_official.html", context)

    list_display = ("act", "valid_from", "valid_to", "shown_price", "basket")
    list_filter = ("basket", "act__category")
    list_select_related = ("act",)
    search_fields = ("act__code", "act__search_text")
    ordering = ("act__code", "-valid_from", "pk")

    def object_label(self, obj: Tariff) -> str:
        """Code of the act and first day."""
        return f"{obj.act.code} · {obj.valid_from:%d/%m/%Y}"

    @admin.display(description=_("price"), ordering="price")
    def shown_price(self, tariff: Tariff) -> str:
        """Price in euro."""
        return money(tariff.price)
