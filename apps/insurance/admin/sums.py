"""What a reconciliation comes to, as tables: the same before it is made and afterwards."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.insurance.admin.agreements import money, percent, table
from apps.insurance.models import ReconciliationProvider
from apps.insurance.reconciliation_preview import CodeTotal

# As many as a page is read for; the files hold the rest.
MOST_PROVIDERS: Final = 200
AMOUNTS: Final = ("covered", "retentions", "credits", "releases", "carried_out", "net")


def provider_table(found: Iterable[ReconciliationProvider], currency: str) -> SafeString:
    """Draw what each provider gets, the most first, its share of the whole as a bar."""
    rows = sorted(found, key=lambda row: (-row.net, row.provider.name))
    most = max((row.net for row in rows), default=0) or 1
    headings = (
        _("Provider"), capfirst(_("claims")), _("Covered"), _("Retentions"), _("Credits"), _("Releases"),
        _("Carried forward"), _("Net"), _("Share"),
    )  # fmt: skip
    cells = (
        (
            row.provider.name,
            row.claims,
            *(money(getattr(row, name), currency) for name in AMOUNTS),
            format_html(
                '<meter class="osd-meter" min="0" max="{}" value="{}" aria-label="{}"></meter>',
                most,
                row.net,
                f"{row.provider.name}: {money(row.net, currency)}",
            ),
        )
        for row in rows[:MOST_PROVIDERS]
    )
    drawn = table(headings, cells, numeric=range(1, 8))
    rest = len(rows) - MOST_PROVIDERS
    if rest <= 0:
        return drawn
    more = ngettext("%(n)s more provider is in the files.", "%(n)s more providers are in the files.", rest)
    return format_html("{}<p>{}</p>", drawn, more % {"n": rest})


def code_table(codes: Sequence[CodeTotal], currency: str) -> SafeString | str:
    """Draw what is kept back under each code, or say that nothing is."""
    if not codes:
        return _("Nothing is kept back.")
    headings = (_("Code"), _("Kind"), _("Rate"), _("Providers"), _("Computed on"), _("Kept back"))
    rows = (
        (
            code.code,
            code.kind_label,
            percent(code.rate_bp) or _("fixed amount"),
            code.providers,
            money(code.base_amount, currency),
            money(code.amount, currency),
        )
        for code in codes
    )
    return table(headings, rows, numeric=range(2, 6))


def totals_list(header: Any, carried_in: int) -> list[tuple[str, str]]:
    """Return the sums of a header as pairs of label and text."""
    currency = header.currency
    return [
        (_("claims"), str(header.total_claims)),
        (_("Asked"), money(header.total_amount, currency)),
        (_("Covered"), money(header.total_covered, currency)),
        (_("Retentions"), f"− {money(header.total_retentions, currency)}"),
        (_("Credits"), f"− {money(header.total_credits, currency)}"),
        (_("of which owed from before"), money(carried_in, currency)),
        (_("Releases"), f"+ {money(header.total_releases, currency)}"),
        (_("Carried forward"), f"+ {money(header.total_carried_out, currency)}"),
        (_("Net payable"), money(header.total_net_payable, currency)),
    ]
