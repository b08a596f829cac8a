"""The printed bordereau: totals, providers, retentions and the first lines, in the reader's part of it."""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format

from apps.core.money import format_money, format_number
from apps.core.scope import Viewer
from apps.directory.identifiers import TUNISIAN, grouped
from apps.insurance.models import Reconciliation, ReconciliationLine, Retention
from apps.insurance.reconciliation_selectors import lines_for
from apps.insurance.transfers import Transfer, transfers_of

FOLDER: Final = Path(settings.BASE_DIR) / "templates" / "insurance"
# What people still read; the whole is in the CSV, under the same hash.
MOST_LINES: Final = 400
AMOUNTS: Final = "covered retentions credits releases carried_out net".split()


@dataclass(frozen=True, slots=True)
class ProviderPart:
    """One provider's totals and lines as text."""

    name: str
    tax_id: str
    city: str
    account: str
    reference: str
    claims: int
    certificate: str
    amounts: dict[str, str]
    retentions: Sequence[dict[str, str]]
    lines: Sequence[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Bordereau:
    """Everything the template shows."""

    row: Reconciliation
    period: tuple[str, str]
    generated_on: str
    paid_on: str
    totals: dict[str, str]
    disputed: str
    paid: str
    parts: Sequence[ProviderPart]
    left_out: int
    missing: int


def bordereau_of(row: Reconciliation, viewer: Viewer) -> Bordereau:
    """Read what the viewer's copy shows, in the active language."""
    transfers = sorted(transfers_of(row, viewer), key=lambda each: (each.total.provider.name, each.reference))
    totals = [each.total for each in transfers]
    kept = list(Retention.objects.visible_to(viewer).filter(reconciliation=row).order_by("code"))
    rows = lines_for(viewer=viewer).filter(reconciliation=row)
    lines, count = list(rows[:MOST_LINES]), rows.count()
    sums = {name: sum(getattr(total, name) for total in totals) for name in AMOUNTS}
    withheld = sum(each.disputed for each in transfers)
    return Bordereau(
        row=row,
        period=(short(row.period_start), short(row.period_end)),
        generated_on=short(row.generated_at.astimezone(row.insurer.zone).date()),
        paid_on=short(row.payment_date),
        totals={name: money(row, amount) for name, amount in sums.items()}
        | {"claims": str(sum(total.claims for total in totals))},
        disputed=money(row, withheld) if withheld else "",
        paid=money(row, sums["net"] - withheld) if row.paid_amount is not None else "",
        parts=[part_of(row, transfer, kept, lines) for transfer in transfers],
        missing=sum(not each.account for each in transfers if each.amount),
        left_out=count - len(lines),
    )


def part_of(
    row: Reconciliation,
    transfer: Transfer,
    kept: Sequence[Retention],
    lines: Sequence[ReconciliationLine],
) -> ProviderPart:
    """Return one provider's part as text."""
    total = transfer.total
    return ProviderPart(
        name=total.provider.name,
        tax_id=total.provider.tax_id,
        city=total.provider.city,
        account=account_text(transfer.account),
        reference=transfer.reference if transfer.amount else "",
        claims=total.claims,
        certificate=total.certificate_number,
        amounts={name: number(row, getattr(total, name)) for name in AMOUNTS},
        retentions=[
            {
                "code": code.code,
                "kind": code.get_kind_display(),
                "base": number(row, code.base_amount),
                "rate": "" if code.rate_bp is None else f"{code.rate_bp / 100:g} %".replace(".", ","),
                "amount": number(row, code.amount),
            }
            for code in kept
            if code.provider_row_id == total.pk
        ],
        lines=[line_of(row, line) for line in lines if line.provider_row_id == total.pk],
    )


def account_text(account: str) -> str:
    """Write an account as banks print it, the RIB of a Tunisian one beside its IBAN."""
    rib = account.removeprefix(TUNISIAN)
    whole = account.isalnum()
    text = grouped(account) if whole else account
    return f"{text} · RIB {rib}" if whole and account.startswith(TUNISIAN) else text


def line_of(row: Reconciliation, line: ReconciliationLine) -> dict[str, str]:
    """Return one line as text; a claim is named by the end of its key, which tells it apart."""
    return {
        "claim": str(line.claim_id)[-12:] if line.claim_id else "",
        "day": short(line.claim.service_date) if line.claim else "",
        "care": line.claim.get_type_display() if line.claim else "",
        "kind": line.get_kind_display() if line.kind != line.Kind.CLAIM else "",
        **{name: number(row, getattr(line, name)) for name in ("amount", "covered", "retention", "net")},
    }


def money(row: Reconciliation, amount: int) -> str:
    """Write an amount with its currency."""
    return format_money(amount, row.currency, translation.get_language() or "fr")


def number(row: Reconciliation, amount: int) -> str:
    """Write an amount in a column that names the currency once."""
    return format_number(amount, row.currency, translation.get_language() or "fr")


def short(day: Any) -> str:
    """Write a day in figures."""
    return "" if day is None else date_format(day, "d/m/Y")


@cache
def stylesheet() -> Any:
    """Parse the stylesheet once per process."""
    from weasyprint import CSS
    from weasyprint.text.fonts import FontConfiguration

    fonts = FontConfiguration()
    return CSS(filename=FOLDER / "bordereau.css", font_config=fonts), fonts


# The library's own clean-up needs modules that are gone once the interpreter is shutting down.
atexit.register(stylesheet.cache_clear)


def refuse_fetch(url: str, *args: Any, **kwargs: Any) -> Any:
    """Fetch nothing: text typed by people must not make the worker open files or addresses."""
    raise ValueError(f"a document refers to {url[:40]}")


def render_bordereau(row: Reconciliation, viewer: Viewer) -> bytes:
    """Render the viewer's copy as PDF/A; the same rows give the same bytes."""
    # Imported late: the library loads Pango, which few processes need.
    from weasyprint import HTML

    css, fonts = stylesheet()
    language = translation.get_language() or "fr"
    page = bordereau_of(row, viewer)
    html = render_to_string("insurance/bordereau.html", {"page": page, "language": language})
    document = HTML(string=html, base_url=str(FOLDER), url_fetcher=refuse_fetch)
    return bytes(
        document.write_pdf(
            stylesheets=[css], font_config=fonts, pdf_identifier=row.pk.bytes, pdf_variant="pdf/a-3u"
        )
    )
