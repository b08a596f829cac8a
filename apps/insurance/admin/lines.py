"""Lines of reconciliations in the admin: frozen, and where a dispute begins."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin.asking import AskForm, AskingAdmin, FormPage
from apps.core.admin.forms import MoneyField
from apps.core.errors import DomainError
from apps.insurance.admin.agreements import link, money, table
from apps.insurance.models import Dispute, Reconciliation, ReconciliationLine
from apps.insurance.reconciliation_selectors import days_open, lines_for
from apps.insurance.services.disputes import is_disputable, open_dispute

Kind = ReconciliationLine.Kind
Status = Dispute.Status
KIND_COLORS: dict[str, str] = {
    Kind.CLAIM: "info",
    Kind.REVERSAL: "danger",
    Kind.DISPUTE_OUTCOME: "warning",
    Kind.CARRY: "warning",
}
DISPUTE_COLORS: dict[str, str] = {
    Status.OPEN: "warning",
    Status.ACCEPTED: "success",
    Status.REJECTED: "danger",
}
# As many as a filter is read for.
RECENT = 24


class DisputeForm(AskForm):
    """What is wrong with a line."""

    reason = forms.CharField(label=_("reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 4}))
    document = forms.CharField(
        label=_("document"),
        max_length=120,
        required=False,
        help_text=_("Name or number of the document that shows it: a letter, a prescription, an invoice."),
    )

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"] = MoneyField(
            currency=currency, least=1, required=False, label=_("Disputed amount"),
            help_text=_("Leave it empty to dispute all of the line's net."),
        )  # fmt: skip
        self.order_fields(["reason", "amount", "document"])


class OfReconciliation(admin.SimpleListFilter):
    """Rows of one reconciliation, by its number; the page of a reconciliation leads here."""

    title = _("reconciliation")
    parameter_name = "reconciliation"
    column = "reconciliation"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the recent ones, and the one that was asked for."""
        rows = Reconciliation.objects.visible_to(model_admin.actor(request)).newest_first()
        found = {str(row.pk): row.number for row in rows[:RECENT]}
        asked = request.GET.get(self.parameter_name, "")
        if asked and asked not in found:
            found |= {str(row.pk): row.number for row in rows if str(row.pk) == asked}
        return list(found.items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Keep one reconciliation's."""
        known = {key for key, _number in self.lookup_choices}
        if not self.value():
            return queryset
        return queryset.filter(**{self.column: self.value()}) if self.value() in known else queryset.none()


class DisputedFilter(admin.SimpleListFilter):
    """Lines by what is disputed of them."""

    title = _("dispute")
    parameter_name = "disputed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer the states of a dispute."""
        return [(str(value), label) for value, label in Status.choices]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Keep lines with such a dispute."""
        if self.value() not in Status.values:
            return queryset
        found = Dispute.objects.filter(status=self.value())
        return queryset.filter(pk__in=found.values("line"))


def may_be_disputed(line: ReconciliationLine) -> bool:
    """Say whether somebody could dispute a line now."""
    return is_disputable(line.reconciliation, timezone.now()) and open_one(line) is None


def open_one(line: ReconciliationLine) -> Dispute | None:
    """Return what is being disputed of a line."""
    return next((row for row in line.shown_disputes if row.status == Status.OPEN), None)  # type: ignore[attr-defined]  # prefetched


@admin.register(ReconciliationLine)
class ReconciliationLineAdmin(AskingAdmin):
    """Lines of reconciliations, frozen; from here one is disputed."""

    list_display = (
        "line_name", "provider_name", "shown_number", "shown_dispute", "service_day", "shown_kind", "shown_covered", "kept",
        "shown_net",
    )  # fmt: skip
    list_filter = (OfReconciliation, "kind", DisputedFilter)
    search_fields = ("provider__name", "reconciliation__number")
    search_help_text = _("Name of the provider, or number of the reconciliation")
    ordering = ("-reconciliation_id", "-provider_id", "-pk")
    form_pages = (
        FormPage(
            "dispute",
            _("Dispute this line"),
            "insurance.dispute_reconciliationline",
            "gavel",
            may_be_disputed,
        ),
    )
    fieldsets = (
        (None, {"fields": (("shown_number", "provider_name"), ("shown_claim", "service_day", "shown_kind"))}),
        (_("Amounts"), {"fields": (("asked", "shown_covered", "kept", "shown_net"), "came_from")}),
        (_("Disputes"), {"fields": ("disputes",)}),
    )
    readonly_fields = tuple(
        "shown_number provider_name shown_claim service_day shown_kind asked shown_covered kept shown_net came_from "
        "disputes".split()
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the lines of reconciliations that stand, with what is disputed of them."""
        return lines_for(viewer=self.actor(request)).filter(is_live=True).order_by(*self.ordering)

    def object_label(self, obj: ReconciliationLine) -> str:
        """Return the number, and the end of the claim's key."""
        claim = f" …{str(obj.claim_id)[-6:]}" if obj.claim_id else ""
        return f"{obj.reconciliation.number}{claim}"

    def dispute_page(self, request: HttpRequest, obj: ReconciliationLine) -> HttpResponse:
        """Ask what is wrong; open the dispute, or say why not."""
        currency = obj.reconciliation.currency
        form = DisputeForm(request.POST or None, viewer=request.user, currency=currency)
        if request.method == "POST" and form.is_valid():
            try:
                opened = open_dispute(
                    actor=self.actor(request), line=obj, at=timezone.now(), **form.cleaned_data
                )
            except (DomainError, ValidationError) as refusal:
                form.refuse(refusal)
            else:
                messages.success(request, _now("The dispute is open; the insurer decides it."))
                return HttpResponseRedirect(reverse("admin:insurance_dispute_change", args=(opened.pk,)))
        sent = obj.reconciliation.status == Reconciliation.Status.SENT
        intro = (
            _("What is disputed is left out of the payment until it is decided.")
            if sent
            else _("It is paid already: the outcome is a line of the next reconciliation.")
        )
        return self.show_form(request, obj, form, "dispute", intro=intro, facts=facts_of(obj))

    @display(description=_("line"))
    def line_name(self, obj: ReconciliationLine) -> str:
        """Return what the line is about; it leads to the line's own page."""
        kind = obj.claim.get_type_display() if obj.claim is not None else obj.get_kind_display()
        return f"{kind} …{str(obj.claim_id or obj.pk)[-6:]}"

    @display(description=_("reconciliation"), ordering="reconciliation__number")
    def shown_number(self, obj: ReconciliationLine) -> str:
        """Return the number of its reconciliation."""
        return link("reconciliation", obj.reconciliation_id, obj.reconciliation.number)

    @display(description=_("provider"), ordering="provider__name")
    def provider_name(self, obj: ReconciliationLine) -> str:
        """Return who is paid."""
        return obj.provider.name

    @display(description=_("claim"))
    def shown_claim(self, obj: ReconciliationLine) -> str:
        """Return the claim, leading to its page."""
        if obj.claim is None:
            return "–"
        return link("claim", obj.claim_id, f"{obj.claim.get_type_display()} …{str(obj.claim_id)[-6:]}")

    @display(description=_("day of care"))
    def service_day(self, obj: ReconciliationLine) -> str:
        """Return the day of care."""
        return f"{obj.claim.service_date:%d/%m/%Y}" if obj.claim is not None else "–"

    @display(description=_("kind"), ordering="kind", label=KIND_COLORS)
    def shown_kind(self, obj: ReconciliationLine) -> tuple[str, str]:
        """Return what kind of line it is."""
        return obj.kind, obj.get_kind_display()

    @display(description=_("asked"), ordering="amount")
    def asked(self, obj: ReconciliationLine) -> str:
        """Return what was asked."""
        return money(obj.amount, obj.reconciliation.currency)

    @display(description=_("covered"), ordering="covered")
    def shown_covered(self, obj: ReconciliationLine) -> str:
        """Return what is covered."""
        return money(obj.covered, obj.reconciliation.currency)

    @display(description=_("retention"), ordering="retention")
    def kept(self, obj: ReconciliationLine) -> str:
        """Return its share of what is kept back."""
        return money(obj.retention, obj.reconciliation.currency)

    @display(description=_("net"), ordering="net")
    def shown_net(self, obj: ReconciliationLine) -> str:
        """Return what it comes to."""
        return money(obj.net, obj.reconciliation.currency)

    @display(description=_("dispute"), label=DISPUTE_COLORS)
    def shown_dispute(self, obj: ReconciliationLine) -> Any:
        """Return how its last dispute stands."""
        found: list[Dispute] = obj.shown_disputes  # type: ignore[attr-defined]  # prefetched
        return (found[-1].status, found[-1].get_status_display()) if found else None

    @display(description=_("carried over from"))
    def came_from(self, obj: ReconciliationLine) -> str:
        """Lead to the line it settles the dispute of."""
        if obj.carried_from_id is None:
            return "–"
        return link("reconciliationline", obj.carried_from_id, _now("The line that was disputed"))

    @display(description=_("disputes"))
    def disputes(self, obj: ReconciliationLine) -> str:
        """List what was disputed, each leading to its page."""
        found: list[Dispute] = obj.shown_disputes  # type: ignore[attr-defined]  # prefetched
        if not found:
            return str(_("Nobody has disputed this line."))
        return dispute_table(found, obj.reconciliation.currency)


def facts_of(line: ReconciliationLine) -> list[tuple[Any, str]]:
    """Return what a form about a line shows of it."""
    currency = line.reconciliation.currency
    return [
        (_("provider"), line.provider.name),
        (_("reconciliation"), line.reconciliation.number),
        (_("covered"), money(line.covered, currency)),
        (_("net"), money(line.net, currency)),
    ]


def dispute_table(found: list[Dispute], currency: str) -> str:
    """Draw disputes of one currency, each leading to its page."""
    rows = [
        (
            link("dispute", row.pk, timezone.localtime(row.opened_at).strftime("%d/%m/%Y")),
            row.get_side_display(),
            row.get_status_display(),
            days_text(row),
            money(row.amount, currency),
            money(row.withheld_amount, currency),
            "–" if row.outcome_amount is None else money(row.outcome_amount, currency),
        )
        for row in found
    ]
    headings = (
        _("Opened"), _("Opened by the"), _("Status"), _("Days outstanding"), _("Disputed"), _("Withheld"), _("Outcome"),
    )  # fmt: skip
    return table(headings, rows, numeric=range(3, 7))


def days_text(dispute: Dispute) -> str:
    """Say for how many days a dispute has been open, or was."""
    return str(_("%(days)s d") % {"days": days_open(dispute, timezone.now())})
