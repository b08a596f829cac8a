"""A draft's lines shared out between those who pay, as a table on its page."""

from __future__ import annotations

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.billing.admin.amounts import shown
from apps.billing.models import Invoice
from apps.billing.rendering import share_label
from apps.billing.selectors import coverage_of

CELL = '<td class="px-3 py-1 text-right whitespace-nowrap">{}</td>'
HEAD = '<th class="px-3 py-1 text-right font-semibold whitespace-nowrap">{}</th>'
WIDE = '<td class="px-3 py-1">{}</td>'


def shares_table(invoice: Invoice, *, lines: bool = True) -> SafeString:
    """Return the table; where the shares were given, or `lines` are not wanted, only their sums."""
    items = sorted(invoice.items.all(), key=lambda item: item.position)
    shares = sorted(invoice.shares.select_related("insurer"), key=lambda share: share.position)
    coverage = coverage_of(items, shares) if lines else None
    rows = []
    if coverage is not None:
        for item, line in zip(items, coverage.lines, strict=True):
            amounts = [line.base, item.total_amount, *(part.amount for part in line.parts)]
            rows.append((f"{item.code} {item.label}".strip(), amounts))
    base = [sum(line.base for line in coverage.lines)] if coverage is not None else []
    rows.append((_("Total"), [*base, invoice.total_amount, *(share.amount for share in shares)]))
    heads = [*([_("Base")] if base else []), _("Fee"), *(share_label(share) for share in shares)]
    return format_html(
        '<div class="overflow-x-auto"><table class="w-full text-sm">'
        "<thead><tr><th></th>{}</tr></thead><tbody>{}</tbody></table></div>",
        format_html_join("", HEAD, ((head,) for head in heads)),
        format_html_join(
            "",
            "<tr>{}{}</tr>",
            (
                (
                    format_html(WIDE, label),
                    format_html_join("", CELL, ((shown(a, invoice.currency),) for a in amounts)),
                )
                for label, amounts in rows
            ),
        ),
    )
