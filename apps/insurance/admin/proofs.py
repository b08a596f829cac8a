"""What the nightly proofs found, in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display

from apps.core.admin import ServiceModelAdmin
from apps.insurance.admin.agreements import table
from apps.insurance.models import NetworkProof

# What each check of the proof says; one that has no words yet is shown by its name.
CHECKS = {
    "balance_is_its_ledger": _("What a limit has used is the sum of its movements"),
    "reserve_is_what_is_covered": _("What a claim holds of the limits is what it covers"),
    "claim_is_its_items": _("A claim is the sum of its lines"),
    "claim_is_its_line": _("A reconciled claim is what its line says"),
    "line_stands_with_its_reconciliation": _("A line stands while its reconciliation does"),
    "total_is_its_lines": _("A provider's total is the sum of its lines"),
    "retention_is_its_codes": _("A retention is the sum of its codes"),
    "header_is_its_totals": _("A reconciliation is the sum of its providers"),
    "debt_is_taken_over_once": _("A debt is taken over once"),
    "paid_with_its_reconciliation": _("A claim is paid with its reconciliation"),
    "withheld_is_its_disputes": _("What was left out of a payment is what was disputed"),
    "content_is_its_hash": _("A reconciliation still has the fingerprint it was made with"),
}


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
        return f"{timezone.localtime(obj.ran_at):%d/%m/%Y %H:%M}"

    @display(description=_("verdict"), ordering="is_sound", label={"sound": "success", "unsound": "danger"})
    def verdict(self, obj: NetworkProof) -> tuple[str, Any]:
        """Say whether the books agree."""
        return ("sound", _("the books agree")) if obj.is_sound else ("unsound", _("the books disagree"))

    @display(description=_("discrepancies"))
    def discrepancies(self, obj: NetworkProof) -> str:
        """List what does not fit, with the keys of the first rows."""
        rows = [
            (CHECKS.get(found["check"], found["check"]), found["count"], ", ".join(found["ids"]))
            for found in obj.findings
        ]
        if rows:
            return table((_("Check"), _("Rows"), _("Keys")), rows, numeric=[1])
        checks = obj.checked.get("checks", 0)
        return ngettext("%(n)s check, no discrepancy.", "%(n)s checks, no discrepancy.", checks) % {
            "n": checks
        }
