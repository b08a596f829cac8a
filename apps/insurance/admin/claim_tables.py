"""A claim's lines, flags and decisions as tables, each explained in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from apps.insurance.admin.agreements import link, money, table
from apps.insurance.engine.phrases import PHRASES
from apps.insurance.fhir.responses import sentence
from apps.insurance.models import Claim, ClaimReview
from apps.insurance.rule_names import name_of

# Figures that a phrase adds in brackets: dates, limits, codes.
IN_BRACKETS = re.compile(r"\s*\([^)]*\{[^)]*\)")


def reason_words(code: str, language: str) -> str:
    """Return a claim's reason as people read it; the figures of its words stand in the lines."""
    if not code:
        return "–"
    text = IN_BRACKETS.sub("", PHRASES.get(code, {}).get(language, ""))
    return str(capfirst(text)) if text and "{" not in text else _("See the lines (%(code)s)") % {"code": code}


def line_table(claim: Claim, *, proposed: Mapping[str, int]) -> Any:
    """Draw the lines with their amounts; `proposed` are amounts a first person has set, by key of the line."""
    language = (get_language() or "fr")[:2]
    hidden = claim.status == Claim.Status.BLOCKED
    rows = []
    for item in claim.items.order_by("sequence"):
        set_to = proposed.get(str(item.pk))
        rows.append(
            (
                f"{item.code} {item.label}".strip(),
                item.tooth or "–",
                item.quantity,
                money(item.line_total, claim.currency),
                money(item.covered_amount, claim.currency),
                *([money(set_to, claim.currency) or "–"] if proposed else []),
                money(item.copay_amount, claim.currency),
                _("Being verified") if hidden else sentence(item, claim.currency, language),
            )
        )
    headings = [_("Act or product"), _("Tooth"), _("Quantity"), _("Asked"), _("Covered")]
    headings += [_("Proposed")] if proposed else []
    headings += [_("Patient"), _("Explanation")]
    return table(headings, rows, numeric=range(2, len(headings) - 1))


def flag_table(claim: Claim) -> Any:
    """Draw what screening noticed, with its evidence, or say that it noticed nothing."""
    rows = [
        (
            link("claimflag", flag.pk, name_of(flag.rule)),
            flag.get_family_display(),
            f"{flag.points}" if not flag.shadow else _("on trial"),
            f"{flag.observed.normalize():f}",
            f"{flag.threshold.normalize():f}",
            evidence_of(flag.evidence),
            flag.get_outcome_display() or _("not reviewed"),
        )
        for flag in claim.flags.order_by("-points", "rule")
    ]
    headings = (
        _("Rule"), _("Family"), _("Points"), _("Observed"), _("Threshold"), _("Evidence"), _("Outcome"),
    )  # fmt: skip
    return table(headings, rows, numeric=range(2, 5)) if rows else _("Screening noticed nothing.")


def evidence_of(evidence: Any) -> Any:
    """Return evidence as words: claims lead to their pages, lines are numbered as on this one."""
    names = {"claims": _("Claims"), "lines": _("Lines"), "days": _("Days"), "codes": _("Acts")}
    parts = []
    for name, value in sorted((evidence or {}).items()):
        values = value if isinstance(value, list) else [value]
        shown = [
            link("claim", text, f"…{text[-6:]}") if name == "claims" else shortened(text)
            for text in map(str, values[:5])
        ]
        parts.append((names.get(name, name), format_html_join(", ", "{}", ((text,) for text in shown))))
    said = [(_("%(name)s: %(what)s") % {"name": name, "what": "{}"}, what) for name, what in parts]
    return format_html_join("", "<div>{}</div>", ((format_html(text, what),) for text, what in said)) or "–"


def shortened(text: str) -> str:
    """Return a key's last digits, any other text as it is."""
    return f"…{text[-6:]}" if len(text) == 36 else text


def decision_table(claim: Claim) -> Any:
    """Draw who decided what, when, why and at which amounts, the last first."""
    found = list(ClaimReview.objects.filter(claim=claim).select_related("by").order_by("-id"))
    if not found:
        return _("Nobody has decided anything yet.")
    codes = {str(key): code for key, code in claim.items.values_list("pk", "code")}
    rows = [
        (
            timezone.localtime(review.decided_at).strftime("%d/%m/%Y %H:%M"),
            review.by.get_full_name(),
            review.get_verb_display(),
            review.reason or "–",
            amounts_of(review, codes, claim.currency),
            _("yes") if review.is_final else _("waits for a second person"),
        )
        for review in found
    ]
    headings = (_("When"), _("Who"), _("Decision"), _("Reason"), _("Amounts set"), _("Takes effect"))
    return table(headings, rows)


def amounts_of(review: ClaimReview, codes: Mapping[str, str], currency: str) -> str:
    """Return the amounts a person set, line by line."""
    texts = [f"{codes.get(key, '…')}: {money(amount, currency)}" for key, amount in review.amounts.items()]
    return ", ".join(texts) or "–"
