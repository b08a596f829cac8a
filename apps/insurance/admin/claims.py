"""Claims in the admin: the insurer's desk and the provider's, each through the services the API calls."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models.functions import TruncDate
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from apps.core.access import rows_read
from apps.core.admin import service_action
from apps.core.admin.asking import AskingAdmin, FormPage
from apps.core.errors import DomainError, PermissionRefused
from apps.insurance.admin.agreements import money
from apps.insurance.admin.balances import balance_bars
from apps.insurance.admin.claim_desk import (
    AgeFilter,
    AmountsForm,
    SecondPersonFilter,
    approval_text,
    queue_context,
    who_decides,
)
from apps.insurance.admin.claim_tables import decision_table, flag_table, line_table, reason_words
from apps.insurance.claim_queue import with_last_word
from apps.insurance.models import Claim
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
class ClaimAdmin(AskingAdmin):
    """Claims: to decide, to confirm or to withdraw; never to write by hand."""

    list_before_template = "admin/claim_queue.html"
    list_select_related = ("provider", "insurer", "adherent")
    search_fields = ("adherent__last_name", "adherent__first_name", "contract__contract_number")
    search_help_text = _("Name of the insured person, or contract number")
    ordering = ("-pk",)
    actions = ("approve", "reject", "block", "take_up", "confirm", "withdraw")
    form_pages = (
        FormPage(
            "amend",
            _("Approve other amounts"),
            "insurance.decide_claim",
            "price_change",
            lambda row: row.status == S.PENDING_REVIEW,
        ),
    )

    # --- who sees what

    def is_insurer(self, request: HttpRequest) -> bool:
        """Whether somebody of an insurer looks."""
        return getattr(request.user, "insurer_id", None) is not None

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Filter by state, kind and day; for the insurer by age and by who is missing as well."""
        shown = ("status", "type", ("service_date", RangeDateFilter))
        return (*shown, AgeFilter, SecondPersonFilter) if self.is_insurer(request) else shown

    def get_ordering(self, request: HttpRequest) -> Any:
        """Put what waits in the order of the queue: the oldest day first, the largest of a day first."""
        if self.is_insurer(request) and request.GET.get("status__exact") == S.PENDING_REVIEW:
            insurer: Any = self.actor(request).insurer
            return (TruncDate("submitted_at", tzinfo=insurer.zone).asc(), "-total_amount", "pk")
        return self.ordering

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the rows, to the insurer with whether a second person is missing."""
        rows = super().get_queryset(request)
        return with_last_word(rows) if self.is_insurer(request) else rows

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the insurer above the list what waits, by age and amount."""
        further = (
            queue_context(self.actor(request), self.page("changelist")) if self.is_insurer(request) else {}
        )
        answer: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **further})
        return answer

    def get_list_display(self, request: HttpRequest) -> Any:
        """Show the queue: what waits, since when, how much, and to the insurer how suspicious."""
        shown = ["shown_status", "age", "insured", "type", "service_day", "asked", "covered"]
        if self.is_insurer(request):
            return [*shown, "provider", "fraud_score", "second_person"]
        return [*shown, "insurer"]

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

    @display(description=_("day of care"), ordering="service_date")
    def service_day(self, obj: Claim) -> str:
        """Return the day of care in figures."""
        return f"{obj.service_date:%d/%m/%Y}"

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
        """Return why, in words; a blocked or held claim says only that it is being verified."""
        if obj.status in {S.BLOCKED, S.PENDING_REVIEW}:
            return str(_("Being verified"))
        return reason_words(obj.reason_code, (get_language() or "fr")[:2])

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
        first = waiting_approval(obj) if obj.status == S.PENDING_REVIEW else None
        return line_table(obj, proposed=first.amounts if first is not None else {})

    @display(description=_("fraud score"))
    def score(self, obj: Claim) -> str:
        """Return the score of a hundred."""
        return f"{obj.fraud_score} / 100"

    @display(description=_("flags"))
    def flags(self, obj: Claim) -> Any:
        """Draw what screening noticed, with the keys of its evidence."""
        return flag_table(obj)

    @display(description=_("second person"), label={"missing": "warning"})
    def second_person(self, obj: Claim) -> Any:
        """Say in the list that an approval waits for a second person."""
        missing = obj.status == S.PENDING_REVIEW and obj.last_is_final is False  # type: ignore[attr-defined]  # annotated
        return ("missing", _("awaited")) if missing else None

    @display(description=_("who decides"))
    def waits_for(self, obj: Claim) -> str:
        """Say how many people must approve, and who has."""
        if obj.status != S.PENDING_REVIEW:
            return "–"
        return who_decides(obj, waiting_approval(obj))

    @display(description=_("decisions"))
    def decisions(self, obj: Claim) -> Any:
        """Draw who decided what, when and why."""
        return decision_table(obj)

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
        expects="status",
    )
    def approve(self, request: HttpRequest, obj: Claim, expected: str) -> str:
        """Approve at the amounts shown; above the insurer's limit a second person must agree."""
        claim = approve_claim(
            actor=self.actor(request), claim=obj, expected_status=expected, at=timezone.now()
        )
        return approval_text(claim)

    @service_action(
        _("Reject"), "insurance.decide_claim", reason=True, icon="cancel", danger=True, expects="status",
        when=lambda row: row.status in {S.PENDING_REVIEW, S.BLOCKED},
    )  # fmt: skip
    def reject(self, request: HttpRequest, obj: Claim, reason: str, expected: str) -> None:
        """Refuse it."""
        self.decide(reject_claim, request, obj, reason=reason, expected=expected)

    @service_action(
        _("Block"), "insurance.decide_claim", reason=True, icon="block", danger=True, expects="status",
        when=lambda row: row.status == S.PENDING_REVIEW,
    )  # fmt: skip
    def block(self, request: HttpRequest, obj: Claim, reason: str, expected: str) -> None:
        """Block it."""
        self.decide(block_claim, request, obj, reason=reason, expected=expected)

    @service_action(
        _("Review"), "insurance.decide_claim", reason=True, icon="manage_search", expects="status",
        when=lambda row: row.status in {S.APPROVED, S.BLOCKED} and row.reconciliation_id is None,
    )  # fmt: skip
    def take_up(self, request: HttpRequest, obj: Claim, reason: str, expected: str) -> None:
        """Take an approved or blocked claim under review."""
        self.decide(review_claim, request, obj, reason=reason, expected=expected)

    @service_action(
        _("Confirm the care"),
        "insurance.confirm_claim",
        icon="task_alt",
        when=lambda row: row.status == S.ELIGIBLE,
        expects="status",
    )
    def confirm(self, request: HttpRequest, obj: Claim, expected: str) -> None:
        """Say that the care was given."""
        confirm_claim(actor=self.actor(request), claim=obj, expected_status=expected, at=timezone.now())

    @service_action(
        _("Withdraw"), "insurance.void_claim", icon="undo", danger=True, expects="status",
        when=lambda row: row.status in {S.ELIGIBLE, S.APPROVED} and row.reconciliation_id is None,
    )  # fmt: skip
    def withdraw(self, request: HttpRequest, obj: Claim, expected: str) -> None:
        """Withdraw it, on the day it was filed."""
        void_claim(actor=self.actor(request), claim=obj, expected_status=expected, at=timezone.now())

    def decide(self, service: Any, request: HttpRequest, obj: Claim, reason: str, expected: str) -> None:
        """Call one of the services that take a reason."""
        service(
            actor=self.actor(request), claim=obj, expected_status=expected, reason=reason, at=timezone.now()
        )

    def amend_page(self, request: HttpRequest, obj: Claim) -> HttpResponse:
        """Ask for other amounts line by line, with a reason; approve at these, or say why not."""
        first = waiting_approval(obj)
        proposed = first.amounts if first is not None else {}
        form = AmountsForm(request.POST or None, viewer=request.user, claim=obj, proposed=proposed)
        if request.method == "POST" and form.is_valid():
            try:
                claim = approve_claim(
                    actor=self.actor(request),
                    claim=obj,
                    expected_status=form.cleaned_data["expected_status"],
                    reason=form.cleaned_data["reason"],
                    amounts=form.amounts(),
                    at=timezone.now(),
                )
            except PermissionRefused:
                form.add_error(None, _("Only an administrator of the insurer may raise an amount."))
            except (DomainError, ValidationError) as refusal:
                form.refuse(refusal)
            else:
                messages.success(request, approval_text(claim))
                return HttpResponseRedirect(self.page("change", obj.pk))
        facts = [
            (_("asked"), money(obj.total_amount, obj.currency)),
            (_("covered"), money(obj.covered_amount, obj.currency)),
            (_("who decides"), who_decides(obj, first)),
        ]
        return self.show_form(request, obj, form, "amend", facts=facts)
