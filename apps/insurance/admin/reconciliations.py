"""Reconciliations in the admin: an insurer makes, sends, pays and cancels them, a provider reads its own part."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin import service_action
from apps.core.admin.asking import AskingAdmin, FormPage
from apps.core.admin.dashboard import admin_page
from apps.core.errors import DomainError
from apps.core.storage import attachment
from apps.insurance.admin.agreements import money
from apps.insurance.admin.lines import dispute_table
from apps.insurance.admin.paying import OverdueFilter, PaymentForm
from apps.insurance.admin.sums import code_table, provider_table
from apps.insurance.admin.wizard import PeriodWizard
from apps.insurance.bordereau_files import csv_lines
from apps.insurance.models import Dispute, Reconciliation
from apps.insurance.reconciliation_preview import codes_of
from apps.insurance.reconciliation_selectors import (
    days_outstanding,
    is_overdue,
    left_out,
    open_disputes_of,
    payment_due_on,
    reconciliations_for,
    waiting_for_payment,
)
from apps.insurance.rendering import render_bordereau
from apps.insurance.services.settling import cancel_reconciliation, pay_reconciliation, send_reconciliation
from apps.insurance.transfers import payment_lines

S = Reconciliation.Status
COLORS = {S.GENERATED: "info", S.SENT: "warning", S.PAID: "success", S.CANCELLED: "danger"}
# As many as a page is read for; their own list holds the rest.
MOST_DISPUTES = 100


@admin.register(Reconciliation)
class ReconciliationAdmin(PeriodWizard, AskingAdmin):
    """Bordereaux: looked at before they are made, then sent or cancelled, then paid."""

    list_display = (
        "number", "period", "shown_status", "claims", "covered", "net", "outstanding", "due", "open_disputes",
    )  # fmt: skip
    list_filter = ("status", OverdueFilter, "currency")
    list_before_template = "admin/reconciliation_waiting.html"
    search_fields = ("number",)
    search_help_text = _("Number")
    ordering = ("-period_start", "-pk")
    actions = ("send_chosen", "cancel_chosen")
    form_pages = (
        FormPage(
            "pay",
            _("Record the payment"),
            "insurance.pay_reconciliation",
            "payments",
            lambda row: row.status == S.SENT,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return rows with the totals the viewer may read, and how many disputes are open."""
        viewer = self.actor(request)
        return reconciliations_for(viewer=viewer).annotate(disputed_lines=open_disputes_of(viewer))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say above the list what providers wait for, and offer the further lists."""
        viewer, at = self.actor(request), timezone.now()
        waiting = waiting_for_payment(viewer=viewer, at=at)
        further = {
            "waiting": waiting,
            "waiting_amounts": [money(amount, currency) for currency, amount in waiting.amounts],
            "waiting_url": f"{self.page('changelist')}?status__exact=sent",
            "lines_url": admin_page("insurance_reconciliationline_changelist"),
            "disputes_url": f"{admin_page('insurance_dispute_changelist')}?status__exact=open",
            "jobs_url": admin_page("insurance_reconciliationjob_changelist") if viewer.insurer_id else "",
        }
        answer: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **further})
        return answer

    # --- who may

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let the insurer's heads generate."""
        return bool(request.user.has_perm("insurance.generate_reconciliation"))

    # --- what is done

    def pay_page(self, request: HttpRequest, obj: Reconciliation) -> HttpResponse:
        """Ask for day and reference of the payment; record it, or say why not."""
        today = timezone.now().astimezone(obj.insurer.zone).date()
        form = PaymentForm(request.POST or None, viewer=request.user, initial={"payment_date": today})
        if request.method == "POST" and form.is_valid():
            try:
                pay_reconciliation(
                    actor=self.actor(request),
                    reconciliation=obj,
                    payment_date=form.cleaned_data["payment_date"],
                    reference=form.cleaned_data["payment_reference"],
                    at=timezone.now(),
                )
            except (DomainError, ValidationError) as refusal:
                form.refuse(refusal)
            else:
                messages.success(request, _now("Paid; its claims are settled."))
                return HttpResponseRedirect(self.page("change", obj.pk))
        disputed = sum(left_out(obj).values())
        facts = [
            (_("net payable"), money(obj.total_net_payable, obj.currency)),
            (_("disputed, left out of the payment"), money(disputed, obj.currency)),
            (_("to be paid"), money(obj.total_net_payable - disputed, obj.currency)),
            (_("days outstanding"), self.outstanding(obj)[1]),
        ]
        return self.show_form(request, obj, form, "pay", facts=facts)

    @service_action(
        _("Send"),
        "insurance.send_reconciliation",
        when=lambda row: row.status == S.GENERATED,
        icon="send",
    )
    def send_chosen(self, request: HttpRequest, obj: Reconciliation) -> str:
        """Hand it over to the providers."""
        send_reconciliation(actor=self.actor(request), reconciliation=obj, at=timezone.now())
        return str(_("Sent."))

    @service_action(
        _("Cancel"),
        "insurance.cancel_reconciliation",
        reason=True,
        when=lambda row: row.status == S.GENERATED,
        icon="block",
        danger=True,
    )
    def cancel_chosen(self, request: HttpRequest, obj: Reconciliation, reason: str) -> str:
        """Set its claims free."""
        cancel_reconciliation(actor=self.actor(request), reconciliation=obj, reason=reason, at=timezone.now())
        return str(_("Cancelled; its claims wait for the next one."))

    # --- the page

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show what it comes to, where the payment stands, and what is disputed."""
        payment: tuple[Any, ...] = ()
        if obj.status in {S.SENT, S.PAID}:
            rows = (("sent_on", "due", "outstanding"), ("paid_on", "payment_reference"), ("disputes",))
            payment = ((_("Payment and disputes"), {"fields": rows}),)
        elif obj.status == S.CANCELLED:
            payment = ((_("Cancellation"), {"fields": (("cancelled_at", "cancel_reason"),)}),)
        head = (("number", "shown_status"), ("period", "files"), ("fingerprint",))
        totals = (
            ("claims", "covered", "kept"),
            ("credited", "released", "carried"),
            ("net", "left_out", "paid"),
        )
        return (
            (None, {"fields": head}),
            (_("Totals"), {"fields": totals}),
            *payment,
            (_("Providers"), {"fields": ("providers",)}),
            (_("Retentions"), {"fields": ("retention_rows",)}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Compute what is shown."""
        return tuple(
            "number shown_status outstanding due sent_on paid_on period files fingerprint claims covered kept credited "
            "released carried net left_out paid providers retention_rows disputes".split()
        )

    def get_urls(self) -> Any:
        """Add the addresses of the files."""
        views = {"pdf": self.pdf_view, "csv": self.csv_view, "payments": self.payments_view}
        own = [
            path(
                f"<path:object_id>/{kind}/",
                self.admin_site.admin_view(view),
                name=f"insurance_reconciliation_{kind}",
            )
            for kind, view in views.items()
        ]
        return own + super().get_urls()

    def pdf_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Hand the bordereau out."""
        row = self.readable(request, object_id)
        headers = {"Content-Disposition": attachment(f"{row.number}.pdf")}
        data = render_bordereau(row, self.actor(request))
        return HttpResponse(data, content_type="application/pdf", headers=headers)

    def csv_view(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        """Hand the lines out."""
        row = self.readable(request, object_id)
        headers = {"Content-Disposition": attachment(f"{row.number}.csv")}
        text = csv_lines(row, self.actor(request))
        return StreamingHttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)

    def payments_view(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        """Hand out one line per payment, to match with the bank's."""
        row = self.readable(request, object_id)
        headers = {"Content-Disposition": attachment(f"{row.number}-payments.csv")}
        text = payment_lines(row, self.actor(request))
        return StreamingHttpResponse(text, content_type="text/csv; charset=utf-8", headers=headers)

    def readable(self, request: HttpRequest, object_id: str) -> Reconciliation:
        """Return a row the viewer may read."""
        row: Reconciliation = self.visible_object(request, object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return row

    # --- what people read: a provider's rows hold its own part only

    def object_label(self, obj: Reconciliation) -> str:
        """Return the number."""
        return str(obj.number)

    @display(description=_("period"), ordering="period_start")
    def period(self, obj: Reconciliation) -> str:
        """Return the first and the last day."""
        return f"{obj.period_start:%d/%m/%Y} – {obj.period_end:%d/%m/%Y}"

    @display(description=_("status"), ordering="status", label=COLORS)
    def shown_status(self, obj: Reconciliation) -> tuple[str, str]:
        """Return the status in colour."""
        return obj.status, obj.get_status_display()

    @display(
        description=_("days outstanding"),
        ordering="sent_at",
        label={"late": "danger", "waiting": "warning", "done": "success"},
    )
    def outstanding(self, obj: Reconciliation) -> tuple[str, str]:
        """Say how long the providers wait, or waited."""
        at = timezone.now()
        days = days_outstanding(obj, at)
        if days is None:
            return "", "–"
        text = str(_("%(days)s d") % {"days": days})
        if is_overdue(obj, at):
            return "late", str(_("%(days)s d, late") % {"days": days})
        return ("waiting" if obj.status == S.SENT else "done"), text

    @display(description=_("to be paid by"))
    def due(self, obj: Reconciliation) -> str:
        """Return the day by which the insurer promised to pay."""
        day = payment_due_on(obj)
        return "–" if day is None or obj.status != S.SENT else f"{day:%d/%m/%Y}"

    @display(description=_("sent"))
    def sent_on(self, obj: Reconciliation) -> str:
        """Return the day it was handed over."""
        return "–" if obj.sent_at is None else f"{obj.sent_at.astimezone(obj.insurer.zone):%d/%m/%Y}"

    @display(description=_("day of payment"))
    def paid_on(self, obj: Reconciliation) -> str:
        """Return the day of the transfer."""
        return str(_("Not paid yet.")) if obj.payment_date is None else f"{obj.payment_date:%d/%m/%Y}"

    @display(description=_("open disputes"))
    def open_disputes(self, obj: Reconciliation) -> Any:
        """Count the disputes nobody has decided, leading to them."""
        found: int = obj.disputed_lines  # type: ignore[attr-defined]  # annotated by the page's queryset
        return found or "–"

    @display(description=_("claims"))
    def claims(self, obj: Reconciliation) -> int:
        """Count the claims."""
        return sum(row.claims for row in shown(obj))

    @display(description=_("covered"))
    def covered(self, obj: Reconciliation) -> str:
        """Return what the claims come to."""
        return total(obj, "covered")

    @display(description=_("retentions"))
    def kept(self, obj: Reconciliation) -> str:
        """Return what is kept back."""
        return total(obj, "retentions")

    @display(description=_("credits"))
    def credited(self, obj: Reconciliation) -> str:
        """Return what is taken off."""
        return total(obj, "credits")

    @display(description=_("releases"))
    def released(self, obj: Reconciliation) -> str:
        """Return what is given back."""
        return total(obj, "releases")

    @display(description=_("carried forward"))
    def carried(self, obj: Reconciliation) -> str:
        """Return what providers owe beyond what they earned."""
        return total(obj, "carried_out")

    @display(description=_("disputed, left out of the payment"))
    def left_out(self, obj: Reconciliation) -> str:
        """Return what was withheld when it was paid, of the viewer's part."""
        return "–" if obj.paid_amount is None else money(withheld_in(obj), obj.currency)

    @display(description=_("paid"))
    def paid(self, obj: Reconciliation) -> str:
        """Return what was paid, of the viewer's part."""
        if obj.paid_amount is None:
            return "–"
        return money(sum(row.net for row in shown(obj)) - withheld_in(obj), obj.currency)

    @display(description=_("net payable"))
    def net(self, obj: Reconciliation) -> str:
        """Return what is paid."""
        return total(obj, "net")

    @display(description="SHA-256")
    def fingerprint(self, obj: Reconciliation) -> str:
        """Return the hash every copy carries."""
        return obj.content_sha256 or "–"

    @display(description=_("files and lines"))
    def files(self, obj: Reconciliation) -> str:
        """Link to the bordereau, its lines as a file, and its lines on screen."""
        lines = f"{admin_page('insurance_reconciliationline_changelist')}?reconciliation={obj.pk}"
        entries = (
            (self.page("pdf", obj.pk), "PDF"),
            (self.page("csv", obj.pk), "CSV"),
            (self.page("payments", obj.pk), _now("Payments for the bank")),
            (lines, _now("Lines")),
        )
        return format_html_join(" · ", '<a class="underline" href="{}">{}</a>', entries)

    @display(description=_("providers"))
    def providers(self, obj: Reconciliation) -> str:
        """Draw what each provider gets, its share of the whole as a bar."""
        return provider_table(shown(obj), obj.currency)

    @display(description=_("retentions"))
    def retention_rows(self, obj: Reconciliation) -> str:
        """Draw what is kept back, by code."""
        return code_table(codes_of(list(getattr(obj, "shown_retentions", ()))), obj.currency)

    @display(description=_("disputes"))
    def disputes(self, obj: Reconciliation) -> str:
        """List what is disputed, of the providers shown, each leading to its page."""
        rows = Dispute.objects.filter(
            line__reconciliation=obj, provider__in=[row.provider_id for row in shown(obj)]
        ).select_related("insurer")
        found = list(rows.order_by("opened_at", "pk")[:MOST_DISPUTES])
        return dispute_table(found, obj.currency) if found else str(_("Nobody has disputed a line."))


def shown(obj: Reconciliation) -> list[Any]:
    """Return the totals the viewer may read, which the page's queryset fetched."""
    return list(getattr(obj, "shown", ()))


def withheld_in(obj: Reconciliation) -> int:
    """Return what was left out of the payment, of the providers shown."""
    found = left_out(obj)
    return sum(found.get(row.provider_id, 0) for row in shown(obj))


def total(obj: Reconciliation, name: str) -> str:
    """Add a column of the totals up."""
    return money(sum(getattr(row, name) for row in shown(obj)), obj.currency)
