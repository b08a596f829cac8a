"""From a period to its reconciliation: choose, look at what it comes to, generate."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from apps.core.admin import ServiceModelAdmin
from apps.core.admin.asking import AskForm
from apps.core.errors import DomainError
from apps.directory.models import Currency, Insurer
from apps.insurance.admin.sums import code_table, provider_table, totals_list
from apps.insurance.models import Reconciliation
from apps.insurance.reconciliation_preview import Preview, preview_reconciliation
from apps.insurance.services.jobs import last_period, request_reconciliation
from apps.insurance.services.reconciling import generate_reconciliation

GENERATE = "insurance.generate_reconciliation"


class PeriodForm(AskForm):
    """Which period to reconcile, both days included."""

    period_start = forms.DateField(label=_("first day"))
    period_end = forms.DateField(label=_("last day"))
    currency = forms.ChoiceField(
        label=_("currency"),
        required=False,
        choices=(("", _("the one claims wait in")), *Currency.choices),
        help_text=_("Needed only when claims in several currencies wait."),
    )


class PeriodWizard(ServiceModelAdmin):
    """The pages that make a reconciliation; its preview is what generating then gives."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let the insurer's heads generate."""
        return bool(request.user.has_perm(GENERATE))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Ask for a period and show its preview (GET), or make it (POST)."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        viewer = self.actor(request)
        asked = request.POST if request.method == "POST" else request.GET
        bound = "period_start" in asked
        initial = None if bound else proposed(viewer.insurer)
        form = PeriodForm(asked if bound else None, viewer=viewer, initial=initial)
        found: Preview | None = None
        if bound and form.is_valid():
            wanted = {**form.cleaned_data, "currency": form.cleaned_data["currency"] or None}
            try:
                found = preview_reconciliation(
                    viewer=viewer, insurer=viewer.insurer, at=timezone.now(), **wanted
                )
                if request.method == "POST" and (answer := self.make(request, found, wanted)) is not None:
                    return answer
            except (DomainError, ValidationError) as refusal:
                found = None
                form.refuse(refusal)
        return self.show_wizard(request, form, found, extra_context or {})

    def make(self, request: HttpRequest, found: Preview, wanted: dict[str, Any]) -> HttpResponse | None:
        """Make what was looked at, here or by a worker; None when it has changed since it was looked at."""
        seen = request.POST.get("seen")
        if seen and seen != key_of(found):
            messages.warning(
                request, _now("The claims have changed since you looked. Please check the new figures.")
            )
            return None
        viewer, at = self.actor(request), timezone.now()
        if found.is_large:
            job = request_reconciliation(actor=viewer, insurer=viewer.insurer, at=at, **wanted)
            return HttpResponseRedirect(reverse("admin:insurance_reconciliationjob_change", args=(job.pk,)))
        row = generate_reconciliation(actor=viewer, insurer=viewer.insurer, at=at, **wanted)
        if row.generated_at == at:
            messages.success(
                request, _now("%(number)s is made. Check it, then send it.") % {"number": row.number}
            )
        else:
            messages.info(request, _now("%(number)s stands already.") % {"number": row.number})
        return HttpResponseRedirect(self.page("change", row.pk))

    def show_wizard(
        self, request: HttpRequest, form: PeriodForm, found: Preview | None, extra: dict[str, Any]
    ) -> HttpResponse:
        """Show the form, and what the period comes to where it was asked for."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("New reconciliation"),
            "subtitle": _("New reconciliation"),
            "form": form,
            "media": self.media + form.media,
            "back": self.page("changelist"),
            "step": 1 if found is None else 2,
            **extra,
        }
        if found is not None:
            header = found.header
            context |= {
                "found": found,
                "seen": key_of(found),
                "totals": totals_list(header, found.carried_in),
                "codes": code_table(found.codes, header.currency),
                "provider_rows": provider_table(found.providers, header.currency),
                "existing_url": found.existing and self.page("change", found.existing.pk),
            }
        return TemplateResponse(request, "admin/reconciliation_wizard.html", context)


def proposed(insurer: Insurer) -> dict[str, date]:
    """Return the period to begin with: the last one of the insurer's cycle, else of the month."""
    cycle = insurer.config.get("reconciliation", {}).get("cycle", "none")
    today = timezone.now().astimezone(insurer.zone).date()
    first, last = last_period(cycle, today) or last_period("monthly", today) or (today, today)
    return {"period_start": first, "period_end": last}


def key_of(found: Preview) -> str:
    """Return what tells one preview from another."""
    header: Reconciliation = found.header
    sums = (
        header.total_claims, header.total_covered, header.total_retentions, header.total_credits, header.total_releases,
        header.total_carried_out, header.total_net_payable,
    )  # fmt: skip
    return ".".join(map(str, sums))
