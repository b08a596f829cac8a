"""What is left of a contract's limits, as a picture: one bar per limit and period."""

from __future__ import annotations

from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.insurance.admin.agreements import money
from apps.insurance.models import WHOLE, CareType, ContractBalance


def balance_bars(contract: Any) -> SafeString | str:
    """Draw the limits of a contract: how much of each is used, the newest period first."""
    rows = ContractBalance.objects.filter(contract=contract).order_by("-period_start", "scope")[:40]
    bars = [bar(row, contract.currency) for row in rows]
    return format_html_join("", "{}", ((each,) for each in bars)) if bars else _("Nothing was used yet.")


def bar(row: ContractBalance, currency: str) -> SafeString:
    """Draw one limit; one without an end is a sentence."""
    name = f"{scope_name(row.scope)}, {row.period_start:%d/%m/%Y} – {row.period_end:%d/%m/%Y}"
    if row.limit_amount is None:
        text = _("%(used)s used, no limit") % {"used": money(row.used, currency)}
        return format_html('<p class="mb-2">{}<br>{}</p>', name, text)
    text = _("%(used)s used of %(limit)s, %(left)s left") % {
        "used": money(row.used, currency),
        "limit": money(row.limit_amount, currency),
        "left": money(row.limit_amount - row.used, currency),
    }
    return format_html(
        '<p class="mb-2">{}<br><meter class="osd-meter" min="0" max="{}" value="{}" aria-label="{}"></meter> {}</p>',
        name,
        row.limit_amount or 1,
        row.used,
        f"{name}: {text}",
        text,
    )


def scope_name(scope: str) -> str:
    """Return what people call a limit."""
    kind, _colon, care = scope.rpartition(":")
    if scope == WHOLE:
        return _("All care")
    label = str(dict(CareType.choices).get(care, care))
    return _("Deductible: %(care)s") % {"care": label} if kind else label
