"""Reconciliations a worker is making: how far it is, where it leads, or why it failed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin import ServiceModelAdmin, service_action
from apps.core.jobs import State
from apps.insurance.admin.agreements import link
from apps.insurance.models import ReconciliationJob
from apps.insurance.services.jobs import failure_of, request_reconciliation

ENDED = {State.FAILED, State.DEAD, State.CANCELLED}
COLORS: dict[str, str] = {
    State.PENDING: "info",
    State.CLAIMED: "warning",
    State.DONE: "success",
    State.FAILED: "danger",
    State.DEAD: "danger",
    State.CANCELLED: "danger",
}


def has_failed(job: ReconciliationJob) -> bool:
    """Say whether it ended without a reconciliation."""
    return job.state in ENDED


@admin.register(ReconciliationJob)
class ReconciliationJobAdmin(ServiceModelAdmin):
    """Reconciliations under way; asked for in the wizard, over HTTP or by the insurer's cycle."""

    list_display = ("period", "currency", "shown_state", "progress", "created_at", "result", "failure")
    list_filter = ("state",)
    list_select_related = ("reconciliation",)
    ordering = ("-pk",)
    actions = ("try_again",)
    fieldsets = (
        (None, {"fields": (("period", "currency", "shown_state"), "progress", "failure", "result")}),
        (_("Course"), {"fields": (("created_at", "finished_at", "attempts"),)}),
    )
    readonly_fields = ("period", "shown_state", "progress", "failure", "result", "created_at", "finished_at")

    @property
    def media(self) -> forms.Media:
        """Add the script that follows the progress."""
        media: forms.Media = super().media
        return media + forms.Media(js=["admin-extra/progress.js"])

    def object_label(self, obj: ReconciliationJob) -> str:
        """Return the period."""
        return period_text(obj)

    def get_urls(self) -> Any:
        """Add the address the page asks how far it is."""
        view = self.admin_site.admin_view(self.state_view)
        return [
            path("<path:object_id>/state/", view, name="insurance_reconciliationjob_state"),
            *super().get_urls(),
        ]

    def state_view(self, request: HttpRequest, object_id: str) -> JsonResponse:
        """Answer how far it is, as the page shows it."""
        job: ReconciliationJob = self.visible_object(request, object_id)
        if not self.has_view_permission(request, job):
            raise PermissionDenied
        return JsonResponse(
            {
                "percent": job.percent,
                "text": progress_text(job),
                "ended": job.state == State.DONE or has_failed(job),
                "url": reconciliation_url(job),
            },
            headers={"Cache-Control": "no-store"},
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponseBase:
        """Show how far it is; a browser that comes back for one that is done is led to the reconciliation."""
        if request.GET.get("follow"):
            job: ReconciliationJob = self.visible_object(request, object_id)
            if self.has_view_permission(request, job) and (url := reconciliation_url(job)):
                return HttpResponseRedirect(url)
        answer: HttpResponseBase = super().change_view(request, object_id, form_url, extra_context)
        return answer

    @service_action(
        _("Try again"),
        "insurance.generate_reconciliation",
        confirm=False,
        icon="restart_alt",
        when=has_failed,
    )
    def try_again(self, request: HttpRequest, obj: ReconciliationJob) -> str:
        """Ask a worker for the same period once more."""
        request_reconciliation(
            actor=self.actor(request),
            insurer=obj.insurer,
            period_start=obj.period_start,
            period_end=obj.period_end,
            currency=obj.currency,
            at=timezone.now(),
        )
        return str(_("Asked for once more."))

    @display(description=_("period"), ordering="period_start")
    def period(self, obj: ReconciliationJob) -> str:
        """Return the first and the last day."""
        return period_text(obj)

    @display(description=_("state"), ordering="state", label=COLORS)
    def shown_state(self, obj: ReconciliationJob) -> tuple[str, str]:
        """Return the state in colour."""
        return obj.state, obj.get_state_display()

    @display(description=_("progress"), ordering="percent")
    def progress(self, obj: ReconciliationJob) -> str:
        """Draw how far it is; the page's script keeps it moving until it has ended."""
        over = obj.state == State.DONE or has_failed(obj)
        return format_html(
            '<span class="osd-progress" {}="{}"><progress max="100" value="{}" aria-label="{}"></progress> '
            '<span role="status">{}</span></span>',
            "data-over" if over else "data-state",
            reverse("admin:insurance_reconciliationjob_state", args=(obj.pk,)),
            obj.percent,
            _("progress"),
            progress_text(obj),
        )

    @display(description=_("why it is not done"))
    def failure(self, obj: ReconciliationJob) -> str:
        """Say what went wrong, in words."""
        return failure_of(obj) or "–"

    @display(description=_("reconciliation"))
    def result(self, obj: ReconciliationJob) -> str:
        """Lead to what was made."""
        if obj.reconciliation is None:
            return str(_("Not made yet."))
        return link("reconciliation", obj.reconciliation_id, obj.reconciliation.number)


def period_text(job: ReconciliationJob) -> str:
    """Return the first and the last day."""
    return f"{job.period_start:%d/%m/%Y} – {job.period_end:%d/%m/%Y}"


def progress_text(job: ReconciliationJob) -> str:
    """Say how far a job is: the step while it runs, the state once it has ended."""
    if has_failed(job):
        return str(job.get_state_display())
    return f"{job.percent} % · {job.get_step_display()}"


def reconciliation_url(job: ReconciliationJob) -> str:
    """Return the address of what was made, or nothing."""
    if job.reconciliation_id is None:
        return ""
    return reverse("admin:insurance_reconciliation_change", args=(job.reconciliation_id,))
