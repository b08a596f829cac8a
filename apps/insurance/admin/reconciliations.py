"""Reconciliations in the admin: an insurer makes, sends, pays and cancels them, a provider reads its own part."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.core.admin import ServiceModelAdmin, service_action
from apps.core.admin.forms import RefusableForm
from apps.core.storage import attachment
from apps.insurance.admin.agreements import money, table
from apps.insurance.bordereau_files import csv_lines
from apps.insurance.models import Dispute, NetworkProof, Reconciliation
from apps.insurance.reconciliation_selectors import days_outstanding, reconciliations_for
from apps.insurance.rendering import render_bordereau
from apps.insurance.services.reconciling import generate_reconciliation
from apps.insurance.services.settling import cancel_reconciliation, pay_reconciliation, send_reconciliation

S = Reconciliation.Status
COLORS = {S.GENERATED: "info", S.SENT: "warning", S.PAID: "success", S.CANCELLED: "danger"}
# As many as a page is read for; the files hold the rest.
MOST_PROVIDERS = 200


class ReconciliationForm(RefusableForm):
    """A period to reconcile, or the payment of one that was sent."""

    class Meta:
        model = Reconciliation
        fields = ("period_start", "period_end", "payment_date", "payment_reference")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("payment_date", "payment_reference"):
            if name in self.fields:
                self.fields[name].required = True

    def _post_clean(self) -> None:
        """Leave the rules to the service."""


@admin.register(Reconciliation)
class ReconciliationAdmin(ServiceModelAdmin):
    """Bordereaux: generated first, to be looked at, then sent or cancelled, then paid."""

    form = ReconciliationForm
    list_display = ("number", "period", "shown_status", "claims", "covered", "net", "outstanding")
    list_filter = ("status", "currency")
    search_fields = ("number",)
    search_help_text = _("Number")
    ordering = ("-period_start", "-pk")
    actions = ("send_chosen", "cancel_chosen")

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return rows with the totals the viewer may read."""
        return reconciliations_for(viewer=self.actor(request))

    # --- who may

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let the insurer's heads generate."""
        return bool(request.user.has_perm("insurance.generate_reconciliation"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let the payment of a sent one be entered, nothing else."""
        allowed = bool(request.user.has_perm("insurance.pay_reconciliation"))
        return allowed and (obj is None or obj.status == S.SENT)

    # --- what is done

    def create_object(self, request: HttpRequest, data: dict[str, Any]) -> Any:
        """Generate the period."""
        actor = self.actor(request)
        return generate_reconciliation(actor=actor, insurer=actor.insurer, at=timezone.now(), **data)

    def update_object(self, request: HttpRequest, obj: Any, data: dict[str, Any]) -> Any:
        """Record the payment."""
        return pay_reconciliation(
            actor=self.actor(request),
            reconciliation=obj,
            payment_date=data["payment_date"],
            reference=data["payment_reference"],
            at=timezone.now(),
        )

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
        """Ask for a period; show what it comes to, and to the insurer where the payment goes."""
        if obj is None:
            return ((None, {"fields": (("period_start", "period_end"),)}),)
        payment: tuple[Any, ...] = ()
        if obj.status in {S.SENT, S.PAID}:
            payment = ((_("Payment"), {"fields": (("payment_date", "payment_reference"), ("disputes",))}),)
        head = (("number", "shown_status", "outstanding"), ("period", "files"), ("fingerprint",))
        return (
            (None, {"fields": head}),
            (_("Totals"), {"fields": (("claims", "covered", "kept"), ("credited", "released", "net"))}),
            (_("Providers"), {"fields": ("providers",)}),
            *payment,
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Compute what is shown."""
        if obj is None:
            return ()
        return tuple(
            "number shown_status outstanding period files fingerprint claims covered kept credited released net "
            "providers disputes".split()
        )

    def get_urls(self) -> Any:
        """Add the addresses of the files."""
        views = {"pdf": self.pdf_view, "csv": self.csv_view}
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

    @display(description=_("days outstanding"))
    def outstanding(self, obj: Reconciliation) -> str:
        """Say how long the providers wait, or waited."""
        days = days_outstanding(obj, timezone.now())
        return "–" if days is None else str(_("%(days)s d") % {"days": days})

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

    @display(description=_("net payable"))
    def net(self, obj: Reconciliation) -> str:
        """Return what is paid."""
        return total(obj, "net")

    @display(description="SHA-256")
    def fingerprint(self, obj: Reconciliation) -> str:
        """Return the hash every copy carries."""
        return obj.content_sha256 or "–"

    @display(description=_("files"))
    def files(self, obj: Reconciliation) -> str:
        """Link to the bordereau and its lines."""
        return format_html_join(
            " · ",
            '<a class="underline" href="{}">{}</a>',
            ((self.page(kind, obj.pk), kind.upper()) for kind in ("pdf", "csv")),
        )

    @display(description=_("providers"))
    def providers(self, obj: Reconciliation) -> str:
        """Draw what each provider gets, its share of the whole as a bar."""
        rows = sorted(shown(obj), key=lambda row: -row.net)
        most = max((row.net for row in rows), default=0) or 1
        headings = (_("Provider"), _("Claims"), _("Covered"), _("Retentions"), _("Credits"), _("Net"), "")
        cells = (
            (
                row.provider.name,
                row.claims,
                *(
                    money(getattr(row, name), obj.currency)
                    for name in ("covered", "retentions", "credits", "net")
                ),
                format_html(
                    '<meter class="w-40" min="0" max="{}" value="{}" aria-label="{}"></meter>',
                    most,
                    row.net,
                    f"{row.provider.name}: {money(row.net, obj.currency)}",
                ),
            )
            for row in rows[:MOST_PROVIDERS]
        )
        return table(headings, cells)

    @display(description=_("disputes"))
    def disputes(self, obj: Reconciliation) -> str:
        """List what is disputed, of the providers shown."""
        rows = Dispute.objects.filter(
            line__reconciliation=obj, provider__in=[row.provider_id for row in shown(obj)]
        ).select_related("provider")
        found = [
            (
                row.provider.name,
                row.get_side_display(),
                money(row.amount, obj.currency),
                money(row.withheld_amount, obj.currency),
                row.get_status_display(),
            )
            for row in rows.order_by("opened_at", "pk")
        ]
        headings = (_("Provider"), _("Opened by the"), _("Disputed"), _("Withheld"), _("Status"))
        return table(headings, found) if found else "–"


def shown(obj: Reconciliation) -> list[Any]:
    """Return the totals the viewer may read, which the page's queryset fetched."""
    return list(getattr(obj, "shown", ()))


def total(obj: Reconciliation, name: str) -> str:
    """Add a column of the totals up."""
    return money(sum(getattr(row, name) for row in shown(obj)), obj.currency)


@admin.register(NetworkProof)
class NetworkProofAdmin(ServiceModelAdmin):
    """What the nightly proofs found; written by nobody here."""

    list_display = ("insurer", "ran_at", "verdict", "seconds")
    list_filter = ("is_sound",)
    list_select_related = ("insurer",)
    ordering = ("-ran_at", "-pk")
    fields = (("insurer", "ran_at", "verdict"), ("seconds",), "discrepancies")
    readonly_fields = ("verdict", "discrepancies")

    def object_label(self, obj: NetworkProof) -> str:
        """Return the day."""
        return f"{obj.ran_at:%d/%m/%Y %H:%M}"

    @display(description=_("verdict"), ordering="is_sound", label={"sound": "success", "unsound": "danger"})
    def verdict(self, obj: NetworkProof) -> tuple[str, Any]:
        """Say whether the books agree."""
        return ("sound", _("the books agree")) if obj.is_sound else ("unsound", _("the books disagree"))

    @display(description=_("discrepancies"))
    def discrepancies(self, obj: NetworkProof) -> str:
        """List what does not fit, with the keys of the first rows."""
        rows = [(found["check"], found["count"], ", ".join(found["ids"])) for found in obj.findings]
        return table((_("Check"), _("Rows"), _("Keys")), rows) if rows else "–"
