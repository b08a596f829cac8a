"""Claims in the admin: the insurer's desk and the provider's, each through the services the API calls."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from apps.core.access import rows_read
from apps.core.admin import ServiceModelAdmin, service_action
from apps.insurance.admin.agreements import money, table
from apps.insurance.admin.balances import balance_bars
from apps.insurance.fhir.responses import sentence
from apps.insurance.models import Claim, ClaimReview
from apps.insurance.rule_names import name_of
from apps.insurance.services.approving import approve_claim, waiting_approval
from apps.insurance.services.deciding import block_claim, reject_claim, review_claim
from apps.insurance.services.withdrawing import confirm_claim, void_claim

S = Claim.Status
COLORS = {
    S.PENDING: "info",
    S.ELIGIBLE: "info",
    S.APPROVED: "success",
    S.PAID: "success",
    S.PENDING_REVIEW: "warning",
    S.BLOCKED: "danger",
    S.REJECTED: "danger",
}


@admin.register(Claim)
class ClaimAdmin(ServiceModelAdmin):
    """Claims: to decide, to confirm or to withdraw; never to write by hand."""

    list_filter = ("status", "type", ("service_date", RangeDateFilter))
    list_select_related = ("provider", "insurer", "adherent")
    search_fields = ("adherent__last_name", "adherent__first_name", "contract__contract_number")
    search_help_text = _("Name of the insured person, or contract number")
    ordering = ("-pk",)
    actions = ("approve", "reject", "block", "take_up", "confirm", "withdraw")

    # --- who sees what

    def is_insurer(self, request: HttpRequest) -> bool:
        """Whether somebody of an insurer looks."""
        return getattr(request.user, "insurer_id", None) is not None

    def get_list_display(self, request: HttpRequest) -> Any:
        """Show the queue: what waits, since when, how much, and to the insurer how suspicious."""
        shown = ["shown_status", "age", "insured", "type", "service_date", "asked", "covered"]
        return [*shown, "provider", "fraud_score"] if self.is_insurer(request) else [*shown, "insurer"]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the claim and its lines; what screening saw and who decided to the insurer alone."""
        head = (
            ("shown_status", "shown_reason"),
            ("type", "service_date", "service_end_date"),
            ("insured", "contract_number"),
            ("insurer", "provider"),
            ("submitted_at", "validated_at", "paid_at"),
        )
        sums = (("asked", "covered", "left_to_patient", "borne_by_provider"), "lines")
        found: list[Any] = [(None, {"fields": head}), (_("Amounts"), {"fields": sums})]
        if self.is_insurer(request):
            found += [
                (_("Screening"), {"fields": ("score", "flags")}),
                (_("Decisions"), {"fields": ("waits_for", "decisions")}),
                (_("Limits of the contract"), {"fields": ("limits",)}),
            ]
        return found

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Compute what is shown."""
        own = (
            "shown_status shown_reason insured contract_number asked covered left_to_patient borne_by_provider lines"
        ).split()
        return own + (
            ["score", "flags", "waits_for", "decisions", "limits"] if self.is_insurer(request) else []
        )

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> Any:
        """Record who read the claim, before it shows."""
        if kwargs.get("obj") is not None:
            rows_read.send(self.actor(request), [kwargs["obj"]], "insurance.claim.read")
        return super().render_change_form(request, context, *args, **kwargs)

    def object_label(self, obj: Claim) -> str:
        """Return kind, day and last digits."""
        return f"{obj.get_type_display()} {obj.service_date:%d/%m/%Y} …{str(obj.pk)[-6:]}"

    # --- what is shown

    @display(description=_("status"), ordering="status", label=COLORS)
    def shown_status(self, obj: Claim) -> tuple[str, str]:
        """Return the status in colour."""
        return obj.status, obj.get_status_display()

    @display(description=_("age"), ordering="submitted_at")
    def age(self, obj: Claim) -> str:
        """Say for how many days it has been here."""
        days = (timezone.now() - obj.submitted_at).days
        return str(_("%(days)s d") % {"days": days})

    @display(description=_("insured person"), ordering="adherent__last_name")
    def insured(self, obj: Claim) -> str:
        """Return who was cared for."""
        return obj.adherent.display_name

    @display(description=_("contract number"))
    def contract_number(self, obj: Claim) -> str:
        """Return the contract."""
        return obj.contract.contract_number if obj.contract is not None else "–"

    @display(description=_("reason"))
    def shown_reason(self, obj: Claim) -> str:
        """Return why; a blocked or held claim says only that it is being verified."""
        if obj.status in {S.BLOCKED, S.PENDING_REVIEW}:
            return str(_("Being verified"))
        return obj.reason_code or "–"

    @display(description=_("asked"), ordering="total_amount")
    def asked(self, obj: Claim) -> str:
        """Return what was asked."""
        return money(obj.total_amount, obj.currency)

    @display(description=_("covered"), ordering="covered_amount")
    def covered(self, obj: Claim) -> str:
        """Return what is covered."""
        return money(obj.covered_amount, obj.currency)

    @display(description=_("patient's share"))
    def left_to_patient(self, obj: Claim) -> str:
        """Return what the patient bears."""
        return money(obj.copay_amount, obj.currency)

    @display(description=_("borne by the provider"))
    def borne_by_provider(self, obj: Claim) -> str:
        """Return what nobody may ask of the patient."""
        return money(obj.writeoff_amount, obj.currency)

    @display(description=_("lines"))
    def lines(self, obj: Claim) -> Any:
        """Draw the lines with their amounts, each explained in words."""
        language = (get_language() or "fr")[:2]
        hidden = obj.status == S.BLOCKED
        rows = [
            (
                f"{item.code} {item.label}".strip(),
                item.tooth or "–",
                item.quantity,
                money(item.line_total, obj.currency),
                money(item.covered_amount, obj.currency),
                money(item.copay_amount, obj.currency),
                _("Being verified") if hidden else sentence(item, obj.currency, language),
            )
            for item in obj.items.order_by("sequence")
        ]
        headings = (
            _("Act or product"), _("Tooth"), _("Quantity"), _("Asked"), _("Covered"), _("Patient"), _("Explanation"),
        )  # fmt: skip
        return table(headings, rows)

    @display(description=_("fraud score"))
    def score(self, obj: Claim) -> str:
        """Return the score of a hundred."""
        return f"{obj.fraud_score} / 100"

    @display(description=_("flags"))
    def flags(self, obj: Claim) -> Any:
        """Draw what screening noticed, with the keys of its evidence."""
        found = obj.flags.order_by("-points", "rule")
        rows = [
            (
                name_of(flag.rule),
                flag.get_family_display(),
                f"{flag.points}" if not flag.shadow else _("on trial"),
                f"{flag.observed.normalize():f}",
                f"{flag.threshold.normalize():f}",
                evidence_of(flag.evidence),
                flag.get_outcome_display() or "–",
            )
            for flag in found
        ]
        headings = (
            _("Rule"), _("Family"), _("Points"), _("Observed"), _("Threshold"), _("Evidence"), _("Outcome"),
        )  # fmt: skip
        return table(headings, rows) if rows else _("Screening noticed nothing.")

    @display(description=_("second person"))
    def waits_for(self, obj: Claim) -> str:
        """Say whether an approval waits for a second person."""
        first = waiting_approval(obj)
        if first is None:
            return "–"
        return str(
            _("%(name)s has approved; a second person must agree.") % {"name": first.by.get_full_name()}
        )

    @display(description=_("decisions"))
    def decisions(self, obj: Claim) -> Any:
        """Draw who decided what, when and why."""
        found = ClaimReview.objects.filter(claim=obj).select_related("by").order_by("-id")
        rows = [
            (
                timezone.localtime(review.decided_at).strftime("%d/%m/%Y %H:%M"),
                review.by.get_full_name(),
                review.get_verb_display(),
                review.reason or "–",
                _("yes") if review.is_final else _("no"),
            )
            for review in found
        ]
        headings = (_("When"), _("Who"), _("Decision"), _("Reason"), _("Takes effect"))
        return table(headings, rows) if rows else _("Nobody has decided anything yet.")

    @display(description=_("used"))
    def limits(self, obj: Claim) -> Any:
        """Draw what is left of the contract's limits."""
        return balance_bars(obj.contract) if obj.contract is not None else "–"

    # --- what is done

    @service_action(
        _("Approve"),
        "insurance.decide_claim",
        icon="check_circle",
        when=lambda row: row.status == S.PENDING_REVIEW,
    )
    def approve(self, request: HttpRequest, obj: Claim) -> str:
        """Approve at the amounts shown; above the insurer's limit a second person must agree."""
        claim = approve_claim(
            actor=self.actor(request), claim=obj, expected_status=obj.status, at=timezone.now()
        )
        if claim.status in {S.APPROVED, S.ELIGIBLE}:
            return str(_("Approved."))
        return str(_("Your approval is noted; a second person must agree."))

    @service_action(
        _("Reject"), "insurance.decide_claim", reason=True, icon="cancel", danger=True,
        when=lambda row: row.status in {S.PENDING_REVIEW, S.BLOCKED},
    )  # fmt: skip
    def reject(self, request: HttpRequest, obj: Claim, reason: str) -> None:
        """Refuse it."""
        self.decide(reject_claim, request, obj, reason)

    @service_action(
        _("Block"), "insurance.decide_claim", reason=True, icon="block", danger=True,
        when=lambda row: row.status == S.PENDING_REVIEW,
    )  # fmt: skip
    def block(self, request: HttpRequest, obj: Claim, reason: str) -> None:
        """Block it."""
        self.decide(block_claim, request, obj, reason)

    @service_action(
        _("Review"), "insurance.decide_claim", reason=True, icon="manage_search",
        when=lambda row: row.status in {S.APPROVED, S.BLOCKED} and row.reconciliation_id is None,
    )  # fmt: skip
    def take_up(self, request: HttpRequest, obj: Claim, reason: str) -> None:
        """Take an approved or blocked claim under review."""
        self.decide(review_claim, request, obj, reason)

    @service_action(
        _("Confirm the care"),
        "insurance.confirm_claim",
        icon="task_alt",
        when=lambda row: row.status == S.ELIGIBLE,
    )
    def confirm(self, request: HttpRequest, obj: Claim) -> None:
        """Say that the care was given."""
        confirm_claim(actor=self.actor(request), claim=obj, expected_status=obj.status, at=timezone.now())

    @service_action(
        _("Withdraw"), "insurance.void_claim", icon="undo", danger=True,
        when=lambda row: row.status in {S.ELIGIBLE, S.APPROVED} and row.reconciliation_id is None,
    )  # fmt: skip
    def withdraw(self, request: HttpRequest, obj: Claim) -> None:
        """Withdraw it, on the day it was filed."""
        void_claim(actor=self.actor(request), claim=obj, expected_status=obj.status, at=timezone.now())

    def decide(self, service: Any, request: HttpRequest, obj: Claim, reason: str) -> None:
        """Call one of the services that take a reason."""
        service(
            actor=self.actor(request), claim=obj, expected_status=obj.status, reason=reason, at=timezone.now()
        )


def evidence_of(evidence: Any) -> Any:
    """Return evidence as words: keys shortened to their last digits."""
    parts = []
    for name, value in sorted((evidence or {}).items()):
        values = value if isinstance(value, list) else [value]
        texts = [f"…{text[-6:]}" if len(text) == 36 else text for text in map(str, values[:5])]
        parts.append((name, ", ".join(texts)))
    return format_html_join("", "<div>{}: {}</div>", parts) if parts else format_html("{}", "–")
