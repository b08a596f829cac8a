"""Flags in the admin: what screening noticed, what reviewers made of it, and how often each rule is right."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.decorators import display

from apps.core.admin import ServiceModelAdmin, service_action
from apps.core.admin.dashboard import admin_page
from apps.insurance.models import ClaimFlag
from apps.insurance.precision import Precision, precision_by_month, totals_by_rule, zone_of
from apps.insurance.rule_names import NAMES, name_of
from apps.insurance.services.flags import record_outcome

Outcome = ClaimFlag.Outcome
# Widths of the picture, in its own units.
_LABELS, _BARS, _ROW = 300, 480, 30


class RuleFilter(admin.SimpleListFilter):
    """Flags of one rule, by its name."""

    title = _("rule")
    parameter_name = "rule"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer the catalogue."""
        return list(NAMES.items())

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Keep one rule's."""
        return queryset.filter(rule=self.value()) if self.value() else queryset


@dataclass(frozen=True, slots=True)
class Bar:
    """One rule in the picture: three parts of a bar, in units of the picture."""

    name: str
    total: Precision
    y: int
    confirmed: int
    false_x: int
    false: int
    open_x: int
    open: int
    label_x: int

    @property
    def precision(self) -> str:
        """Share of right flags, as text."""
        return percent(self.total)

    @property
    def baseline(self) -> int:
        """Where the text of the row stands."""
        return self.y + 15


@admin.register(ClaimFlag)
class ClaimFlagAdmin(ServiceModelAdmin):
    """Flags: to judge, never to write."""

    list_display = (
        "rule_name",
        "family",
        "shown_claim",
        "points",
        "observed",
        "threshold",
        "trial",
        "raised_at",
        "verdict",
    )
    list_filter = (RuleFilter, "family", "outcome", "shadow", ("raised_at", RangeDateFilter))
    list_select_related = ("claim", "insurer")
    search_fields = ("rule",)
    search_help_text = _("Code of a rule")
    ordering = ("-raised_at", "-points", "pk")
    list_before_template = "admin/claimflag_measures.html"
    fields = (
        ("rule_name", "family", "trial"),
        ("weight", "points"),
        ("observed", "threshold"),
        "shown_claim",
        "shown_evidence",
        ("raised_at", "rules_version"),
        ("outcome", "reviewed_by", "reviewed_at"),
    )
    readonly_fields = ("rule_name", "trial", "shown_claim", "shown_evidence")
    actions = ("confirm", "dismiss")

    def object_label(self, obj: ClaimFlag) -> str:
        """Return the rule's name."""
        return name_of(obj.rule)

    @display(description=_("rule"), ordering="rule")
    def rule_name(self, obj: ClaimFlag) -> str:
        """Return what people call the rule."""
        return name_of(obj.rule)

    @display(description=_("claim"), ordering="claim_id")
    def shown_claim(self, obj: ClaimFlag) -> str:
        """Return the kind and day of the claim, leading to its page where there is one."""
        return linked(obj.claim_id, f"{obj.claim.get_type_display()} {obj.claim.service_date:%d/%m/%Y}")

    @display(description=_("on trial"), ordering="shadow")
    def trial(self, obj: ClaimFlag) -> Any:
        """Say of a rule on trial that it is: its points do not count."""
        return _("on trial") if obj.shadow else "–"

    @display(description=_("evidence (keys)"))
    def shown_evidence(self, obj: ClaimFlag) -> str:
        """Return which lines and earlier claims show it."""
        lines = ", ".join(str(line) for line in obj.evidence.get("lines", ()))
        parts: list[str] = [format_html("{} {}", _("lines"), lines)] if lines else []
        parts += [linked(key, f"…{key[-6:]}") for key in obj.evidence.get("claims", ())]
        return format_html_join(" · ", "{}", ((part,) for part in parts)) or "–"

    @display(
        description=_("outcome"),
        ordering="outcome",
        label={Outcome.CONFIRMED: "danger", Outcome.FALSE_POSITIVE: "success", "": "info"},
    )
    def verdict(self, obj: ClaimFlag) -> tuple[str, Any]:
        """Return what a reviewer said."""
        return (obj.outcome, obj.get_outcome_display()) if obj.outcome else ("", _("not reviewed"))

    @service_action(_("The flag is right"), "insurance.change_claimflag", confirm=False, icon="gpp_maybe")
    def confirm(self, request: HttpRequest, obj: ClaimFlag) -> None:
        """Say that the flag was right."""
        record_outcome(
            actor=self.actor(request), flag=obj, outcome=Outcome.CONFIRMED.value, at=timezone.now()
        )

    @service_action(_("False alarm"), "insurance.change_claimflag", confirm=False, icon="verified_user")
    def dismiss(self, request: HttpRequest, obj: ClaimFlag) -> None:
        """Say that the flag was a false alarm."""
        record_outcome(
            actor=self.actor(request), flag=obj, outcome=Outcome.FALSE_POSITIVE.value, at=timezone.now()
        )

    # --- how often the rules are right

    def get_urls(self) -> Any:
        """Add the page that measures the rules."""
        view = self.admin_site.admin_view(self.precision_view)
        return [path("precision/", view, name="insurance_claimflag_precision"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the page that measures the rules."""
        address = reverse(f"{self.admin_site.name}:insurance_claimflag_precision")
        answer: HttpResponse = super().changelist_view(
            request, {**(extra_context or {}), "precision_url": address}
        )
        return answer

    def precision_view(self, request: HttpRequest) -> HttpResponse:
        """Show twelve months: a bar per rule, and a row per rule and month."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        zone = zone_of(request.user)
        last = timezone.now().astimezone(zone).date()
        first = (last - timedelta(days=365)).replace(day=1)
        months = precision_by_month(viewer=self.actor(request), first=first, last=last, zone=zone)
        bars = drawn(totals_by_rule(months))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("How often the rules are right"),
            "subtitle": _("How often the rules are right"),
            "first": first,
            "last": last,
            "bars": bars,
            "rows": [(name_of(row.rule), row, percent(row)) for row in months],
            "width": _LABELS + _BARS + 190,
            "height": _ROW * len(bars),
            "back": self.page("changelist"),
        }
        return TemplateResponse(request, "admin/claimflag_precision.html", context)


def linked(claim: Any, text: str) -> str:
    """Return a text that leads to a claim's page, where the house has one."""
    address = admin_page("insurance_claim_change", claim)
    if not address:
        return text
    return format_html('<a class="text-primary-700 dark:text-primary-400" href="{}">{}</a>', address, text)


def drawn(totals: list[Precision]) -> list[Bar]:
    """Return the bars of the picture; the longest is the rule that raised most."""
    most = max((total.raised for total in totals), default=1)
    bars = []
    for number, total in enumerate(totals):
        confirmed = _BARS * total.confirmed // most
        false = _BARS * total.false_positive // most
        rest = _BARS * total.raised // most - confirmed - false
        bars.append(
            Bar(
                name=name_of(total.rule),
                total=total,
                y=_ROW * number + 4,
                confirmed=confirmed,
                false_x=_LABELS + confirmed,
                false=false,
                open_x=_LABELS + confirmed + false,
                open=rest,
                label_x=_LABELS + confirmed + false + rest + 8,
            )
        )
    return bars


def percent(row: Precision) -> str:
    """Write the precision as whole percent, or a dash before the first review."""
    return "–" if row.precision_bp is None else f"{(row.precision_bp + 50) // 100} %"
