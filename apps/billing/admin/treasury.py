"""Closings, cheque deposits and the training mode in the admin."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.billing.admin.amounts import MoneyText, read, shown
from apps.billing.models import Closing, Deposit, Payment, TrainingSwitch
from apps.billing.services import archive_ledger, close_period, record_deposit, switch_training
from apps.billing.services.closings import PeriodClosed, bounds, drafted
from apps.core.admin import ServiceModelAdmin, ServiceTabularInline
from apps.core.admin.forms import RefusableForm
from apps.core.errors import InvalidInput
from apps.core.limits import RateLimited
from apps.core.storage import attachment

P = Closing.Period


class ClosingForm(RefusableForm):
    """Which period is closed; the cash of the drawer, if somebody counted it."""

    day = forms.DateField(label=_("a day of the period"))
    counted = MoneyText(
        label=_("cash counted"), required=False, help_text=_("Without the float. Empty: nobody counted.")
    )

    class Meta:
        model = Closing
        fields = ("period",)

    def _post_clean(self) -> None:
        """Leave the rules to the service."""


@admin.register(Closing)
class ClosingAdmin(ServiceModelAdmin):
    """Daily, monthly and yearly closings: shown before they are made, never changed afterwards."""

    form = ClosingForm
    list_display = ("starts_on", "period", "asked", "taken_back", "money", "cash", "perpetual")
    list_filter = ("period",)
    ordering = ("-starts_on", "period", "pk")
    change_form_after_template = "admin/closing_preview.html"

    # --- who may, and what is asked

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse changes: a closing is made once."""
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the period; show a closing as it was made."""
        if obj is None:
            return ((None, {"fields": (("period", "day"), "counted")}),)
        facts = (
            ("period", "starts_on", "ends_on"),
            ("asked", "taken_back", "money"),
            "methods",
            ("cash", "difference"),
            "perpetual",
            ("first_sequence", "last_sequence", "closed_at"),
            "archive",
        )
        return ((None, {"fields": facts}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show amounts as people read them."""
        own = ("asked", "taken_back", "money", "methods", "cash", "difference", "perpetual", "archive")
        return () if obj is None else own

    # --- making one

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin with yesterday."""
        period, day = self.chosen(request)
        return {"period": period, "day": day}

    def chosen(self, request: HttpRequest) -> tuple[str, date]:
        """Return which period the page is about: as posted, as in the address, else yesterday."""
        said = request.POST if request.method == "POST" else request.GET
        today = timezone.localdate(timezone=self.actor(request).practice.zone)
        period = said.get("period", "")
        try:
            day = parse_date(said.get("day", "")) or self.typed(said.get("day", ""))
        except ValueError:
            day = None
        return period if period in P.values else P.DAY, day or today - timedelta(days=1)

    def typed(self, text: str) -> date | None:
        """Read a day as the form does."""
        try:
            found: date | None = forms.DateField(required=False).clean(text)
        except forms.ValidationError:
            return None
        return found

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Show what the chosen period comes to before it is closed."""
        if kwargs.get("add") or context.get("add"):
            context["closing_preview"] = self.preview(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def preview(self, request: HttpRequest) -> dict[str, Any]:
        """Return the totals of the chosen period, and the periods one may jump to."""
        practice = self.actor(request).practice
        period, day = self.chosen(request)
        at = timezone.now()
        today = at.astimezone(practice.zone).date()
        jumps = [
            {"period": kind, "day": before.isoformat(), "label": label, "on": (kind, before) == (period, day)}
            for kind, before, label in (
                (P.DAY, today - timedelta(days=1), _("Yesterday")),
                (P.MONTH, today.replace(day=1) - timedelta(days=1), _("Last month")),
                (P.YEAR, today.replace(month=1, day=1) - timedelta(days=1), _("Last year")),
            )
        ]
        starts_on, ends_on = bounds(period, day)
        facts: dict[str, Any] = {
            "jumps": jumps,
            "key": f"{period}:{starts_on}",
            "title": P(period).label,
            "starts_on": starts_on,
            "last_day": ends_on - timedelta(days=1),
            "over": ends_on <= today,
        }
        try:
            closing = drafted(practice=practice, period=period, day=day, at=at)
        except PeriodClosed:
            return facts | {"closed": True}
        return facts | {"rows": self.rows_of(closing), "methods": methods_of(closing)}

    def rows_of(self, closing: Closing) -> list[tuple[Any, str]]:
        """Return the totals of a closing as lines."""
        amounts = (
            (_("invoiced"), closing.invoiced),
            (_("credited"), closing.credited),
            (_("received"), closing.received),
            (_("perpetual total"), closing.perpetual_total),
        )
        return [(label, shown(amount, closing.currency)) for label, amount in amounts]

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Close the period whose totals were on the page."""
        practice = self.actor(request).practice
        key = f"{data['period']}:{bounds(data['period'], data['day'])[0]}"
        if request.POST.get("seen") != key:
            raise InvalidInput(day=[str(_("Look at the totals of this period below, then save again."))])
        return close_period(
            actor=self.actor(request),
            practice=practice,
            period=data["period"],
            day=data["day"],
            cash_counted=read(data["counted"], practice.currency),
            at=timezone.now(),
        )

    # --- the archive

    def get_urls(self) -> Any:
        """Add the address of the archive."""
        view = self.admin_site.admin_view(self.archive_view)
        return [path("<path:object_id>/archive/", view, name="billing_closing_archive"), *super().get_urls()]

    def archive_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hand out the archive of what the closing covers; that it was taken away is recorded."""
        closing = self.visible_object(request, object_id)
        if not request.user.has_perm("billing.export_ledger"):
            raise PermissionDenied
        try:
            archive = archive_ledger(
                actor=self.actor(request), practice=closing.practice, closing=closing, at=timezone.now()
            )
        except RateLimited as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(self.page("change", closing.pk))
        headers = {"Content-Disposition": attachment(archive.file_name)}
        return HttpResponse(archive.data, content_type="application/zip", headers=headers)

    # --- what people read

    def object_label(self, obj: Closing) -> str:
        """Return the period."""
        return f"{obj.get_period_display()} {obj.starts_on:%d/%m/%Y}"

    @display(description=_("invoiced"), ordering="invoiced")
    def asked(self, obj: Closing) -> str:
        """Return what was invoiced."""
        return shown(obj.invoiced, obj.currency)

    @display(description=_("credited"), ordering="credited")
    def taken_back(self, obj: Closing) -> str:
        """Return what was credited."""
        return shown(obj.credited, obj.currency)

    @display(description=_("received"), ordering="received")
    def money(self, obj: Closing) -> str:
        """Return what was received."""
        return shown(obj.received, obj.currency)

    @display(description=_("received by method"))
    def methods(self, obj: Closing) -> str:
        """Return what was received by each method."""
        return " · ".join(f"{label} {amount}" for label, amount in methods_of(obj)) or "–"

    @display(description=_("cash counted"), ordering="cash_counted")
    def cash(self, obj: Closing) -> str:
        """Return what was counted."""
        return shown(obj.cash_counted, obj.currency) or "–"

    @display(description=_("difference"))
    def difference(self, obj: Closing) -> str:
        """Return what was counted beyond what should be there."""
        return shown(obj.cash_difference, obj.currency) or "–"

    @display(description=_("perpetual total"), ordering="perpetual_total")
    def perpetual(self, obj: Closing) -> str:
        """Return the total since the first document."""
        return shown(obj.perpetual_total, obj.currency)

    @display(description=_("archive"))
    def archive(self, obj: Closing) -> str:
        """Return a link to the archive, which verifies itself offline."""
        address = self.page("archive", obj.pk)
        return format_html('<a href="{}">{}</a>', address, _("Download the archive (ZIP)"))


def methods_of(closing: Closing) -> list[tuple[str, str]]:
    """Return what came in by each method, as people read it."""
    return [
        (str(Payment.Method(method).label), shown(amount, closing.currency))
        for method, amount in closing.received_by_method.items()
    ]


class ChequeChoiceField(forms.ModelMultipleChoiceField[Payment]):
    """The cheques of the drawer, each with its day, its patient and its amount."""

    def label_from_instance(self, obj: Any) -> str:
        """Describe a cheque."""
        facts = [f"{obj.received_on:%d/%m/%Y}", obj.patient.display_name, shown(obj.amount, obj.currency)]
        return " · ".join(filter(None, [*facts, obj.reference]))


class DepositForm(RefusableForm):
    """Which cheques go to the bank."""

    payments = ChequeChoiceField(
        label=_("cheques"), queryset=Payment.objects.none(), widget=forms.CheckboxSelectMultiple
    )
    deposited_on = forms.DateField(label=_("deposited on"), required=False)
    reference = forms.CharField(label=_("reference"), max_length=80, required=False)

    class Meta:
        model = Deposit
        fields = ("deposited_on", "reference")

    def _post_clean(self) -> None:
        """Leave the rules to the service."""


class ChequeInline(ServiceTabularInline):
    """The cheques of a slip."""

    model = Payment
    fk_name = "deposit"
    verbose_name_plural = _("cheques")
    fields = ("received_on", "patient", "sum", "reference")
    readonly_fields = fields
    ordering = ("received_on", "pk")

    @display(description=_("amount"))
    def sum(self, obj: Payment) -> str:
        """Return the amount as people read it."""
        return shown(obj.amount, obj.currency)


@admin.register(Deposit)
class DepositAdmin(ServiceModelAdmin):
    """Slips of cheques: made from those in the drawer, never changed afterwards."""

    form = DepositForm
    list_display = ("number", "deposited_on", "cheques", "sum", "reference")
    search_fields = ("number", "reference")
    ordering = ("-deposited_on", "-pk")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse changes: a slip is made once."""
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the cheques; show a slip as it was made."""
        if obj is None:
            return ((None, {"fields": ("payments", ("deposited_on", "reference"))}),)
        return ((None, {"fields": (("number", "deposited_on"), ("cheques", "sum", "reference"))}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the amount as people read it."""
        return () if obj is None else ("sum",)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Show the cheques of an existing slip."""
        return () if obj is None else (ChequeInline,)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Offer the cheques of the drawer, all of them ticked."""
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is None and "payments" in form.base_fields:
            drawer = Payment.objects.visible_to(self.actor(request)).in_drawer().select_related("patient")
            field = form.base_fields["payments"]
            field.queryset = drawer.order_by("received_on", "pk")
            field.initial = [cheque.pk for cheque in field.queryset]
            total = sum(cheque.amount for cheque in field.queryset)
            words = {"count": len(field.initial), "sum": shown(total, self.currency(request))}
            field.help_text = _("Cheques in the drawer: %(count)d. In all: %(sum)s.") % words
        return form

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Put the chosen cheques on a slip."""
        return record_deposit(
            actor=self.actor(request),
            practice=self.actor(request).practice,
            payments=list(data["payments"]),
            deposited_on=data.get("deposited_on"),
            reference=data.get("reference") or "",
            at=timezone.now(),
        )

    def object_label(self, obj: Deposit) -> str:
        """Return the number."""
        return obj.number

    @display(description=_("amount"), ordering="amount")
    def sum(self, obj: Deposit) -> str:
        """Return the amount as people read it."""
        return shown(obj.amount, obj.currency)


@admin.register(TrainingSwitch)
class TrainingSwitchAdmin(ServiceModelAdmin):
    """The training mode: the newest switch says how it is."""

    create_service = switch_training
    list_select_related = ("practice",)
    list_display = ("switched_at", "mode", "reason", "documents", "total", "practised")
    ordering = ("-pk",)
    fields = ("turned_on", "reason")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for the mode and why; show what was practised with."""
        if obj is None:
            return ((None, {"fields": self.fields}),)
        facts = ("switched_at", ("turned_on", "reason"), ("documents", "total", "practised"))
        return ((None, {"fields": facts}),)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show amounts as people read them."""
        return () if obj is None else ("switched_at", "documents", "total", "practised")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the other mode than the present one."""
        rows = TrainingSwitch.objects.visible_to(self.actor(request)).order_by("-id")
        return {"turned_on": not rows.values_list("turned_on", flat=True).first()}

    def object_label(self, obj: TrainingSwitch) -> str:
        """Return mode and day."""
        return f"{self.mode(obj)[1]} {timezone.localtime(obj.switched_at):%d/%m/%Y %H:%M}"

    @display(description=_("mode"), label={"on": "warning", "off": "success"})
    def mode(self, obj: TrainingSwitch) -> tuple[str, str]:
        """Return the mode as a coloured label."""
        return ("on", str(_("training"))) if obj.turned_on else ("off", str(_("real")))

    @display(description=_("total of the specimens"), ordering="amount")
    def total(self, obj: TrainingSwitch) -> str:
        """Return the amount as people read it."""
        return shown(obj.amount, obj.practice.currency)

    @display(description=_("payments practised"), ordering="payments")
    def practised(self, obj: TrainingSwitch) -> str:
        """Return the amount as people read it."""
        return shown(obj.payments, obj.practice.currency)
