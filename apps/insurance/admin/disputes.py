"""Disputes in the admin: what waits, since when, and the decision by somebody else than who opened it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin.asking import AskForm, AskingAdmin, FormPage
from apps.core.admin.forms import MoneyField
from apps.core.errors import DomainError
from apps.insurance.admin.agreements import link, money
from apps.insurance.admin.lines import DISPUTE_COLORS, OfReconciliation, days_text, facts_of
from apps.insurance.models import Dispute
from apps.insurance.reconciliation_selectors import disputes_for
from apps.insurance.services.disputes import decide_dispute, most_of


class DecisionForm(AskForm):
    """What becomes of a dispute."""

    decision = forms.ChoiceField(
        label=_("decision"),
        choices=(("", "—"), ("accept", _("Accept the dispute")), ("reject", _("Reject the dispute"))),
    )
    reason = forms.CharField(label=_("reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 4}))

    def __init__(self, *args: Any, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["outcome_amount"] = MoneyField(
            currency=currency, least=0, required=False, label=_("Corrected amount"),
            help_text=_("Only to accept less than the most there is. Leave it empty otherwise."),
        )  # fmt: skip
        self.order_fields(["decision", "outcome_amount", "reason"])


class OfDisputedReconciliation(OfReconciliation):
    """Disputes of one reconciliation."""

    column = "line__reconciliation"


def is_open(dispute: Dispute) -> bool:
    """Say whether it is to be decided."""
    return dispute.status == Dispute.Status.OPEN


@admin.register(Dispute)
class DisputeAdmin(AskingAdmin):
    """Disputes: what waits longest first; decided by the insurer, never by who opened them."""

    list_display = (
        "opened_on", "shown_status", "days", "provider_name", "side", "shown_line", "disputed", "withheld", "outcome",
    )  # fmt: skip
    list_filter = ("status", "side", OfDisputedReconciliation)
    search_fields = ("provider__name", "line__reconciliation__number", "document")
    search_help_text = _("Name of the provider, number of the reconciliation, or document")
    # Those that wait come first, the longest wait on top; then what was decided last.
    ordering = (F("decided_at").desc(nulls_first=True), "opened_at", "pk")
    form_pages = (FormPage("decide", _("Decide"), "insurance.decide_dispute", "gavel", is_open),)
    readonly_fields = tuple(
        "shown_status days waits_for provider_name shown_line opened_by_name opened_on disputed decided_by_name "
        "decided_on withheld outcome settled".split()
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show how it stands; who acted is told to their own house only."""
        mine = obj is not None and (obj.side == Dispute.Side.INSURER) == (
            self.actor(request).insurer_id is not None
        )
        opened = ("side", "opened_by_name", "opened_on") if mine else ("side", "opened_on")
        insurers = self.actor(request).insurer_id is not None
        decided = ("decided_by_name", "decided_on") if insurers else ("decided_on",)
        disputed = (opened, "reason", ("document", "disputed"))
        outcome = (decided, "decision", ("withheld", "outcome"), "settled")
        return (
            (None, {"fields": (("shown_status", "days"), "waits_for", ("provider_name", "shown_line"))}),
            (_("What is disputed"), {"fields": disputed}),
            (_("Outcome"), {"fields": outcome}),
        )

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the disputes of the viewer's house."""
        return disputes_for(viewer=self.actor(request)).order_by(*self.ordering)

    def object_label(self, obj: Dispute) -> str:
        """Return the number of the reconciliation and the day."""
        return f"{obj.line.reconciliation.number}, {timezone.localtime(obj.opened_at):%d/%m/%Y}"

    def offers(self, request: HttpRequest, page: FormPage, obj: Dispute) -> bool:
        """Leave the decision to somebody else than who opened it."""
        return super().offers(request, page, obj) and obj.opened_by_id != self.actor(request).id

    def decide_page(self, request: HttpRequest, obj: Dispute) -> HttpResponse:
        """Ask what becomes of it; decide, or say why not."""
        currency = obj.line.reconciliation.currency
        form = DecisionForm(request.POST or None, viewer=request.user, currency=currency)
        if request.method == "POST" and form.is_valid():
            data = form.cleaned_data
            try:
                decide_dispute(
                    actor=self.actor(request),
                    line=obj.line,
                    verb=data["decision"],
                    reason=data["reason"],
                    outcome_amount=data["outcome_amount"],
                    at=timezone.now(),
                )
            except (DomainError, ValidationError) as refusal:
                form.refuse(refusal)
            else:
                messages.success(request, _now("Decided; the outcome goes into the next reconciliation."))
                return HttpResponseRedirect(self.page("change", obj.pk))
        facts = [
            *facts_of(obj.line),
            (_("disputed"), money(obj.amount, currency)),
            (_("outcome at most"), money(most_of(obj), currency)),
            (_("opened by the"), obj.get_side_display()),
            (_("reason"), obj.reason),
            (_("document"), obj.document or "–"),
        ]
        return self.show_form(request, obj, form, "decide", facts=facts)

    @display(description=_("status"), ordering="status", label=DISPUTE_COLORS)
    def shown_status(self, obj: Dispute) -> tuple[str, str]:
        """Return the status in colour."""
        return obj.status, obj.get_status_display()

    @display(description=_("days outstanding"), ordering="opened_at")
    def days(self, obj: Dispute) -> str:
        """Say for how long it has been open, or was."""
        return days_text(obj)

    @display(description=_("next step"))
    def waits_for(self, obj: Dispute) -> str:
        """Say who is to do what."""
        if not is_open(obj):
            return str(_("Decided.") if obj.carried_to_id is None else _("Decided and settled."))
        if obj.side == Dispute.Side.INSURER:
            return str(_("Another administrator of the insurer decides than the one who opened it."))
        return str(_("An administrator of the insurer decides."))

    @display(description=_("provider"), ordering="provider__name")
    def provider_name(self, obj: Dispute) -> str:
        """Return whose line it is."""
        return obj.provider.name

    @display(description=_("line"))
    def shown_line(self, obj: Dispute) -> str:
        """Return the line, leading to its page."""
        claim = f" …{str(obj.line.claim_id)[-6:]}" if obj.line.claim_id else ""
        return link("reconciliationline", obj.line_id, f"{obj.line.reconciliation.number}{claim}")

    @display(description=_("opened"), ordering="opened_at")
    def opened_on(self, obj: Dispute) -> str:
        """Return the day."""
        return f"{timezone.localtime(obj.opened_at):%d/%m/%Y}"

    @display(description=_("opened by"))
    def opened_by_name(self, obj: Dispute) -> str:
        """Return who opened it."""
        return obj.opened_by.get_full_name()

    @display(description=_("decided by"))
    def decided_by_name(self, obj: Dispute) -> str:
        """Return who decided it."""
        return obj.decided_by.get_full_name() if obj.decided_by is not None else "–"

    @display(description=_("decided"))
    def decided_on(self, obj: Dispute) -> str:
        """Return the day."""
        return "–" if obj.decided_at is None else f"{timezone.localtime(obj.decided_at):%d/%m/%Y}"

    @display(description=_("disputed"), ordering="amount")
    def disputed(self, obj: Dispute) -> str:
        """Return how much."""
        return money(obj.amount, obj.line.reconciliation.currency)

    @display(description=_("withheld"), ordering="withheld_amount")
    def withheld(self, obj: Dispute) -> str:
        """Return what was left out of the payment."""
        return money(obj.withheld_amount, obj.line.reconciliation.currency)

    @display(description=_("outcome"), ordering="outcome_amount")
    def outcome(self, obj: Dispute) -> str:
        """Return what the provider gets of it, or loses."""
        found = obj.outcome_amount
        return "–" if found is None else money(found, obj.line.reconciliation.currency)

    @display(description=_("settled in"))
    def settled(self, obj: Dispute) -> str:
        """Lead to the line of a later reconciliation that settles it."""
        if obj.carried_to is None:
            return "–"
        number = obj.carried_to.reconciliation.number
        return link("reconciliationline", obj.carried_to_id, number)
