"""Terms and prices as people read them: tables instead of JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.core.admin.dashboard import admin_page
from apps.core.money import format_money
from apps.insurance.models import CareType

# More acts than a page is read for; the file is downloaded for the rest.
MOST_ACTS: Final = 300


def money(amount: int | None, currency: str) -> str:
    """Write an amount in the reader's language; nothing for nothing."""
    return "" if amount is None else format_money(amount, currency, get_language() or "fr")


def percent(rate_bp: int | None) -> str:
    """Write basis points as a percentage; nothing for nothing."""
    if rate_bp is None:
        return ""
    whole, rest = divmod(rate_bp, 100)
    return f"{whole}\u202f%" if not rest else f"{whole},{rest:02d}".rstrip("0") + "\u202f%"


def link(model: str, key: Any, text: Any) -> SafeString | str:
    """Return a text that leads to a row's page, where the house has one."""
    address = admin_page(f"insurance_{model}_change", key)
    if not address:
        return str(text)
    classes = "text-primary-700 whitespace-nowrap dark:text-primary-400"
    return format_html('<a class="{}" href="{}">{}</a>', classes, address, text)


def table(
    headings: Sequence[Any], rows: Iterable[Sequence[Any]], *, numeric: Collection[int] = ()
) -> SafeString:
    """Draw a table; `numeric` are the columns of figures, counted from 0, which stand to the right."""
    classes = ["osd-figure" if number in numeric else "" for number in range(len(headings))]
    head = format_html_join("", '<th scope="col" class="{}">{}</th>', zip(classes, headings, strict=True))
    body = format_html_join(
        "",
        "<tr>{}</tr>",
        ((format_html_join("", '<td class="{}">{}</td>', zip(classes, row, strict=True)),) for row in rows),
    )
    return format_html(
        '<div class="overflow-x-auto" tabindex="0"><table class="osd-table text-sm"><thead><tr>{}</tr></thead>'
        "<tbody>{}</tbody></table></div>",
        head,
        body,
    )


def coverage_table(coverage: Mapping[str, Any], currency: str) -> SafeString:
    """Draw what a contract pays, one line per kind of care."""
    labels = dict(CareType.choices)
    headings = (
        _("Kind of care"),
        _("Rate"),
        _("Generics"),
        _("Yearly limit"),
        _("Deductible"),
        _("Waiting"),
        _("More"),
    )
    rows = []
    for kind, care in coverage.items():
        waiting = care.get("waiting_days")
        deductible = care.get("deductible_per_claim") or care.get("deductible_annual")
        rows.append(
            (
                labels.get(kind, kind),
                percent(care.get("rate_bp")),
                percent(care.get("generic_rate_bp")),
                money(care.get("annual_sublimit"), currency),
                money(deductible, currency),
                "" if waiting is None else _("%(n)s days") % {"n": waiting},
                ", ".join(further(care, currency)),
            )
        )
    return table(headings, rows, numeric=range(1, 6))


def further(care: Mapping[str, Any], currency: str) -> list[str]:
    """Say what a contract sets besides."""
    found = []
    for name, label in (
        ("claim_cap", _("at most %(amount)s a claim")),
        ("act_cap", _("at most %(amount)s an act")),
        ("fixed_copay", _("%(amount)s always borne by the patient")),
        ("preauth_above", _("prior agreement above %(amount)s")),
    ):
        if care.get(name):
            found.append(label % {"amount": money(care[name], currency)})
    if care.get("of_base_bp"):
        found.append(_("%(rate)s of the base") % {"rate": percent(care["of_base_bp"])})
    if care.get("outside_limit"):
        found.append(_("outside the contract's limit"))
    if care.get("acts"):
        found.append(_("%(n)s acts with terms of their own") % {"n": len(care["acts"])})
    return found


def bareme_table(content: Mapping[str, Any], currency: str) -> SafeString:
    """Draw a price list, its acts in order."""
    acts = sorted(content.get("acts", {}).items())
    headings = (_("Code"), _("Name"), _("Category"), _("Price"), _("Base"), _("Rate"), _("Generic group"))
    labels = dict(CareType.choices)
    rows = [
        (
            code,
            act.get("label") or "",
            labels.get(act.get("category") or "", act.get("category") or ""),
            money(act["fee_limit"] if act.get("fee_limit") is not None else act.get("price"), currency),
            money(act.get("base"), currency),
            percent(act.get("rate_bp")),
            group_of(act),
        )
        for code, act in acts[:MOST_ACTS]
    ]
    shown = table(headings, rows, numeric=range(3, 6))
    rest = len(acts) - MOST_ACTS
    return format_html("{}<p>{}</p>", shown, _("And %(n)s more.") % {"n": rest}) if rest > 0 else shown


def group_of(act: Mapping[str, Any]) -> str:
    """Name the generic group of an act, and whether it is the generic."""
    group = act.get("generic_group") or ""
    return _("%(group)s (generic)") % {"group": group} if group and act.get("is_generic") else group
